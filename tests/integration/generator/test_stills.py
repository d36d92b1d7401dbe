"""Reference stills through ComfyUI servers, and clips that begin with them."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from libs.bus.connection import Bus
from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing, Permanent
from libs.contracts.storyboard import Still
from libs.runtime.workers import WorkerPool
from services.generator.backend import StillOrder
from services.generator.builtin.backend import BuiltinBackend
from services.generator.comfyui.request import Exhausted
from tests.integration.generator.rig import Generator, generator
from tests.servers.comfyui import ComfyDouble, MakeDouble, accepted
from tests.songs import make_song
from tests.unit.generator.scenes import shot

SECRET = "a street nobody has seen"
STILL = Still(id="p1", prompt=SECRET, negative_prompt="text", seed=11, width=640, height=352)


async def bytes_of(made: Generator, blob: Blob) -> bytes:
    data = await made.store.get_bytes(blob.key)
    assert data is not None
    return data


async def drawing(made: Generator, level: int) -> Blob:
    """A picture of one colour and a corner."""
    pixels = np.full((90, 160, 3), level, np.uint8)
    pixels[:20, :20] = 255 - level
    return await made.store.put_bytes(cv2.imencode(".png", pixels)[1].tobytes(), "image/png")


async def sent_to(double: ComfyDouble) -> list[bytes]:
    """The files that were uploaded."""
    return [path.read_bytes() for path in sorted((double.folder / "input").rglob("*")) if path.is_file()]


async def test_a_still_is_made_once_and_carries_no_prompt(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        task = made.still(STILL)
        context = TaskContext(task)
        fact = await made.picture(task, context)
        assert (fact.still_id, fact.backend, fact.workflow, fact.seed) == ("p1", "comfyui", "z-image-turbo", 11)
        assert (fact.blob.media_type, fact.fallback) == ("image/png", False)
        assert context.billed.gpu_seconds > 0
        data = await bytes_of(made, fact.blob)
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (352, 640, 3)
        (saved,) = (comfyui.folder / "output").rglob("*.png")
        assert SECRET.encode() in saved.read_bytes(), "the server tells the prompt"
        assert SECRET.encode() not in data
        other = made.still(STILL, job="j2")
        again = TaskContext(other)
        assert await made.picture(other, again) == fact
        assert again.reused
        assert accepted(comfyui) == 1
        assert await sent_to(comfyui) == []


async def test_the_theme_picture_is_a_reference_where_there_is_one(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    stills = ("qwen-edit", "z-image-turbo")
    async with generator(bus, tmp_path, [comfyui.url], stills=stills, workers=workers) as made:
        image = await drawing(made, 90)
        fact = await made.picture(made.still(STILL, image=image))
        assert fact.workflow == "qwen-edit"
        assert await sent_to(comfyui) == [await bytes_of(made, image)]
        plain = await made.picture(made.still(STILL))
        assert (plain.workflow, plain.fallback) == ("z-image-turbo", False)


async def test_another_workflow_stands_in_and_a_redelivery_finds_its_still(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    double = comfyui_servers(without_nodes=["TextEncodeQwenImageEditPlus"])
    stills = ("qwen-edit", "flux2-klein-edit")
    async with generator(bus, tmp_path, [double.url], stills=stills, workers=workers) as made:
        task = made.still(STILL, image=await drawing(made, 90))
        fact = await made.picture(task)
        assert (fact.workflow, fact.fallback) == ("flux2-klein-edit", True)
        assert await made.picture(task) == fact
        assert accepted(double) == 1


async def test_a_still_that_fails_is_given_up_after_three_prompts(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    comfyui.set(exec_error="a node of glass")
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        with pytest.raises(Exhausted) as given_up:
            await made.picture(made.still(STILL))
    assert given_up.value.code == "gpu_failed"
    assert accepted(comfyui) == 3


async def test_a_clip_begins_with_its_still(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], chain=("wan22-i2v",), workers=workers) as made:
        still = (await made.picture(made.still(STILL))).blob
        theme = await drawing(made, 200)
        fact = await made.take(await made.order(shot(frames=30), still=still))
        assert (fact.workflow, fact.fallback) == ("wan22-i2v", False)
        await made.take(await made.order(shot(frames=30, seed=8), job="j2", still=still, image=theme))
        assert await sent_to(comfyui) == [await bytes_of(made, still)], "sent once, and not the theme picture"
        assert accepted(comfyui) == 3
        with pytest.raises(Permanent) as nothing:
            await made.take(await made.order(shot(frames=30)))
        assert nothing.value.code == "workflow_unsupported"


async def test_a_performance_hears_its_part_of_the_song(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], chain=("wan22-s2v",), workers=workers) as made:
        still = await drawing(made, 90)
        file = make_song(tmp_path, seconds=6).path
        sound = await made.store.put_bytes(file.read_bytes(), "audio/wav")
        fact = await made.take(await made.order(shot(frames=30), still=still, sound=sound))
        assert (fact.workflow, fact.fallback) == ("wan22-s2v", False)
        (heard,) = [data for data in await sent_to(comfyui) if data != await bytes_of(made, still)]
        with wave.open(io.BytesIO(heard)) as read:
            assert 1.0 <= read.getnframes() / read.getframerate() <= 77 / 16
        with pytest.raises(Permanent) as deaf:
            await made.take(await made.order(shot(frames=30, seed=8), job="j2", still=still))
        assert deaf.value.code == "workflow_unsupported"


async def test_without_its_still_a_clip_is_made_from_text_alone(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], chain=("wan22-i2v", "wan22-5b"), workers=workers) as made:
        fact = await made.take(await made.order(shot(frames=20)))
        assert (fact.workflow, fact.fallback) == ("wan22-5b", False)
        assert await sent_to(comfyui) == []


async def test_no_still_is_made_that_no_clip_could_begin_with(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], chain=("wan22-t2v", "builtin"), workers=workers) as made:
        with pytest.raises(Permanent) as refused:
            await made.picture(made.still(STILL))
        assert refused.value.code == "workflow_unsupported"
    assert accepted(comfyui) == 0


async def test_a_lost_still_is_told_so_that_it_can_be_made_again(
    bus: Bus, comfyui: ComfyDouble, tmp_path: Path, workers: WorkerPool
) -> None:
    async with generator(bus, tmp_path, [comfyui.url], workers=workers) as made:
        gone = Blob(sha256="0" * 64, size=3, media_type="image/png")
        with pytest.raises(InputMissing) as missing:
            await made.take(await made.order(shot(frames=20), still=gone))
        assert missing.value.sha256 == gone.sha256
        assert accepted(comfyui) == 0


@pytest.mark.parametrize("fill", [True, False])
async def test_whether_the_builtin_renderer_stands_in_is_the_jobs_to_say(
    bus: Bus, comfyui_servers: MakeDouble, tmp_path: Path, workers: WorkerPool, fill: bool
) -> None:
    double = comfyui_servers(models={})
    async with generator(bus, tmp_path, [double.url], chain=("wan22-5b", "builtin"), workers=workers) as made:
        order = await made.order(shot(frames=10), fill=fill)
        if fill:
            assert (await made.take(order)).filled
        else:
            with pytest.raises(Permanent) as refused:
                await made.take(order)
            assert refused.value.code == "workflow_missing_model"


async def test_the_builtin_renderer_makes_no_stills(tmp_path: Path, workers: WorkerPool) -> None:
    backend = BuiltinBackend(workers, timeout_s=9.0)
    order = StillOrder(still=STILL, image=None, out=tmp_path / "still")
    with pytest.raises(Permanent):
        await backend.imagine(order, None)  # type: ignore[arg-type]
