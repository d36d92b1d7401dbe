"""Segments encoded apart and joined by copy are the video, frame by frame, and the sound lies on it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from libs.contracts.storyboard import Storyboard
from libs.media.encoding import Encoding, Quality
from libs.media.ffmpeg import run_ffmpeg
from libs.media.frames import parse_fps
from services.composer.encode import Input, head_args, segment_args
from services.composer.join import join
from services.composer.parts import Head, Part, misfit, read_head
from services.composer.timeline import segments
from tests.integration.composer.conftest import make_song
from tests.integration.composer.pictures import (
    HEIGHT,
    WIDTH,
    expected,
    pictures_of,
    read_number,
    shown,
    storyboard,
    write_clip,
)


async def encode_all(board: Storyboard, folder: Path) -> tuple[list[Part], Head]:
    """Every segment of the storyboard as a file."""
    files = {one.id: folder / f"{one.id}.mp4" for one in board.scenes}
    clips = [write_clip(files[one.id], board, number) for number, one in enumerate(board.scenes)]
    encoding = Encoding(WIDTH, HEIGHT, Fraction(board.fps), Quality("veryfast", 12))
    await run_ffmpeg(head_args(encoding, folder / "head.mp4"), timeout_s=20)
    head = read_head(str(folder / "head.mp4"))
    made = []
    for number, segment in enumerate(segments(board, clips)):
        path = folder / f"segment{number}.mp4"
        inputs = [Input(files[one.clip.scene_id], one.first) for one in segment.sources]
        await run_ffmpeg(segment_args(encoding, inputs, segment.frames, path), timeout_s=60)
        made.append(Part(str(path), 0, segment.frames))
        assert misfit(made[-1], encoding.fps, head) == ""
    return made, head


@pytest.mark.parametrize("rate", ["30", "29.97", "23.976"])
@pytest.mark.parametrize(
    ("lengths", "overlaps"),
    [([61, 1, 2, 1, 30, 2, 61], [0, 0, 0, 0, 0, 0, 0]), ([61, 30, 40, 8, 61], [0, 8, 0, 2, 8])],
    ids=["cuts", "crossfades"],
)
async def test_every_frame_is_the_planned_one(
    rate: str, lengths: Sequence[int], overlaps: Sequence[int], tmp_path: Path
) -> None:
    fps = parse_fps(rate)
    board = storyboard(lengths, overlaps, fps)
    parts, head = await encode_all(board, tmp_path)
    song = await make_song(tmp_path / "song.m4a", float(board.frames / fps))
    output = tmp_path / "out.mp4"
    join(parts, fps, head, str(song), str(output))

    frames, times = pictures_of(output)
    assert times == [number / fps for number in range(board.frames)]
    for number, frame in enumerate(frames):
        wanted = expected(board, number)
        off = np.abs(frame.astype(int) - wanted).mean()
        assert off < 6, f"frame {number} is {off:.1f} levels off"
        scene = max(i for i, one in enumerate(board.scenes) if one.start_frame <= number)
        if not any(board.scenes[i].transition.frames for i in (scene, min(scene + 1, len(lengths) - 1))):
            assert read_number(frame) == shown(scene, number)


async def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    board = storyboard([20, 20], [0, 4], Fraction(30))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        parts, head = await encode_all(board, tmp_path / name)
        song = await make_song(tmp_path / "song.m4a", 40 / 30)
        join(parts, Fraction(30), head, str(song), str(tmp_path / f"{name}.mp4"))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
