"""The double speaks as the servers that were captured; with COMFYUI_URL, a real one is held to the same."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import httpx
import pytest
import websockets

from tests.contract.comfyui_protocol import (
    LAST,
    Listener,
    Player,
    captured,
    differences,
    folded,
    kind,
    png,
    same_kinds,
    transcript,
)
from tests.fakes.comfyui.catalogue import PROBE
from tests.servers.comfyui import ComfyDouble

REAL = os.environ.get("COMFYUI_URL", "")
only_double = pytest.mark.skipif(bool(REAL), reason="it has no switches")


@pytest.fixture
async def player(request: pytest.FixtureRequest) -> AsyncIterator[Player]:
    """A client of a server without model files that holds `probe.png`."""
    url = REAL
    if not url:
        make = cast("Callable[..., ComfyDouble]", request.getfixturevalue("comfyui_servers"))
        url = make(models={}, steps_at_most=0).url
    async with httpx.AsyncClient(base_url=url, timeout=30.0, trust_env=False, verify=False) as http:
        player = Player(http)
        await player.forget()
        await player.upload("probe.png", overwrite="true")
        yield player


def run_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The graph of a captured run, and the extra data that came with it."""
    entry = captured("runs")[name]["history"]["prompt"]
    extra = {key: value for key, value in entry[3].items() if key not in ("client_id", "create_time")}
    return entry[2], extra


async def need(player: Player, graph: dict[str, Any]) -> None:
    if any(node["class_type"] == PROBE for node in graph.values()):
        found = (await player.http.get(f"/object_info/{PROBE}")).json()
        if not found:
            pytest.skip(f"the server has no {PROBE}")


@pytest.mark.parametrize("case", captured("idle"))
async def test_an_idle_server_answers_each_route(player: Player, case: str) -> None:
    wanted = captured("idle")[case]
    answer = await player.replay(wanted["request"])
    assert answer.status_code == wanted["status"]
    assert answer.headers.get("content-type") == wanted.get("content_type")
    if "json" in wanted:
        assert not list(differences(wanted["json"], answer.json()))


@pytest.mark.parametrize("case", captured("prompts"))
async def test_a_prompt_is_accepted_or_refused(player: Player, case: str) -> None:
    wanted = captured("prompts")[case]
    answer = await player.replay(wanted["request"])
    assert (answer.status_code, answer.headers["content-type"]) == (wanted["status"], wanted["content_type"])
    if "json" not in wanted:
        return
    expected, got = wanted["json"], answer.json()
    assert not list(differences(expected, got))
    assert expected.get("error") == got.get("error")
    for node, told in expected["node_errors"].items():
        found = got["node_errors"][node]
        assert found["class_type"] == told["class_type"]
        assert sorted(found["dependent_outputs"]) == sorted(told["dependent_outputs"])
        for one, other in zip(told["errors"], found["errors"], strict=True):
            assert (one["type"], one["message"], one["details"]) == (
                other["type"],
                other["message"],
                other["details"],
            )
            assert one["extra_info"].keys() == other["extra_info"].keys()


RUNS = {
    "image_normal": (),
    "image_cached": ("image_normal",),
    "video": ("image_normal",),
    "progress_preview_metadata": (),
    "progress_preview_legacy": ("progress_preview_metadata",),
    "error": (),
    "oom": ("error",),
    "interrupt_global": ("error",),
    "interrupt_by_id": ("error",),
}


@pytest.mark.parametrize(("name", "before"), RUNS.items())
async def test_a_run_is_told_as_it_was(player: Player, name: str, before: tuple[str, ...]) -> None:
    graph, extra = run_of(name)
    await need(player, graph)
    for earlier in before:
        await player.history(await player.post(run_of(earlier)[0]))
    client = uuid.uuid4().hex
    async with player.socket(client) as listener:
        if name.endswith("metadata"):
            await listener.socket.send('{"type": "feature_flags", "data": {"supports_preview_metadata": true}}')
            await listener.until_kind("feature_flags")
        prompt_id = await player.post(graph, client_id=client, extra_data=extra)
        if name.startswith("interrupt"):
            await listener.until_kind("preview")
            body = {"prompt_id": prompt_id} if name.endswith("by_id") else None
            await player.http.post("/interrupt", json=body)
        await listener.until_kind(LAST)
    expected = transcript(name)
    assert folded(listener.heard) == folded(expected)
    same_kinds(expected, listener.heard)
    wanted = captured("runs")[name]
    entry = await player.history(prompt_id)
    assert not list(differences({**wanted["history"], "outputs": {}}, {**entry, "outputs": {}}))
    assert [kind for kind, _ in entry["status"]["messages"]] == [
        kind for kind, _ in wanted["history"]["status"]["messages"]
    ]
    assert entry["status"]["status_str"] == wanted["history"]["status"]["status_str"]
    assert {node: told(output) for node, output in entry["outputs"].items()} == {
        node: told(output) for node, output in wanted["history"]["outputs"].items()
    }
    job = (await player.http.get(f"/api/jobs/{prompt_id}")).json()
    assert job["status"] == wanted["job"]["status"]
    assert not list(differences(wanted["job"], job))


def told(output: dict[str, list[Any]]) -> dict[str, Any]:
    """What an output says, without the names that a server made up."""
    return {
        media: [
            (entry["subfolder"], entry["type"], entry["filename"].rpartition(".")[2])
            if isinstance(entry, dict)
            else entry
            for entry in many
        ]
        for media, many in output.items()
    }


def long_probe(steps: int = 40, seed: int = 1) -> dict[str, Any]:
    graph, _ = run_of("interrupt_by_id")
    graph["2"]["inputs"] |= {"steps": steps, "step_ms": 20, "seed": seed}
    return graph


async def test_the_queue_lists_deletes_cancels_and_clears(player: Player) -> None:
    wanted = captured("queue")
    await need(player, long_probe())
    client = uuid.uuid4().hex
    running = await player.post(long_probe(steps=500), client_id=client)
    first, second, third = [await player.post(long_probe(seed=seed), client_id=client) for seed in (2, 3, 4)]
    http = player.http

    async def compared(case: str, path: str, body: Any = None) -> Any:
        answer = await (http.get(path) if body is None else http.post(path, json=body))
        assert answer.status_code == wanted[case]["status"]
        if "json" in wanted[case]:
            assert not list(differences(wanted[case]["json"], answer.json())), case
            return answer.json()
        assert answer.content == b""
        return None

    await player.seen(lambda: http.get("/queue"), lambda answer: bool(answer["queue_running"]))
    busy = await compared("queue_busy", "/queue")
    assert [entry[1] for entry in busy["queue_running"]] == [running]
    assert {entry[1] for entry in busy["queue_pending"]} == {first, second, third}
    assert (await compared("prompt_get_busy", "/prompt"))["exec_info"]["queue_remaining"] == 4
    jobs = await compared("jobs_busy", "/api/jobs?status=pending,in_progress")
    assert {job["id"]: job["status"] for job in jobs["jobs"]}[running] == "in_progress"
    assert (await compared("job_running", f"/api/jobs/{running}"))["status"] == "in_progress"
    assert (await compared("job_pending", f"/api/jobs/{first}"))["status"] == "pending"
    assert await compared("history_running", f"/history/{running}") == {}
    await compared("queue_delete", "/queue", {"delete": [first]})
    await compared("queue_delete_unknown", "/queue", {"delete": ["nope"]})
    await compared("queue_delete_running", "/queue", {"delete": [running]})
    await compared("job_deleted", f"/api/jobs/{first}")
    assert await compared("job_cancel_pending", f"/api/jobs/{second}/cancel", {}) == {"cancelled": True}
    assert await compared("job_cancel_unknown", f"/api/jobs/{uuid.uuid4()}/cancel", {}) == {"cancelled": False}
    left = (await http.get("/queue")).json()
    assert [entry[1] for entry in left["queue_pending"]] == [third]
    assert [entry[1] for entry in left["queue_running"]] == [running]
    twice = str(uuid.uuid4())
    for number in (7, 8):
        answer = await http.post(
            "/prompt", json={"prompt": long_probe(seed=9), "prompt_id": twice, "number": number}
        )
        assert not list(differences(wanted["dup_id_same_number"]["json"], answer.json()))
    assert [entry[1] for entry in (await http.get("/queue")).json()["queue_pending"]].count(twice) == 2
    await compared("queue_clear", "/queue", {"clear": True})
    assert await compared("job_cancel_running", f"/api/jobs/{running}/cancel", {}) == {"cancelled": True}
    entry = await player.history(running)
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    await compared("jobs_cancel_batch_bad", "/api/jobs/cancel", {"job_ids": ["x"]})
    assert await compared("jobs_cancel_batch", "/api/jobs/cancel", {"job_ids": [running]}) == {"cancelled": False}
    await compared("interrupt_idle", "/interrupt", {})
    await compared("free", "/free", {"unload_models": True, "free_memory": True})
    for case, path in (("queue_bad_json", "/queue"), ("free_empty_body", "/free")):
        answer = await http.post(path, content=wanted[case]["request"].get("data"))
        assert (answer.status_code, answer.headers["content-type"]) == (500, wanted[case]["content_type"])
    failed = await compared("jobs_failed", "/api/jobs?status=failed,cancelled&limit=5")
    assert failed["jobs"][0]["status"] == "cancelled"


async def test_prompts_run_by_number(player: Player) -> None:
    await need(player, long_probe())
    running = await player.post(long_probe(steps=20))
    ids = [await player.post(long_probe(steps=1, seed=seed)) for seed in (2, 3)]
    first = await player.post(long_probe(steps=1, seed=4), front=True)
    for prompt_id in (running, *ids, first):
        await player.history(prompt_id)
    done = list((await player.http.get("/history")).json())
    assert done == [running, first, *ids]


async def test_an_interrupt_of_another_prompt_stops_nothing(player: Player) -> None:
    await need(player, long_probe())
    prompt_id = await player.post(long_probe(steps=10))
    await asyncio.sleep(0.05)
    await player.http.post("/interrupt", json={"prompt_id": str(uuid.uuid4())})
    assert (await player.history(prompt_id))["status"]["status_str"] == "success"


async def test_history_is_paged_and_deleted(player: Player) -> None:
    graph = {key: run_of("image_normal")[0][key] for key in ("1", "3", "10")}
    ids = [await player.post(graph) for _ in range(4)]
    for prompt_id in ids:
        await player.history(prompt_id)

    async def listed(query: str) -> list[str]:
        return list((await player.http.get(f"/history{query}")).json())

    assert await listed("") == ids
    assert await listed("?max_items=2") == ids[-2:]
    assert await listed("?max_items=1&offset=0") == ids[:1]
    assert await listed("?offset=3") == ids[3:]
    assert await listed("?max_items=0") == []
    assert (await player.http.get("/history?max_items=x")).status_code == 500
    answer = await player.http.post("/history", json={"delete": [ids[0]]})
    assert (answer.status_code, answer.content) == (200, b"")
    assert await listed("") == ids[1:]
    assert (await player.http.get(f"/history/{ids[0]}")).json() == {}


async def test_uploads_are_kept_or_renamed(player: Player) -> None:
    wanted = captured("uploads")
    fields: dict[str, tuple[str, bytes, dict[str, str]]] = {
        "ok": ("probe.png", png(), {"overwrite": "true"}),
        "same_name_same_bytes": ("probe.png", png(), {}),
        "same_name_other_bytes": ("probe.png", png((1, 2, 3)), {}),
        "overwrite_true": ("probe.png", png((1, 2, 3)), {"overwrite": "true"}),
        "subfolder": ("probe.png", png(), {"subfolder": "proj/1"}),
        "type_temp": ("probe.png", png(), {"type": "temp"}),
        "type_output": ("probe.png", png(), {"type": "output"}),
        "type_bogus": ("probe.png", png(), {"type": "bogus"}),
        "subfolder_traversal": ("probe.png", png(), {"subfolder": "../.."}),
        "subfolder_absolute": ("probe.png", png(), {"subfolder": "/etc"}),
        "not_an_image_mp3": ("song.mp3", b"ID3 no picture", {}),
    }
    for case, (name, data, more) in fields.items():
        answer = await player.upload(name, data, **more)
        assert answer.status_code == wanted[case]["status"], case
        if "json" in wanted[case] and not REAL:
            assert answer.json() == wanted[case]["json"]
    assert (await player.http.post("/upload/image", content=b'{"a": 1}')).status_code == 400
    assert (await player.http.post("/upload/image", files={"other": ("a.png", png())})).status_code == 400


async def test_files_are_served_whole_in_ranges_and_never_from_outside(player: Player) -> None:
    graph, _ = run_of("video")
    entry = await player.history(await player.post(graph))
    saved = entry["outputs"]["20"]["images"][0]
    wanted = captured("views")["filename=clip_00001_.mp4&subfolder=mv&type=output"]
    whole = await player.http.get("/view", params=saved)
    assert whole.status_code == 200
    assert wanted["headers"].keys() <= whole.headers.keys()
    assert whole.headers["content-type"] == wanted["content_type"]
    part = await player.http.get("/view", params=saved, headers={"range": "bytes=0-99"})
    assert (part.status_code, part.content) == (206, whole.content[:100])
    assert part.headers["content-range"] == f"bytes 0-99/{len(whole.content)}"
    rest = await player.http.get("/view", params=saved, headers={"range": "bytes=100-"})
    assert rest.content == whole.content[100:]
    beyond = await player.http.get("/view", params=saved, headers={"range": f"bytes={len(whole.content)}-"})
    assert beyond.status_code == 416
    still = entry["outputs"]["24"]["images"][0]
    assert b"tEXtprompt" in (await player.http.get("/view", params=still)).content
    for query, told in captured("views").items():
        if told["status"] in (400, 403, 404) and "img_00001" not in query:
            assert (await player.http.get(f"/view?{query}")).status_code == told["status"], query


async def test_an_origin_is_forbidden(player: Player) -> None:
    answer = await player.http.get("/queue", headers={"origin": "http://elsewhere.example"})
    assert answer.status_code == 403


async def test_the_second_socket_of_a_client_hears_all(player: Player) -> None:
    await need(player, long_probe())
    await player.history(await player.post(long_probe(steps=1)))
    client = uuid.uuid4().hex
    async with player.socket(client) as first, player.socket(client) as second:
        await first.until_kind("status")
        await player.post(long_probe(steps=3), client_id=client)
        await second.until_kind(LAST)
        await first.silence(0.1)
    assert folded(first.heard) == folded(transcript("same_id_first"))
    assert folded(second.heard) == folded(transcript("same_id_second"))


async def test_what_was_missed_is_not_told_again(player: Player) -> None:
    await need(player, long_probe())
    client = uuid.uuid4().hex
    async with player.socket(client) as listener:
        prompt_id = await player.post(long_probe(steps=60), client_id=client)
        await listener.until_kind("preview")
    async with player.socket(client) as again:
        await again.until_kind(LAST)
    assert folded(again.heard) == folded(transcript("drop_part2_reconnected"))
    assert again.heard[1]["json"]["data"] == {"node": "2"}
    await player.history(prompt_id)
    async with player.socket(client) as late:
        await late.silence(0.1)
    assert folded(late.heard) == folded(transcript("reconnect_after_end"))


async def test_others_hear_of_the_queue_and_of_prompts_without_a_client(player: Player) -> None:
    await need(player, long_probe())
    async with player.socket(uuid.uuid4().hex) as other:
        await player.history(await player.post(long_probe(steps=2), client_id=uuid.uuid4().hex))
        await other.silence(0.1)
        assert {kind(event) for event in other.heard} == {"status"}
        await player.history(await player.post(long_probe(steps=2, seed=5)))
        await other.silence(0.1)
    assert {kind(event) for event in other.heard} == {kind(event) for event in transcript("other_client")}


async def listening(listener: Listener) -> None:
    await listener.until(lambda event: False)


@only_double
async def test_a_restart_loses_all_but_output_files(comfyui: ComfyDouble) -> None:
    async with httpx.AsyncClient(base_url=comfyui.url, trust_env=False, verify=False) as http:
        player = Player(http)
        await player.upload("probe.png")
        done = await player.history(await player.post(run_of("image_normal")[0]))
        client = uuid.uuid4().hex
        async with player.socket(client) as listener:
            await player.post(long_probe(), client_id=client)
            await player.post(long_probe(seed=8), client_id=client)
            await listener.until_kind("preview")
            await asyncio.to_thread(comfyui.restart)
            with pytest.raises(websockets.ConnectionClosedError):
                await listening(listener)
        for case, wanted in captured("restart").items():
            answer = await player.replay(wanted["request"])
            assert answer.status_code == wanted["status"], case
            if "json" in wanted:
                assert answer.json() == wanted["json"]
        assert (await http.get("/view", params=done["outputs"]["10"]["images"][0])).status_code == 404
    assert comfyui.state["epoch"] == 2


@only_double
@pytest.mark.parametrize("case", captured("old"))
async def test_an_old_server_answers_as_it_did(comfyui: ComfyDouble, case: str) -> None:
    comfyui.set(version="0.3.64")
    wanted = captured("old")[case]
    async with httpx.AsyncClient(base_url=comfyui.url, trust_env=False, verify=False) as http:
        answer = await Player(http).replay(wanted["request"])
    assert answer.status_code == wanted["status"]
    if "json" in wanted:
        assert not list(differences(wanted["json"], answer.json()))
        assert wanted["json"].get("error") == answer.json().get("error")
        assert wanted["json"].get("prompt_id") == answer.json().get("prompt_id")


@only_double
async def test_an_old_server_tells_a_run_as_it_did(comfyui: ComfyDouble) -> None:
    comfyui.set(version="0.3.64")
    async with httpx.AsyncClient(base_url=comfyui.url, trust_env=False, verify=False) as http:
        player = Player(http)
        graph = long_probe(steps=2)
        graph["2"]["inputs"]["seed"] = 77
        await player.history(await player.post(long_probe(steps=1)))
        client = uuid.uuid4().hex
        async with player.socket(client) as listener:
            await player.post(graph, client_id=client)
            await listener.until_kind(LAST)
    expected = transcript("0.3.64_normal")
    assert folded(listener.heard) == folded(expected)
    same_kinds(expected, listener.heard)
