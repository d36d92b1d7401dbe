"""What every look has to give, measured as a viewer would see it, and what would not be good enough."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from libs.measure.light import small_size
from libs.measure.motion import stillest
from libs.measure.music import RATE, Music, follow
from libs.measure.watch import Seen, Watch
from services.generator.builtin import looks
from services.generator.builtin.looks.stage import Frame
from services.generator.builtin.painter import Painter
from tests.unit.generator.scenes import FPS, painter, round_subject, shot, soft_picture, song

ALL = [*looks.all_looks()]
BPM = 126.0
SECONDS = 6.0
FRAMES = int(SECONDS * FPS)
WIDTH, HEIGHT = 192, 108

MOST_FLASHES = 2.0
"""In any one second."""
LEAST_MOTION = 0.05
"""Share of the pixels at 96 x 54 that visibly change within half a second, in the stillest second."""
LEAST_FOLLOWED = 0.18
"""Correlation of motion or light with the song's onsets."""
LEAST_COLOURS = 0.20
"""How much of the picture isn't of its one commonest colour."""


class Marks(NamedTuple):
    """What was measured of a shot."""

    flashes: float
    red_flashes: float
    motion: float
    followed: float
    colours: float

    @property
    def good(self) -> bool:
        """Whether a shot like this may be shown."""
        return (
            max(self.flashes, self.red_flashes) <= MOST_FLASHES
            and self.motion >= LEAST_MOTION
            and self.followed >= LEAST_FOLLOWED
            and self.colours >= LEAST_COLOURS
        )


def judged(frame: Callable[[int], Frame]) -> Marks:
    """The marks of the frames 0 to FRAMES."""
    watch, size = Watch(), small_size(WIDTH, HEIGHT)
    for index in range(FRAMES):
        small = cv2.resize(frame(index), size, interpolation=cv2.INTER_AREA)
        watch.add(np.ascontiguousarray(small[..., ::-1]), float(index / FPS))
    seen = watch.seen()
    still = stillest(seen.changes, 0.0, SECONDS)
    return Marks(
        flashes=seen.flashes.a_second,
        red_flashes=seen.red_flashes.a_second,
        motion=still.share if still else 0.0,
        followed=followed(seen),
        colours=min(beside_the_commonest(frame(index)) for index in (20, 90, 160)),
    )


def followed(seen: Seen) -> float:
    """How far motion or light follow the beats that the painters hear."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    since = (time + 2.0) % (60.0 / BPM)
    music = Music(onsets=np.exp(-since / 0.2), energy=np.ones_like(time))
    found = (follow(seen.times, values, (), music).onsets for values in (seen.levels, seen.light))
    return max(value or 0.0 for value in found)


def beside_the_commonest(frame: Frame) -> float:
    """The part of the picture that isn't of its commonest colour, colours told apart coarsely."""
    coarse = (cv2.resize(frame, (96, 54), interpolation=cv2.INTER_AREA) // 32).reshape(-1, 3).astype(np.int64)
    counts = np.bincount(coarse @ np.array([64, 8, 1]))
    return 1.0 - float(counts.max()) / float(counts.sum())


@cache
def drawn(look: str) -> Painter:
    order = shot(look, energy=1.0, motion=0.8, frames=FRAMES, start=60)
    return painter(
        order, analysis=song(BPM), picture=soft_picture(), subject=round_subject(), width=WIDTH, height=HEIGHT
    )


@pytest.mark.parametrize("look", ALL)
def test_a_loud_shot_moves_with_the_music_and_never_flashes(look: str) -> None:
    marks = judged(drawn(look).frame)
    assert marks.good, f"{look}: {marks}"


def test_a_still_look_is_not_good_enough() -> None:
    first = drawn("tiles").frame(10)
    assert not judged(lambda _: first).good


def test_a_screen_saver_is_not_good_enough() -> None:
    """Something that moves all the time, and with nothing in the music."""
    wide = np.asarray(cv2.resize(drawn("tiles").frame(10), None, fx=2.0, fy=2.0), dtype=np.uint8)

    def panned(index: int) -> Frame:
        return np.ascontiguousarray(wide[40 : 40 + HEIGHT, index // 2 : index // 2 + WIDTH])

    marks = judged(panned)
    assert marks.motion >= LEAST_MOTION
    assert not marks.good


def test_a_plain_colour_that_blinks_is_not_good_enough() -> None:
    def blink(index: int) -> Frame:
        return np.full((HEIGHT, WIDTH, 3), 230 if index // 7 % 2 else 20, np.uint8)

    marks = judged(blink)
    assert marks.flashes > MOST_FLASHES
    assert marks.colours < LEAST_COLOURS


def test_a_plain_ground_with_a_pulsing_dot_is_not_good_enough() -> None:
    """The cheapest that follows the beat: nearly all of it is one colour."""

    def dot(index: int) -> Frame:
        frame = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        since = (index / float(FPS) + 2.0) % (60.0 / BPM)
        cv2.circle(frame, (WIDTH // 2, HEIGHT // 2), 10 + int(6 * np.exp(-since / 0.2)), (200, 180, 240), -1)
        return frame

    assert not judged(dot).good
