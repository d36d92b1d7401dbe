"""ffmpeg as a process: frames in, errors out, nothing left behind."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from libs.contracts.errors import Permanent, Retryable
from libs.media.encoding import USUAL, Encoding
from libs.media.ffmpeg import ToolFailed, find_ffmpeg, run_ffmpeg
from libs.media.writer import FrameWriter
from libs.runtime.spawn import Limits
from libs.runtime.workers import WorkerPool

ENDLESS = ("-f", "lavfi", "-re", "-i", "testsrc=s=64x48")


def small(fps: Fraction = Fraction(30)) -> Encoding:
    return Encoding(64, 48, fps, USUAL)


def frame(level: int) -> np.ndarray:
    return np.full((48, 64, 3), (level, 0, 0), np.uint8)


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(30000, 1001)])
def test_a_clip_holds_every_frame_in_its_place(tmp_path: Path, fps: Fraction) -> None:
    path = tmp_path / "it's a clip, [x].mp4"
    with FrameWriter(path, small(fps)) as writer:
        for level in range(0, 250, 5):
            writer.write(frame(level))
        assert not path.exists()
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.colorspace, context.color_range) == ("h264", "yuv420p", 1, 1)
        for number, shown in enumerate(container.decode(video=0)):
            assert shown.pts is not None and shown.time_base is not None
            assert shown.pts * shown.time_base == number / fps
            blue = shown.to_ndarray(format="bgr24")[:, :, 0].mean()
            assert abs(blue - number * 5) < 4
        assert number == 49
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_no_clip(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), FrameWriter(tmp_path / "a.mp4", small()) as writer:
        writer.write(frame(1))
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="doesn't fit"),
        FrameWriter(tmp_path / "a.mp4", small()) as one,
    ):
        one.write(np.zeros((64, 48, 3), np.uint8))


def test_a_full_disk_while_frames_are_written(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    with (
        pytest.raises(Retryable) as told,
        FrameWriter(tmp_path / "a.mp4", small(), limits=Limits(file_size=20_000)) as writer,
    ):
        for _ in range(200):
            writer.write(np.roll(noise, writer.frames, 1))
    assert told.value.code == "no_space"
    assert list(tmp_path.iterdir()) == []


def write_for_ever(path: str) -> None:
    """A render that doesn't end, for a worker child."""
    with FrameWriter(Path(path), small()) as writer:
        while True:
            writer.write(frame(1))
            time.sleep(0.01)


async def test_a_killed_child_takes_its_ffmpeg_along(tmp_path: Path) -> None:
    async with WorkerPool(1) as pool:
        with pytest.raises(Retryable):
            await pool.run(write_for_ever, str(tmp_path / "endless.mp4"), timeout_s=3)
        for _ in range(100):
            if not _running(str(tmp_path)):
                break
            await asyncio.sleep(0.02)
        assert _running(str(tmp_path)) == []
    assert not (tmp_path / "endless.mp4").exists()


def _running(mark: str) -> list[str]:
    """Command lines of living processes that hold `mark`."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in text and "ffmpeg" in text:
            found.append(text)
    return found


async def test_a_failure_carries_the_end_of_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as failed:
        await run_ffmpeg(["-i", str(tmp_path / "no such file"), str(tmp_path / "out.mp4")], timeout_s=20)
    assert failed.value.code == "media_tool_failed"
    assert "No such file" in failed.value.detail and len(failed.value.detail) <= 4096


async def test_timeout_and_cancel_kill_at_once(tmp_path: Path) -> None:
    with pytest.raises(Retryable) as late:
        await run_ffmpeg([*ENDLESS, str(tmp_path / "a.mp4")], timeout_s=0.5)
    assert late.value.code == "timeout"
    assert _running(str(tmp_path)) == []
    work = asyncio.create_task(run_ffmpeg([*ENDLESS, str(tmp_path / "b.mp4")], timeout_s=60))
    await asyncio.sleep(0.5)
    work.cancel()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert _running(str(tmp_path)) == []


async def test_limits_and_progress(tmp_path: Path) -> None:
    told: list[float] = []
    args = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=3", str(tmp_path / "a.mp4")]
    ran = await run_ffmpeg(args, timeout_s=30, on_progress=told.append)
    await asyncio.sleep(0)
    assert ran.cpu_seconds > 0 and told and told[-1] == pytest.approx(3, abs=0.2)
    with pytest.raises(Retryable) as full:
        await run_ffmpeg(args, timeout_s=30, limits=Limits(file_size=1000))
    assert full.value.code == "no_space"


def test_which_ffmpeg(tmp_path: Path) -> None:
    wheel = find_ffmpeg()
    assert find_ffmpeg(str(wheel)) == wheel
    with pytest.raises(Permanent) as missing:
        find_ffmpeg(str(tmp_path / "ffmpeg"))
    assert missing.value.code == "tool_missing"
    poor = tmp_path / "poor"
    poor.write_text("#!/bin/sh\nexit 0\n")
    poor.chmod(0o755)
    with pytest.raises(Permanent, match=r"lacks.*libx264"):
        find_ffmpeg(str(poor))
