"""Cuts and crossfades are found on their very frames, and nothing is found where nothing changes."""

from fractions import Fraction

import numpy as np
import pytest

from libs.measure.light import Small
from services.composer.changes import ChangeFinder, Planned, stretches

RANDOM = np.random.default_rng(5)
WAVES = RANDOM.uniform(0, 1, (4, 3, 6, 4))
"""For each scene and colour six waves: two frequencies, a phase and a strength."""
ROWS, COLUMNS = np.mgrid[0:54, 0:96]


def picture(scene: int, frame: int) -> np.ndarray:
    """A scene of soft waves that pans by a third of a pixel a frame, with some noise."""
    colours = []
    for waves in WAVES[scene]:
        level = sum(w * np.sin((COLUMNS + frame / 3) * a / 4 + ROWS * b / 4 + 6.3 * p) for a, b, p, w in waves)
        colours.append(120 + 40 * level)
    return np.stack(colours, 2) + np.random.default_rng(frame).normal(0, 1, (54, 96, 3))


def video(changes: list[Planned], frames: int) -> list[Small]:
    """Pictures in which the changes happen as given."""
    shown = []
    for number in range(frames):
        scene = sum(number >= change.frame for change in changes)
        mixed = picture(scene, number)
        for later, change in enumerate(changes, 1):
            half = change.frames // 2
            if change.frames and change.frame - half <= number < change.frame + half:
                share = (number - change.frame + half) / change.frames
                mixed = picture(later - 1, number) * (1 - share) + picture(later, number) * share
        shown.append(np.clip(mixed, 0, 255).astype(np.uint8))
    return shown


def find(pictures: list[Small], planned: list[Planned]) -> tuple[int | None, ...]:
    finder = ChangeFinder(planned)
    for one in pictures:
        finder.add(one)
    return finder.found()


@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 2])
def test_changes_are_found_where_they_are(shift: int) -> None:
    planned = [Planned(30, 0), Planned(60, 8), Planned(95, 0)]
    real = [Planned(one.frame + shift, one.frames) for one in planned]
    found = find(video(real, 130), planned)
    assert found[0] == 30 + shift and found[2] == 95 + shift
    assert found[1] is not None and abs(found[1] - 60 - shift) <= 1


def test_a_centred_crossfade_is_found_on_its_cut() -> None:
    planned = [Planned(40, 8)]
    assert find(video(planned, 80), planned) == (40,)


def test_cuts_next_to_each_other() -> None:
    planned = [Planned(30, 0), Planned(31, 0), Planned(33, 0)]
    assert find(video(planned, 60), planned) == (30, 31, 33)


def test_nothing_is_found_where_nothing_changes() -> None:
    assert find(video([], 60), [Planned(20, 0), Planned(40, 8)]) == (None, None)


def test_stretches() -> None:
    flags = [0] * 10 + [1] * 15 + [0] + [1] * 16 + [0] * 5 + [1] * 20
    found = stretches(flags, Fraction(30), 0.5)
    assert [(round(one.start * 30), round(one.end * 30)) for one in found] == [(26, 42), (47, 67)]
