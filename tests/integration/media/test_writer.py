"""Drawn frames as a clip: every frame in its place, the packets that ffmpeg would make, nothing left behind."""

from __future__ import annotations

import resource
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from libs.contracts.errors import Retryable
from libs.media.encoding import USUAL, Encoding, output_options, preview_of
from libs.media.ffmpeg import run_ffmpeg
from libs.media.i420 import Converter
from libs.media.writer import FrameWriter

Frame = npt.NDArray[np.uint8]


def small(fps: Fraction = Fraction(30)) -> Encoding:
    return Encoding(64, 48, fps, USUAL)


def frame(level: int) -> Frame:
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


@pytest.mark.parametrize(
    "encoding",
    [Encoding(108, 64, Fraction(30000, 1001), USUAL), preview_of(240, 426, Fraction(24)), small()],
)
async def test_the_packets_are_those_of_ffmpeg(encoding: Encoding, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    noise = random.integers(0, 255, (encoding.height, encoding.width, 3), dtype=np.uint8)
    frames = [np.roll(noise, number**2, 1) for number in range(12)]
    keys = {9, 20}
    with FrameWriter(tmp_path / "ours.mp4", encoding, keys=keys) as writer:
        for drawn in frames:
            writer.write(drawn, 2)
    await by_ffmpeg(frames, encoding, keys, tmp_path / "theirs.mp4")
    assert contents(tmp_path / "ours.mp4") == contents(tmp_path / "theirs.mp4")


async def by_ffmpeg(frames: list[Frame], encoding: Encoding, keys: Collection[int], path: Path) -> None:
    """The same frames, each held for two, through a process."""
    planes = np.asarray(av.VideoFrame(encoding.width, encoding.height, "yuv420p").to_ndarray(), np.uint8)
    height, width = encoding.height, encoding.width
    luma, *chroma = np.split(planes.ravel(), [height * width, height * width * 5 // 4])
    parts = [luma.reshape(height, width), *(one.reshape(height // 2, width // 2) for one in chroma)]
    raw = path.with_suffix(".yuv")
    with raw.open("wb") as file:
        for drawn in frames:
            Converter(width, height).convert(drawn, parts)
            file.write(2 * planes.tobytes())
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-framerate", str(encoding.fps)]
    tags = "setsar=1,setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    forced = "expr:" + "+".join(f"eq(n,{key})" for key in keys)
    options = {**output_options(encoding), "force_key_frames": forced}
    output = [word for name, value in options.items() for word in (f"-{name}", str(value))]
    await run_ffmpeg([*source, "-i", str(raw), "-vf", tags, *output, str(path)], timeout_s=60)


def contents(path: Path) -> tuple[Any, ...]:
    """The decoder's parameters, the clock, and each packet."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [
            (packet.pts, packet.dts, packet.is_keyframe, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]
        return stream.codec_context.extradata, stream.time_base, packets


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


@pytest.mark.parametrize("room", [20_000, 100])
def test_a_full_disk_while_frames_are_written_or_at_the_end(tmp_path: Path, room: int) -> None:
    random = np.random.default_rng(1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(Retryable) as told, FrameWriter(tmp_path / "a.mp4", small()) as writer:
            for _ in range(200 if room > 1000 else 1):
                writer.write(random.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.value.code == "no_space"
    assert writer.frames < 200
    assert list(tmp_path.iterdir()) == []
