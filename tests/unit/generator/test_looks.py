"""Every look: it moves all the time, never flashes, draws the same each time, and fills any frame."""

from __future__ import annotations

import itertools
from typing import get_args

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from libs.contracts.jobs import STYLES
from libs.contracts.looks import catalogue, families
from libs.contracts.storyboard import Palette, Shot
from services.generator.builtin import looks
from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.painter import Painter
from services.planner.grounds import stands_out
from services.planner.palette import Ground, on_ground
from tests.unit.generator.scenes import DARK, LIGHT, MOVES, painter, round_subject, shot, soft_picture, song

ALL = [*looks.all_looks()]
MOVES_BY = 1.0
"""Levels of 255: mean change at 96 x 54 within half a second that nobody misses."""

Gray = npt.NDArray[np.float64]


def test_every_look_can_be_asked_for_by_name_and_nothing_else() -> None:
    assert sorted(STYLES) == sorted(["auto", *families(), *ALL])
    assert [look.entry for look in looks.all_looks().values()] == list(catalogue()), "run `make docs`"


def draw(look: str, order: Painter | None = None, **kind: object) -> Painter:
    return with_all(shot(look, **kind))  # type: ignore[arg-type]  # keywords of shot


def with_all(order: Shot, **given: object) -> Painter:
    """A painter that has whatever a look may need."""
    return painter(order, picture=soft_picture(), subject=round_subject(), **given)  # type: ignore[arg-type]


def small(frame: Frame) -> Gray:
    tiny = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (96, 54), interpolation=cv2.INTER_AREA)
    return np.asarray(tiny, dtype=np.float64)


def luminance(frame: Frame) -> Gray:
    """Relative luminance, 0..1, on a grid of 32 x 18."""
    tiny = cv2.resize(frame, (32, 18), interpolation=cv2.INTER_AREA).astype(np.float64) / 255.0
    linear = np.where(tiny <= 0.04045, tiny / 12.92, ((tiny + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.0722, 0.7152, 0.2126]), dtype=np.float64)


def flashes(values: Gray, need: float = 0.1) -> float:
    """Pairs of opposing changes of `need` or more with the darker side below 0.8, in a series of one second."""
    turns, low, high, way = 0, values[0], values[0], 0
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if way >= 0 and high - value >= need and value < 0.8:
            turns, low, high, way = turns + 1, value, value, -1
        elif way <= 0 and value - low >= need and low < 0.8:
            turns, low, high, way = turns + 1, value, value, 1
    return turns / 2.0


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("look", ALL)
def test_it_moves_in_every_half_second_even_without_beats_or_energy(look: str, palette: Palette) -> None:
    moves = {0: MOVES[0], 1: MOVES[4]} if palette is DARK else {2: MOVES[2], 3: MOVES[6]}
    for number, move in moves.items():
        order = shot(
            look, variant=number, seed=number, move=move, energy=0.0, motion=0.0, frames=180, palette=palette
        )
        drawn = with_all(order, analysis=song(0.0))
        seen = [small(drawn.frame(index)) for index in range(0, 180, 15)]
        least = min(np.abs(after - before).mean() for before, after in itertools.pairwise(seen))
        assert least >= MOVES_BY, f"{look} with {move} moves by {least:.2f}"


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("look", ALL)
def test_it_never_flashes(look: str, palette: Palette) -> None:
    order = shot(look, energy=1.0, motion=1.0, frames=60, palette=palette)
    drawn = with_all(order, analysis=song(148.0))
    cells = np.stack([luminance(drawn.frame(index)) for index in range(45)]).reshape(45, -1)
    counts = [
        max(flashes(cells[start : start + 30, cell]) for start in (0, 8, 15)) for cell in range(cells.shape[1])
    ]
    widespread = float(np.quantile(counts, 0.75))  # what a quarter of the picture reaches
    assert widespread <= 2.0


def test_flashes_are_counted() -> None:
    assert flashes(np.array([0.1, 0.5] * 15)) == pytest.approx(14.5)
    assert flashes(np.full(30, 0.3)) == 0.0


@pytest.mark.parametrize("look", ALL)
def test_the_same_order_gives_the_same_frames_in_any_order_of_asking(look: str) -> None:
    first, second = draw(look), draw(look)
    later = [first.frame(index) for index in (0, 40, 80)]
    for index, frame in zip((80, 40, 0), reversed(later), strict=True):
        assert np.array_equal(second.frame(index), frame)


@pytest.mark.parametrize("look", ALL)
def test_the_number_of_threads_does_not_matter(look: str) -> None:
    alone = draw(look).frame(33)
    many = draw(look)
    cv2.setNumThreads(4)
    try:
        assert np.array_equal(many.frame(33), alone)
    finally:
        cv2.setNumThreads(1)


@pytest.mark.parametrize("look", ALL)
def test_another_seed_gives_another_picture(look: str) -> None:
    drawn, other = draw(look, seed=1), draw(look, seed=2)
    assert not np.array_equal(drawn.frame(10), other.frame(10))


@pytest.mark.parametrize(("width", "height"), [(108, 192), (96, 96), (320, 180), (130, 162)])
@pytest.mark.parametrize("look", ALL)
def test_it_fills_any_frame(look: str, width: int, height: int) -> None:
    frame = with_all(shot(look), width=width, height=height).frame(5)
    assert frame.shape == (height, width, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 8.0


SEEN = 8.0
"""Levels of 255 by which the colours of two pictures differ, wherever they lie in them, for a cut that is seen."""


def unlike(before: Frame, after: Frame) -> float:
    """How far the colours of two frames lie apart at 96 x 54, channel by channel, whatever has moved.

    Two pictures of the same shapes in the same colours come out near 0 even when every pixel has changed.
    """
    first, second = (
        np.sort(cv2.resize(frame, (96, 54), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float64), axis=0)
        for frame in (before, after)
    )
    return float(np.abs(first - second).mean())


def before_a_cut(look: str, palette: Palette) -> Frame:
    return draw(look, variant=1, seed=30, start=0, frames=60, move="push", palette=palette).frame(59)


def after_a_cut(look: str, palette: Palette) -> Frame:
    return draw(look, variant=2, seed=40, start=60, frames=60, move="pan_left", palette=palette).frame(0)


@pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("look", ALL)
def test_a_cut_between_neighbours_of_one_look_stands_out(look: str, palette: Palette) -> None:
    """The planner puts neighbours on grounds that stand out from each other."""
    pairs = [(a, b) for a in get_args(Ground) for b in get_args(Ground) if stands_out(a, b)]
    assert len(pairs) == 10
    before = {ground: before_a_cut(look, on_ground(palette, ground)) for ground in get_args(Ground)}
    after = {ground: after_a_cut(look, on_ground(palette, ground)) for ground in get_args(Ground)}
    for one, other in pairs:
        frames = before[one], after[other]
        seen = unlike(*frames)
        assert seen >= SEEN, f"{look} from {one} to {other} differs by {seen:.1f}"
        assert np.abs(small(frames[0]) - small(frames[1])).mean() >= SEEN


def test_a_cut_from_rings_to_rings_in_the_same_colours_would_not_be_seen() -> None:
    assert unlike(before_a_cut("rings", DARK), after_a_cut("rings", DARK)) < SEEN


@pytest.mark.parametrize("look", ALL)
def test_the_beat_is_seen(look: str) -> None:
    """On a beat the picture differs from one that hears no beat at all."""
    order = shot(look, energy=1.0)
    heard = with_all(order, analysis=song(120.0)).frame(30)
    order_again = shot(look, energy=1.0)
    silent = with_all(order_again, analysis=song(0.0)).frame(30)
    assert np.abs(small(heard) - small(silent)).mean() > 0.3


def test_a_look_has_what_it_needs_or_its_stand_in_draws() -> None:
    for name, look in looks.all_looks().items():
        bare = painter(shot(name, text="")).look_name
        assert with_all(shot(name)).look_name == name
        assert not looks.all_looks()[bare].entry.needs or set(looks.all_looks()[bare].entry.needs) == {"words"}
        assert not look.entry.needs or look.entry.stand_in in looks.all_looks()
    assert painter(shot("no-such-look")).look_name == looks.FALLBACK


def test_a_picture_look_without_a_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="picture"):
        looks.make("duotone", painter(shot("blobs")).stage)
