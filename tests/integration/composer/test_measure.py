"""Files with planted defects: each is seen by the measurement and named by the checks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from libs.media.encoding import Encoding, Quality
from libs.media.ffmpeg import run_ffmpeg
from libs.media.writer import FrameWriter
from services.composer.changes import Planned
from services.composer.hearing import measure_sound
from services.composer.join import join
from services.composer.judge import problems
from services.composer.measure import PictureMeasure, Shots, Span, spans, watch_span, whole
from services.composer.timeline import joins
from tests.integration.composer.conftest import make_song
from tests.integration.composer.pictures import HEIGHT, WIDTH, numbered, shown, storyboard
from tests.integration.composer.test_exactness import encode_all

FPS = Fraction(30)
BOARD = storyboard((45, 60, 45), (0, 0, 8), FPS)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A good video and its song."""
    folder = tmp_path_factory.mktemp("good")
    song = asyncio.run(make_song(folder / "song.m4a", 5.0))
    parts, head = asyncio.run(encode_all(BOARD, folder))
    join(parts, FPS, head, str(song), str(folder / "video.mp4"))
    return folder / "video.mp4", song


def measured(video: Path, planned: Sequence[Planned], frames: int) -> PictureMeasure:
    return whole("30", [watch_span(str(video), "30", span, frames) for span in spans(planned, frames)])


def judged(video: Path, song: Path) -> tuple[str, ...]:
    planned = [Planned(one.frame, one.frames) for one in joins(BOARD)]
    picture = measured(video, planned, BOARD.frames)
    return problems(BOARD, picture, measure_sound(str(video), str(song)))


def test_a_good_one_has_no_problems(good: tuple[Path, Path]) -> None:
    assert judged(*good) == ()


def test_cuts_are_found_on_the_frame_where_they_are(good: tuple[Path, Path]) -> None:
    for shift in (-2, -1, 0, 1, 3):
        planned = [Planned(45 + shift, 0), Planned(105, 8)]
        assert measured(good[0], planned, 150).found == (45, 105)


DEFECTS = {
    "a frame lost": (["-vf", r"select=not(eq(n\,70))", "-fps_mode", "passthrough", "-c:a", "copy"], "don't follow"),
    "a frame late": (["-c", "copy", "-bsf:v", r"setts=pts=PTS+100*gt(N\,70):dts=DTS"], "don't follow"),
    "late sound": (["-c:v", "copy", "-af", "adelay=20|20"], "20.0 ms late"),
    "early sound": (["-c:v", "copy", "-af", "atrim=start=0.024,asetpts=N/SR/TB"], "-24.0 ms late"),
    "no sound": (["-an", "-c:v", "copy"], "no sound"),
    "silence": (["-c:v", "copy", "-af", "volume=0"], "not the song's"),
    "half of the sound": (["-c:v", "copy", "-af", "atrim=end=2.5"], "sound lasts"),
    "black": (
        ["-vf", r"drawbox=t=fill:c=black:enable=between(n\,60\,80)", "-c:a", "copy"],
        "black from 2.00 to 2.70",
    ),
    "shorter": (["-t", "4.5", "-c:a", "copy"], "135 frames, not 150"),
}


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_planted_defect_is_named(good: tuple[Path, Path], tmp_path: Path, defect: str) -> None:
    args, said = DEFECTS[defect]
    broken = tmp_path / "broken.mp4"
    await run_ffmpeg(["-i", str(good[0]), *args, str(broken)], timeout_s=30)
    assert any(said in problem for problem in judged(broken, good[1])), judged(broken, good[1])


LONG = [Planned(150, 0), Planned(290, 0), Planned(420, 8), Planned(560, 0)]


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """700 frames of five scenes without sound."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    with FrameWriter(path, Encoding(WIDTH, HEIGHT, FPS, Quality("ultrafast", 20))) as writer:
        for number in range(700):
            scene = sum(number >= change.frame for change in LONG)
            writer.write(numbered(shown(scene, number)))
    return path


def test_a_long_video_in_two_parts_is_the_same_as_in_one(long_video: Path) -> None:
    parts = spans(LONG, 700)
    assert [(part.first, part.end) for part in parts] == [(0, 355), (355, None)]
    wanted = Shots([75, 354, 355, 630], (32, 24))
    halves = whole("30", [watch_span(str(long_video), "30", part, 700, wanted) for part in parts], wanted)
    one = whole("30", [watch_span(str(long_video), "30", Span(0, None, tuple(LONG)), 700, wanted)], wanted)
    for field in ("frames", "steps_ok", "found", "black", "frozen", "rate", "poster_frame"):
        assert getattr(halves, field) == getattr(one, field), field
    assert halves.frames == 700 and halves.found[0] == 150 and len(halves.shots) == 4
    assert all(np.array_equal(a, b) for a, b in zip(halves.shots, one.shots, strict=True))
    for series in ("times", "levels", "light"):
        assert np.array_equal(getattr(halves.seen, series), getattr(one.seen, series)), series
    assert halves.seen.flashes.a_second == one.seen.flashes.a_second


@pytest.mark.parametrize("lost", [100, 354, 355, 690])
async def test_a_frame_that_is_lost_where_parts_meet_is_missed(long_video: Path, tmp_path: Path, lost: int) -> None:
    broken = tmp_path / "broken.mp4"
    args = ["-i", str(long_video), "-vf", rf"select=not(eq(n\,{lost}))", "-fps_mode", "passthrough"]
    await run_ffmpeg([*args, "-preset", "ultrafast", str(broken)], timeout_s=30)
    found = measured(broken, LONG, 700)
    assert found.frames == 699 and not found.steps_ok


def test_short_videos_and_those_without_a_long_scene_are_watched_in_one() -> None:
    assert len(spans(LONG, 599)) == 1
    assert len(spans([Planned(at, 0) for at in range(40, 960, 40)], 960)) == 1
