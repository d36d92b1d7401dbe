"""A contact sheet shows each scene's frame, the sections, and every cut where it is."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from libs.contracts.analysis import Analysis, Beat, Key, Tempo
from services.composer.contact import headline
from services.composer.sheet import HEAD, MAX_BYTES, draw_sheet
from services.composer.sheet_content import Cut, Frame, Part, Sheet
from services.composer.sheet_ink import INK, OFF, TINTS
from services.composer.sheet_layout import (
    CONTENT,
    GRID_HEIGHT,
    MARGIN,
    MOST_FRAMES,
    WIDTH,
    clock,
    grid,
    picked,
    time_rows,
)

SHAPES = [(1280, 720), (720, 1280), (720, 720), (864, 1080)]


def sheet(
    scenes: int, size: tuple[int, int] = (1280, 720), duration: float = 100.0, *, noise: bool = False
) -> Sheet:
    """Scenes of equal length, each of its own colour."""
    cells = grid(scenes, *size)
    random = np.random.default_rng(1)
    pictures = []
    for number in range(scenes):
        colour = np.array([(number * 37) % 200 + 40, (number * 91) % 200 + 40, (number * 53) % 200 + 40])
        picture = np.broadcast_to(colour, (cells.height, cells.width, 3))
        spread = random.integers(-40, 40, picture.shape) if noise else 0
        pictures.append(np.clip(picture + spread, 0, 255).astype(np.uint8))
    each = duration / scenes
    return Sheet(
        headline="1:40   ·   120 bpm   ·   C major",
        aside="a size",
        measured="what was measured",
        size=size,
        duration=duration,
        frames=[Frame(one, f"s{i:03d}", i * each, "verse", i % 3, "ink") for i, one in enumerate(pictures)],
        cuts=[Cut(i * each, str(i), i % 2 == 0) for i in range(1, scenes)],
        parts=[Part("intro", 0, duration / 4, 0), Part("verse", duration / 4, duration, 1)],
        beats=[(at / 2, at % 4 == 0) for at in range(int(duration * 2))],
        peaks=[0.5] * 1500,
        motion=np.ones(round(duration * 30)),
    )


def drawn(one: Sheet) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(draw_sheet(one))).convert("RGB")).astype(int)


def near(pixel: np.ndarray, colour: str | np.ndarray, by: int = 24) -> bool:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) if isinstance(colour, str) else colour
    return bool(np.abs(pixel - wanted).max() <= by)


def test_each_scene_has_its_frame_in_order() -> None:
    one = sheet(23)
    image = drawn(one)
    cells = grid(23, 1280, 720)
    for number, frame in enumerate(one.frames):
        x, y = cells.place(number)
        assert frame.picture is not None
        assert near(image[HEAD + y + cells.height // 2, MARGIN + x + cells.width // 2], frame.picture[0, 0], 10)
        assert near(image[HEAD + y + cells.height + 8, MARGIN + x + cells.width // 2], TINTS[frame.group])


def test_cuts_stand_at_their_time_and_tell_whether_they_are_on_the_beat() -> None:
    image = drawn(sheet(5))
    top = HEAD + grid(5, 1280, 720).total_height
    (row,) = time_rows(100.0)
    columns = {name: _columns(image[top:], colour) for name, colour in (("on", INK), ("off", OFF))}
    assert columns["on"] == {MARGIN + row.x(40.0), MARGIN + row.x(80.0)}
    assert columns["off"] == {MARGIN + row.x(20.0), MARGIN + row.x(60.0)}


def _columns(below: np.ndarray, colour: str) -> set[int]:
    """Where a line of this colour is at least 150 pixels high."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    high = (np.abs(below - wanted).max(axis=2) < 60).sum(axis=0) > 150
    return {int(x) for x in np.flatnonzero(high) if not high[x - 1]}


def test_sections_are_named_and_tinted_over_their_time() -> None:
    image = drawn(sheet(5))
    y = HEAD + grid(5, 1280, 720).total_height + 64 + 6
    assert near(image[y, MARGIN + CONTENT // 4 - 20], TINTS[0])
    assert near(image[y, MARGIN + CONTENT // 4 + 20], TINTS[1])


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("scenes", [1, 2, 5, 17, 46, 90, 120])
def test_frames_fit_and_do_not_overlap(scenes: int, size: tuple[int, int]) -> None:
    cells = grid(scenes, *size)
    assert cells.columns * cells.rows >= scenes
    assert cells.place(cells.columns - 1)[0] + cells.width <= CONTENT
    assert cells.total_height <= GRID_HEIGHT
    assert min(cells.width, cells.height) >= 90
    assert cells.width / cells.height == pytest.approx(size[0] / size[1], rel=0.02)


def test_a_very_long_video_has_few_rows() -> None:
    assert draw_sheet(sheet(3, duration=60_000.0)._replace(motion=np.ones(100), beats=[]))


@pytest.mark.parametrize("size", [(4096, 2), (2, 4096), (1, 1)])
def test_odd_shapes_are_drawn(size: tuple[int, int]) -> None:
    assert draw_sheet(sheet(3, size))


def test_the_longest_video_stays_small() -> None:
    scenes = picked(600)
    assert len(scenes) == MOST_FRAMES == len(set(scenes))
    assert (scenes[0], scenes[-1]) == (0, 599)
    data = draw_sheet(sheet(90, duration=180.0, noise=True))
    assert len(data) < MAX_BYTES
    assert Image.open(BytesIO(data)).size[0] == WIDTH


def test_without_a_song_or_frames_there_is_a_sheet_all_the_same() -> None:
    bare = sheet(2)._replace(beats=[], peaks=[], parts=[], cuts=[], motion=np.zeros(0), headline="")
    assert (
        drawn(bare._replace(frames=[bare.frames[0]._replace(picture=None, section="", group=-1)])).shape[1] == WIDTH
    )


def test_the_same_sheet_is_the_same_bytes() -> None:
    assert draw_sheet(sheet(7)) == draw_sheet(sheet(7))


def test_rows_of_time_cover_the_song() -> None:
    assert len(time_rows(100)) == 1
    rows = time_rows(304)
    assert len(rows) == 3
    assert rows[0].start == 0 and rows[-1].end == pytest.approx(304)
    assert rows[1].holds(rows[1].start) and not rows[0].holds(rows[1].start)
    assert rows[1].x(rows[1].end) == CONTENT


def test_a_title_stands_first_and_leaves_room_for_the_rest() -> None:
    song = Analysis(
        duration=60.0,
        tempo=Tempo(bpm=120.4, confidence=1, stable=True),
        meter=4,
        beats=(Beat(time=1.0, strength=1, downbeat=True),),
        onsets=(),
        energy=(),
        key=Key(tonic="C", mode="minor", confidence=1),
        sections=(),
    )
    assert headline("", song, 60).split("   ·   ") == ["1:00", "120 bpm", "C minor"]
    assert headline("Ein Lied\n", song, 60).split("   ·   ") == ["Ein Lied", "1:00", "120 bpm", "C minor"]
    assert len(headline("long " * 60, song, 60)) < 90
    assert headline("مرحبا", song, 60).startswith("\u2068مرحبا\u2069")


def test_clocks() -> None:
    assert [clock(at) for at in (0, 59.6, 67.2, 600)] == ["0:00", "1:00", "1:07", "10:00"]
    assert [clock(at, 1) for at in (0, 59.96, 67.25)] == ["0:00.0", "1:00.0", "1:07.2"]
