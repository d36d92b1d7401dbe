"""Each switch of the double of ComfyUI has the effect that it promises, so that tests of faults test something."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
import websockets

from tests.contract.comfyui_protocol import LAST, Player, folded, kind, transcript
from tests.fakes.comfyui import catalogue
from tests.servers.comfyui import ComfyDouble

OTHER = "z_image_turbo_bf16.safetensors"


def graph(
    seed: int = 1, *, steps: int = 4, frames: int = 8, prefix: str = "clip", model: str = ""
) -> dict[str, Any]:
    """A clip of 64x48 by way of a sampler; with a model file, if one is named."""
    nodes: dict[str, Any] = {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 48, "batch_size": frames, "color": 0}},
        "2": {
            "class_type": "MVProbeSampler",
            "inputs": {"image": ["1", 0], "seed": seed, "steps": steps, "step_ms": 10, "fail": ""},
        },
        "3": {"class_type": "CreateVideo", "inputs": {"images": ["2", 0], "fps": 8}},
        "9": {
            "class_type": "SaveVideo",
            "inputs": {"video": ["3", 0], "filename_prefix": prefix, "format": "mp4", "format.codec": "h264"},
        },
    }
    if model:
        nodes["5"] = {"class_type": "UNETLoader", "inputs": {"unet_name": model, "weight_dtype": "default"}}
        nodes["6"] = {"class_type": "PreviewAny", "inputs": {"source": ["5", 0]}}
    return nodes


@pytest.fixture
async def player(comfyui: ComfyDouble) -> AsyncIterator[Player]:
    async with httpx.AsyncClient(base_url=comfyui.url, timeout=20.0, trust_env=False, verify=False) as http:
        yield Player(http)


async def run(player: Player, nodes: dict[str, Any]) -> dict[str, Any]:
    """Its history entry."""
    return await player.history(await player.post(nodes))


def file_of(comfyui: ComfyDouble, entry: dict[str, Any]) -> Path:
    saved = entry["outputs"]["9"]["images"][0]
    return comfyui.folder.joinpath(saved["type"], saved["subfolder"], saved["filename"])


def pictures(file: Path) -> np.ndarray[Any, Any]:
    """All frames, grey, (frames, height, width)."""
    with av.open(str(file)) as container:
        return np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])


async def test_a_clip_is_what_the_graph_asks_for(comfyui: ComfyDouble, player: Player) -> None:
    first, second = [await run(player, graph(seed)) for seed in (1, 2)]
    one, other = pictures(file_of(comfyui, first)), pictures(file_of(comfyui, second))
    assert one.shape == (8, 48, 64)
    assert np.abs(np.diff(one.astype(float), axis=0)).mean() > 0.5  # it moves
    assert 30 < one.mean() < 225
    assert np.abs(one.astype(float) - other).mean() > 5  # the seed shows
    with av.open(str(file_of(comfyui, first))) as container:
        assert container.streams.video[0].average_rate == 8
        assert "MVProbeSampler" in container.metadata["prompt"]


async def test_a_latent_holds_whole_steps_of_size_and_length(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(light_files=True)
    nodes = graph()
    nodes["1"] = {
        "class_type": "EmptyLTXVLatentVideo",
        "inputs": {"width": 128, "height": 80, "length": 16, "batch_size": 1},
    }
    nodes["4"] = {"class_type": "VAELoader", "inputs": {"vae_name": "pixel_space"}}
    nodes["2"] = {"class_type": "VAEDecode", "inputs": {"samples": ["1", 0], "vae": ["4", 0]}}
    file = file_of(comfyui, await run(player, nodes))
    assert pictures(file).shape == (9, 64, 128)


@pytest.mark.parametrize(
    ("how", "seen"),
    [
        ("black", lambda all_frames: all_frames.max() < 20),
        ("frozen", lambda all_frames: np.abs(np.diff(all_frames.astype(float), axis=0)).mean() < 0.5),
        ("short", lambda all_frames: len(all_frames) == 4),
        ("size", lambda all_frames: all_frames.shape[1:] == (24, 32)),
    ],
)
async def test_bad_output_is_bad(
    comfyui: ComfyDouble, player: Player, how: str, seen: Callable[[np.ndarray[Any, Any]], bool]
) -> None:
    comfyui.next_prompt(bad_output=how)
    entry = await run(player, graph())
    assert entry["status"]["status_str"] == "success"
    assert seen(pictures(file_of(comfyui, entry)))
    assert pictures(file_of(comfyui, await run(player, graph(2)))).shape == (8, 48, 64)  # one prompt alone


async def test_unreadable_cut_and_missing_files(comfyui: ComfyDouble, player: Player) -> None:
    spoilt: tuple[dict[str, Any], ...] = ({"bad_output": "garbage"}, {"truncate_file": True})
    for seed, changes in enumerate(spoilt):
        comfyui.next_prompt(**changes)
        file = file_of(comfyui, await run(player, graph(seed)))
        with pytest.raises(av.FFmpegError):
            pictures(file)
    comfyui.next_prompt(bad_output="none")
    assert (await run(player, graph(9)))["outputs"]["9"]["images"] == []


async def test_a_cached_output_names_a_file_that_is_gone(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(stale_cache=True)
    first = await run(player, graph())
    assert file_of(comfyui, first).is_file()
    again = await run(player, graph())
    assert again["outputs"] == first["outputs"]
    assert (await player.http.get("/view", params=again["outputs"]["9"]["images"][0])).status_code == 404
    other = await run(player, graph(prefix="other"))
    assert file_of(comfyui, other).is_file()


async def test_a_download_breaks_and_can_be_resumed(comfyui: ComfyDouble, player: Player) -> None:
    entry = await run(player, graph())
    saved = entry["outputs"]["9"]["images"][0]
    whole = file_of(comfyui, entry).read_bytes()
    comfyui.set(n_cut_downloads=1)
    got = bytearray()
    with pytest.raises(httpx.RemoteProtocolError):
        async with player.http.stream("GET", "/view", params=saved) as answer:
            async for part in answer.aiter_raw():
                got += part
    assert 0 < len(got) < len(whole)
    rest = await player.http.get("/view", params=saved, headers={"range": f"bytes={len(got)}-"})
    assert bytes(got) + rest.content == whole


async def test_history_comes_late(comfyui: ComfyDouble, player: Player) -> None:
    client = uuid.uuid4().hex
    comfyui.set(history_delay_s=0.5, history_gap_s=0.5)
    async with player.socket(client) as listener:
        prompt_id = await player.post(graph(), client_id=client)
        await listener.until_kind("execution_success")
        assert (await player.http.get(f"/history/{prompt_id}")).json() == {}
        assert (await player.http.get("/queue")).json()["queue_running"][0][1] == prompt_id
        await player.seen(lambda: player.http.get("/queue"), lambda queue: not queue["queue_running"])
        assert (await player.http.get(f"/history/{prompt_id}")).json() == {}
        await player.history(prompt_id)


async def test_a_prompt_may_be_forgotten(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.next_prompt(forgets=True)
    prompt_id = await player.post(graph())
    comfyui.wait(lambda state: bool(state["counts"]["succeeded"]) and not state["running"])
    assert (await player.http.get(f"/history/{prompt_id}")).json() == {}


@pytest.mark.parametrize("changes", [{"oom": "always"}, {"oom": "size", "oom_pixels": 64 * 48 * 8 - 1}])
async def test_memory_runs_out(comfyui: ComfyDouble, player: Player, changes: dict[str, Any]) -> None:
    comfyui.set(**changes)
    entry = await run(player, graph())
    assert entry["status"]["messages"][-1][1]["exception_type"] == "torch.OutOfMemoryError"
    comfyui.set(oom="size")
    smaller = await run(player, graph(frames=7))
    assert smaller["status"]["status_str"] == ("success" if "oom_pixels" in changes else "error")


async def test_model_files_cost_time_and_room(comfyui: ComfyDouble, player: Player) -> None:
    gib = 1 << 30
    comfyui.set(load_s=0.15, vram_bytes=5 * gib, model_bytes=4 * gib)
    first, other = catalogue.known_models()["diffusion_models"][:2]
    for seed, (model, loads) in enumerate([(first, 1), (first, 1), (other, 2), (first, 3)]):
        began = time.monotonic()
        before = sum(comfyui.counts["loads"].values())
        await run(player, graph(seed, steps=1, model=model))
        assert sum(comfyui.counts["loads"].values()) == loads
        assert time.monotonic() - began >= 0.15 * (loads - before)
    assert comfyui.counts["loads"] == {f"diffusion_models/{first}": 2, f"diffusion_models/{other}": 1}
    device = (await player.http.get("/system_stats")).json()["devices"][0]
    assert (device["vram_total"], device["vram_free"]) == (5 * gib, 1 * gib)
    await player.http.post("/free", json={"unload_models": True, "free_memory": True})
    assert comfyui.state["resident"] == []


async def test_what_a_server_has_can_be_chosen(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(models={"diffusion_models": [OTHER]}, without_nodes=["SaveWEBM"])
    offered = (await player.http.get("/object_info/UNETLoader")).json()["UNETLoader"]["input"]["required"][
        "unet_name"
    ]
    assert offered[0] == [OTHER]
    assert (await player.http.get("/models/diffusion_models")).json() == [OTHER]
    assert (await player.http.get("/object_info/SaveWEBM")).json() == {}
    answer = await player.http.post("/prompt", json={"prompt": graph(model="nope.safetensors")})
    assert answer.json()["node_errors"]["5"]["errors"][0]["type"] == "value_not_in_list"


@pytest.mark.parametrize(("when", "queued"), [("before", 0), ("after", 1)])
async def test_the_answer_to_a_prompt_is_lost(comfyui: ComfyDouble, player: Player, when: str, queued: int) -> None:
    comfyui.next_prompt(lost_answer=when)
    prompt_id = str(uuid.uuid4())
    with pytest.raises(httpx.TransportError):
        await player.post(graph(), prompt_id=prompt_id)
    assert comfyui.counts["accepted"].get(prompt_id, 0) == queued
    await run(player, graph(2))


async def test_a_prompt_is_refused_or_half_taken(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.next_prompt(refuse_status=503)
    assert (await player.http.post("/prompt", json={"prompt": graph()})).status_code == 503
    comfyui.next_prompt(partial=True)
    answer = (await player.http.post("/prompt", json={"prompt": graph(steps=50)})).json()
    assert answer["node_errors"]
    assert comfyui.counts["accepted"] == {answer["prompt_id"]: 1}


@pytest.mark.parametrize("when", ["accepted", "running", "done"])
async def test_a_crash_loses_the_prompt(comfyui: ComfyDouble, player: Player, when: str) -> None:
    comfyui.next_prompt(crash=when)
    try:
        await player.post(graph())
    except httpx.TransportError:
        assert when == "accepted"
    comfyui.wait(lambda state: state["up"] and state["epoch"] == 2)
    assert (await player.http.get("/history")).json() == {}
    assert (await run(player, graph(2)))["status"]["status_str"] == "success"
    assert comfyui.counts["crashes"] == 1


async def test_an_interrupt_is_heeded_late_or_never(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(interrupt_s=0.2, steps_at_most=0)
    prompt_id = await player.post(graph(steps=200))
    comfyui.wait(lambda state: state["running"] == prompt_id)
    began = time.monotonic()
    await player.http.post("/interrupt", json={"prompt_id": prompt_id})
    entry = await player.history(prompt_id)
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    assert time.monotonic() - began >= 0.2
    comfyui.set(deaf_to_interrupts=True)
    prompt_id = await player.post(graph(2, steps=20))
    comfyui.wait(lambda state: state["running"] == prompt_id)
    await player.http.post("/interrupt")
    assert (await player.history(prompt_id))["status"]["status_str"] == "success"


async def test_a_node_that_does_not_tick_is_interrupted_after_it(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(node_s=0.3)
    client = uuid.uuid4().hex
    nodes = graph()
    nodes["2"] = {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}}
    async with player.socket(client) as listener:
        prompt_id = await player.post(nodes, client_id=client)
        await listener.until_kind("executing")
        await player.http.post("/interrupt", json={"prompt_id": prompt_id})
        await listener.until_kind(LAST)
    tail = ["executing", "execution_interrupted", "status", LAST]
    assert folded(listener.heard)[-4:] == folded(transcript("interrupt_uncooperative_node"))[-4:] == tail
    assert next(one for one in listener.heard if kind(one) == "execution_interrupted")["json"]["data"][
        "executed"
    ] == ["1"]


async def test_a_sampler_stalls_and_goes_on(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(stall_s=0.3)
    began = time.monotonic()
    assert (await run(player, graph()))["status"]["status_str"] == "success"
    assert time.monotonic() - began >= 0.3


async def test_an_error_names_the_node(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.next_prompt(exec_error="no such tensor")
    entry = await run(player, graph())
    kind_of, said = entry["status"]["messages"][-1]
    assert (kind_of, said["node_id"], said["exception_message"]) == ("execution_error", "2", "no such tensor\n")


async def test_sockets_break_go_silent_or_deaf(comfyui: ComfyDouble, player: Player) -> None:
    client = uuid.uuid4().hex
    async with player.socket(client) as listener:
        await listener.until_kind("status")
        await asyncio.to_thread(comfyui.drop_sockets)
        with pytest.raises(websockets.ConnectionClosedError):
            await listener.silence(5)
    async with player.socket(client) as listener:
        await listener.until_kind("status")
        comfyui.set(socket="silent")
        await player.history(await player.post(graph(), client_id=client))
        await listener.silence(0.05)
        assert [kind(event) for event in listener.heard] == ["status"]
        async with asyncio.timeout(5):
            await (await listener.socket.ping())  # yet it is alive
        comfyui.set(socket="deaf")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await (await listener.socket.ping())
    async with player.socket(client) as again:  # nor does a new one
        await again.until_kind("status")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await (await again.socket.ping())
        comfyui.set(socket="open")
    comfyui.set(socket_life_events=3)
    async with player.socket(client) as listener:
        await player.post(graph(3), client_id=client)
        with pytest.raises(websockets.ConnectionClosed):
            await listener.until_kind(LAST)
        assert len(listener.heard) == 1 + 3
    comfyui.set(socket="refused")
    with pytest.raises(websockets.InvalidStatus):
        async with player.socket(client):
            pass


async def test_a_server_flaps_and_keeps_its_work(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(steps_at_most=0)
    prompt_id = await player.post(graph(steps=60))
    comfyui.set(flap_up_s=0.1, flap_down_s=0.2)
    unreachable = 0
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        try:
            if (await player.http.get(f"/history/{prompt_id}")).json():
                break
        except httpx.TransportError:
            unreachable += 1
        await asyncio.sleep(0.03)
    else:
        pytest.fail("it never came to an end")
    assert unreachable
    assert comfyui.state["epoch"] == 1


async def test_a_stopped_server_refuses_connections(comfyui: ComfyDouble, player: Player) -> None:
    await asyncio.to_thread(comfyui.stop)
    with pytest.raises(httpx.ConnectError):
        await player.http.get("/queue")
    await asyncio.to_thread(comfyui.start)
    assert (await player.http.get("/queue")).status_code == 200


async def test_uploads_can_come_back_under_another_name(comfyui: ComfyDouble, player: Player) -> None:
    comfyui.set(upload_renames=True)
    assert (await player.upload("probe.png")).json()["name"] == "probe (1).png"


async def test_a_switch_that_there_is_not_is_told(comfyui: ComfyDouble) -> None:
    with pytest.raises(ValueError, match="ghost"):
        comfyui.set(ghost=True)
