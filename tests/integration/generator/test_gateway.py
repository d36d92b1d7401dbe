"""The gateway against a double of a ComfyUI server."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.generator.comfyui.address import Address, client_id
from services.generator.comfyui.answers import HistoryEntry, OutputFile
from services.generator.comfyui.errors import (
    ComfyError,
    ExecutionFailed,
    InvalidGraph,
    MissingInput,
    MissingModel,
    MissingNode,
    OutOfMemory,
    OutputGone,
    Refused,
    Unreachable,
)
from services.generator.comfyui.gateway import EPOCH_FILE, Gateway
from services.generator.comfyui.truth import Done, Failed, Lost, Running, Standing, ended, standing
from tests.ports import free_port
from tests.servers.comfyui import ComfyDouble
from tests.waiting import until

Servers = Callable[..., ComfyDouble]


def graph(*, steps: int = 2, step_ms: int = 5, seed: int = 1, prefix: str = "beatloom/still") -> dict[str, Any]:
    """A picture from a sampler that needs no model."""
    size = {"width": 64, "height": 48, "batch_size": 1, "color": 255}
    sampler = {"image": ["1", 0], "seed": seed, "steps": steps, "step_ms": step_ms, "fail": ""}
    return {
        "1": {"class_type": "EmptyImage", "inputs": size},
        "2": {"class_type": "MVProbeSampler", "inputs": sampler},
        "9": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": prefix}},
    }


def gateway_to(double: ComfyDouble, process: str = "test") -> Gateway:
    """A gateway that has to be closed."""
    address = Address(double.url)
    return Gateway(address, client_id(process, address))


@pytest.fixture
async def gateway(comfyui: ComfyDouble) -> AsyncIterator[Gateway]:
    """To the one server `comfyui`."""
    async with gateway_to(comfyui) as gateway:
        yield gateway


async def until_ended(gateway: Gateway, prompt_id: str) -> HistoryEntry:
    """Wait for the prompt's history."""

    async def has_ended() -> bool:
        return await gateway.history(prompt_id) is not None

    await until(has_ended)
    entry = await gateway.history(prompt_id)
    assert entry is not None
    return entry


async def seen(gateway: Gateway, prompt_id: str, *, epoch: str, absent_s: float = 0.0) -> Standing:
    """What is true of a prompt now."""
    sighting = await gateway.sight(prompt_id)
    same = await gateway.epoch() == epoch
    return standing(prompt_id, sighting, same_epoch=same, seen_before=True, absent_s=absent_s)


async def made(gateway: Gateway, **options: Any) -> OutputFile:
    """The picture of a new prompt."""
    prompt_id = str(uuid4())
    await gateway.submit(graph(**options), prompt_id)
    (file,) = (await until_ended(gateway, prompt_id)).files("9", (".png",))
    return file


async def test_what_a_server_is(gateway: Gateway) -> None:
    stats = await gateway.stats()
    assert stats.version == "0.33.0"
    assert stats.devices[0].vram_total > 0
    assert "KSampler" in await gateway.object_info()
    assert await gateway.models("no such folder") == ()
    assert isinstance(await gateway.models("vae"), tuple)


async def test_a_prompt_from_its_graph_to_its_file(gateway: Gateway, comfyui: ComfyDouble, tmp_path: Path) -> None:
    prompt_id = str(uuid4())
    await gateway.submit(graph(), prompt_id)
    entry = await until_ended(gateway, prompt_id)
    assert isinstance(ended(entry), Done)
    (file,) = entry.files("9", (".png",))
    got = await gateway.download(file, tmp_path / "still.png")
    data = (tmp_path / "still.png").read_bytes()
    assert data == (comfyui.folder / "output" / file.subfolder / file.filename).read_bytes()
    assert (got.size, got.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert [path.name for path in tmp_path.iterdir()] == ["still.png"]
    await gateway.forget(prompt_id)
    assert await gateway.history(prompt_id) is None
    await gateway.free()
    comfyui.wait(lambda state: state["counts"]["freed"] == 1)


async def test_jobs_and_history_tell_the_same(gateway: Gateway) -> None:
    prompt_id = str(uuid4())
    assert await gateway.job(prompt_id) is None
    await gateway.submit(graph(), prompt_id)
    entry = await until_ended(gateway, prompt_id)
    job = await gateway.job(prompt_id)
    assert job is not None
    assert job.entry == entry


async def test_an_old_server_has_no_jobs_and_is_asked_once(comfyui_servers: Servers) -> None:
    old = comfyui_servers(version="0.3.64")
    async with gateway_to(old) as gateway:
        prompt_id = str(uuid4())
        await gateway.submit(graph(), prompt_id)
        await until_ended(gateway, prompt_id)
        for _ in range(3):
            assert await gateway.job(prompt_id) is None
        asked = sum(count for what, count in old.counts["requests"].items() if "/jobs" in what)
        assert asked == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"9": {"class_type": "NoSuchNode", "inputs": {}}}, MissingNode),
        ({"1": {"class_type": "LoadImage", "inputs": {"image": "gone.png"}}}, MissingInput),
        ({"2": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "none.pth"}}}, InvalidGraph),
        ({"9": {"class_type": "EmptyImage", "inputs": {}}}, InvalidGraph),
    ],
)
async def test_a_graph_that_is_refused_says_why(
    gateway: Gateway, comfyui: ComfyDouble, change: dict[str, Any], error: type[InvalidGraph]
) -> None:
    with pytest.raises(InvalidGraph) as refused:
        await gateway.submit(graph() | change, str(uuid4()))
    assert type(refused.value) is error
    assert not refused.value.infrastructure
    assert not comfyui.counts["accepted"]


async def test_a_missing_model_is_named(comfyui_servers: Servers) -> None:
    bare = comfyui_servers(models={})
    loader = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "big.safetensors"}}
    shown = {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}}
    async with gateway_to(bare) as gateway:
        with pytest.raises(MissingModel) as missing:
            await gateway.submit({"4": loader, "9": shown}, str(uuid4()))
    assert (missing.value.file, missing.value.folder) == ("big.safetensors", "checkpoints")


async def test_a_graph_that_is_taken_in_part_is_cancelled(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.set(partial=True, step_s=0.2, steps_at_most=0)
    with pytest.raises(InvalidGraph):
        await gateway.submit(graph(steps=50, step_ms=200), str(uuid4()))
    state = comfyui.state
    assert not state["running"]
    assert not state["pending"]
    assert not any(state["counts"]["succeeded"].values())


@pytest.mark.parametrize("version", ["0.33.0", "0.3.64"])
async def test_cancel_waiting_and_running(comfyui_servers: Servers, version: str) -> None:
    double = comfyui_servers(version=version, steps_at_most=0, step_s=0.05)
    running, waiting = str(uuid4()), str(uuid4())
    async with gateway_to(double) as gateway:
        await gateway.submit(graph(steps=200, step_ms=50), running)
        await gateway.submit(graph(steps=200, step_ms=50, seed=2), waiting)
        double.wait(lambda state: state["running"] == running)
        assert await gateway.cancel(waiting)
        assert running in (await gateway.queue()).running
        assert await gateway.cancel(running)
        assert await gateway.cancel(str(uuid4()))
        stopped = ended(await until_ended(gateway, running))
    assert isinstance(stopped, Failed)
    assert not any(double.counts["succeeded"].values())


async def test_cancel_never_stops_a_neighbour(comfyui_servers: Servers) -> None:
    double = comfyui_servers(version="0.3.64", steps_at_most=0, step_s=0.02)
    neighbour = str(uuid4())
    async with gateway_to(double) as gateway:
        await gateway.submit(graph(steps=20, step_ms=20), neighbour)
        double.wait(lambda state: state["running"] == neighbour)
        assert await gateway.cancel(str(uuid4()))
        assert isinstance(ended(await until_ended(gateway, neighbour)), Done)


async def test_a_server_that_does_not_stop_is_told_honestly(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.set(deaf_to_interrupts=True, steps_at_most=0, step_s=0.05)
    prompt_id = str(uuid4())
    await gateway.submit(graph(steps=40, step_ms=50), prompt_id)
    comfyui.wait(lambda state: state["running"] == prompt_id)
    began = time.monotonic()
    assert not await gateway.cancel(prompt_id, wait_s=0.3)
    assert time.monotonic() - began < 3.0


async def test_one_epoch_for_all_until_a_restart(gateway: Gateway, comfyui: ComfyDouble) -> None:
    async with gateway_to(comfyui, "another") as other:
        first = await asyncio.gather(*(one.epoch() for one in (gateway, other, gateway, other)))
        assert len(set(first)) == 1
        assert first[0]
        await made(gateway)
        await gateway.free()
        assert await other.epoch() == first[0]
        comfyui.restart()
        assert await other.epoch() not in ("", first[0])
        assert await other.epoch() == await gateway.epoch()


async def test_an_epoch_that_cannot_be_told_is_none(gateway: Gateway, comfyui: ComfyDouble) -> None:
    await gateway.upload(b"<html>something else</html>", EPOCH_FILE, kind="temp")
    assert await gateway.epoch() == ""


async def test_a_restart_loses_a_prompt_at_once(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.set(steps_at_most=0, step_s=0.05)
    epoch, prompt_id = await gateway.epoch(), str(uuid4())
    await gateway.submit(graph(steps=200, step_ms=50), prompt_id)
    comfyui.wait(lambda state: state["running"] == prompt_id)
    assert await seen(gateway, prompt_id, epoch=epoch) == Running()
    comfyui.restart()
    lost = await seen(gateway, prompt_id, epoch=epoch)
    assert isinstance(lost, Lost)
    assert lost.error.reason == "restarted"


@pytest.mark.parametrize("switch", ["history_delay_s", "history_gap_s"])
async def test_history_that_comes_late_is_waited_for(gateway: Gateway, comfyui: ComfyDouble, switch: str) -> None:
    comfyui.set(**{switch: 0.3})
    epoch, prompt_id = await gateway.epoch(), str(uuid4())
    await gateway.submit(graph(), prompt_id)
    found = set()
    async with asyncio.timeout(10.0):
        while not isinstance(now := await seen(gateway, prompt_id, epoch=epoch), (Done, Failed, Lost)):
            found.add(type(now).__name__)
            await asyncio.sleep(0.02)
    assert isinstance(now, Done)
    assert ("Unknown" in found) == (switch == "history_gap_s")


@pytest.mark.parametrize(
    ("switches", "error"), [({"oom": "always"}, OutOfMemory), ({"exec_error": "boom"}, ExecutionFailed)]
)
async def test_what_fails_on_the_server_is_typed(
    gateway: Gateway, comfyui: ComfyDouble, switches: dict[str, Any], error: type[Exception]
) -> None:
    comfyui.set(**switches)
    prompt_id = str(uuid4())
    await gateway.submit(graph(), prompt_id)
    failed = ended(await until_ended(gateway, prompt_id))
    assert isinstance(failed, Failed)
    assert type(failed.error) is error


async def test_an_answer_that_is_lost_may_have_been_done(gateway: Gateway, comfyui: ComfyDouble) -> None:
    comfyui.set(lost_answer="after")
    prompt_id = str(uuid4())
    with pytest.raises(Unreachable) as lost:
        await gateway.submit(graph(), prompt_id)
    assert lost.value.reached
    assert isinstance(ended(await until_ended(gateway, prompt_id)), Done)


async def test_nobody_there(tmp_path: Path) -> None:
    async with Gateway(Address(f"http://me:secret@127.0.0.1:{free_port()}"), "test") as gateway:
        for call in (
            gateway.stats(),
            gateway.queue(),
            gateway.history("p"),
            gateway.free(),
            gateway.forget("p"),
            gateway.submit(graph(), str(uuid4())),
            gateway.upload(b"1", "a.png"),
        ):
            with pytest.raises(Unreachable) as nobody:
                await call
            assert not nobody.value.reached
            assert "secret" not in str(nobody.value)
            assert nobody.value.infrastructure
        with pytest.raises(Unreachable):
            await gateway.download(OutputFile("a.png"), tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


async def test_a_server_that_takes_too_long(comfyui: ComfyDouble) -> None:
    comfyui.set(answer_s=5.0)
    began = time.monotonic()
    async with Gateway(Address(comfyui.url), "test", quick_s=0.2) as gateway:
        with pytest.raises(Unreachable) as late:
            await gateway.queue()
    assert late.value.reached
    assert 0.1 < late.value.after < 2.0
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(("status", "error"), [(503, Unreachable), (500, Refused), (403, Refused), (413, Refused)])
async def test_a_status_that_is_no_answer(
    gateway: Gateway, comfyui: ComfyDouble, status: int, error: type[ComfyError]
) -> None:
    comfyui.set(refuse_status=status)
    with pytest.raises(error) as refused:
        await gateway.submit(graph(), str(uuid4()))
    assert refused.value.infrastructure == (status != 413)


async def test_upload_gives_the_name_that_the_server_chose(
    gateway: Gateway, comfyui: ComfyDouble, tmp_path: Path
) -> None:
    picture = tmp_path / "a picture"
    picture.write_bytes(b"0123456789" * 300_000)
    assert await gateway.upload(picture, "digest.png") == "digest.png"
    assert (comfyui.folder / "input" / "digest.png").read_bytes() == picture.read_bytes()
    assert await gateway.upload(picture, "digest.png") == "digest.png"
    other = await gateway.upload(b"other", "digest.png")
    assert other != "digest.png"
    assert (comfyui.folder / "input" / other).read_bytes() == b"other"
    for name in ("", "../a.png", ".hidden", "a/b.png", "a\nb.png"):
        with pytest.raises(ValueError):
            await gateway.upload(b"1", name)


async def test_a_download_that_breaks_off_goes_on(gateway: Gateway, comfyui: ComfyDouble, tmp_path: Path) -> None:
    file = await made(gateway)
    saved = comfyui.folder / "output" / file.subfolder / file.filename
    saved.write_bytes(bytes(range(256)) * 4000)
    comfyui.set(n_cut_downloads=3)
    got = await gateway.download(file, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == saved.read_bytes()
    assert got.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()


async def test_a_download_that_always_breaks_off_is_given_up(
    gateway: Gateway, comfyui: ComfyDouble, tmp_path: Path
) -> None:
    file = await made(gateway)
    comfyui.stop()
    began = time.monotonic()
    with pytest.raises(Unreachable):
        await gateway.download(file, tmp_path / "out")
    assert time.monotonic() - began < 10.0
    assert not list(tmp_path.iterdir())


async def test_a_file_that_is_gone(gateway: Gateway, comfyui: ComfyDouble, tmp_path: Path) -> None:
    file = await made(gateway)
    (comfyui.folder / "output" / file.subfolder / file.filename).unlink()
    with pytest.raises(OutputGone):
        await gateway.download(file, tmp_path / "out")
    again = await made(gateway)  # cached: the server names the file that was deleted
    assert again == file


async def test_a_file_that_is_too_large(gateway: Gateway, tmp_path: Path) -> None:
    file = await made(gateway)
    with pytest.raises(Refused):
        await gateway.download(file, tmp_path / "out", largest=10)
    assert not list(tmp_path.iterdir())


async def test_a_full_disk_is_told_as_such(gateway: Gateway, tmp_path: Path) -> None:
    file = await made(gateway)
    (tmp_path / "out.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        await gateway.download(file, tmp_path / "out")
