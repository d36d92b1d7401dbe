"""Cuts and dissolves are found without a plan, and what only moves or flashes is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from libs.measure.cuts import Shift, ShotFinder
from libs.measure.light import Small

FPS = 30
ROWS, COLUMNS = np.mgrid[0:54, 0:96]


def scene(seed: int, at: float, speed: float = 6.0) -> np.ndarray:
    """Soft waves of a seed's own, panned by `speed` pixels a second."""
    random = np.random.default_rng(seed)
    colours = []
    for _ in range(3):
        level = np.zeros((54, 96))
        for _ in range(5):
            a, b, phase, strength = random.uniform(0.1, 1, 4)
            level += strength * np.sin((COLUMNS + at * speed) * a / 5 + ROWS * b / 4 + 6.3 * phase)
        colours.append(random.uniform(90, 160) + 40 * level)
    return np.stack(colours, 2)


def small(picture: np.ndarray, seed: int = 0) -> Small:
    noise = np.random.default_rng(seed).normal(0, 1, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def found(paint: Callable[[float], np.ndarray], seconds: float, fps: float = FPS) -> list[Shift]:
    finder = ShotFinder()
    for number in range(round(seconds * fps)):
        finder.add(small(paint(number / fps), number), number / fps)
    return finder.shifts()


def shots(at: float, cuts: Sequence[float], speed: float = 6.0) -> np.ndarray:
    return scene(int(np.searchsorted(cuts, at + 1e-9)), at, speed)


@pytest.mark.parametrize(("fps", "speed"), [(24, 0.0), (30, 6.0), (30, 60.0), (60, 6.0)])
def test_cuts_are_found_on_their_frames(fps: float, speed: float) -> None:
    cuts = [round(at * fps) / fps for at in (0.7, 1.1, 2.5, 3.03)]
    shifts = found(lambda at: shots(at, cuts, speed), 4, fps)
    assert {one.kind for one in shifts} == {"cut"}
    assert [one.at for one in shifts] == pytest.approx(cuts)


def test_a_fast_pan_and_a_zoom_are_no_cuts() -> None:
    assert found(lambda at: scene(3, at, 240.0), 3) == []

    def zoomed(at: float) -> np.ndarray:
        size = 1 + 0.5 * (0.2 < at % 0.5 < 0.3)
        rows = ((ROWS - 27) / size + 27).astype(int)
        columns = ((COLUMNS - 48) / size + 48).astype(int)
        return np.asarray(scene(4, 0)[rows, columns])

    assert found(zoomed, 3) == []


def test_flashes_and_pulses_of_light_are_no_cuts() -> None:
    def flashing(at: float) -> np.ndarray:
        return np.full((54, 96, 3), 250.0) if round(at * FPS) % 20 == 10 else scene(1, at)

    assert found(flashing, 4) == []
    assert found(lambda at: scene(1, at) * (1.3 if at % 0.5 < 0.08 else 1.0), 4) == []


def test_a_cut_to_black_and_back_is_two() -> None:
    def paint(at: float) -> np.ndarray:
        return np.full((54, 96, 3), 4.0) if 1 <= at < 2 else scene(1, at)

    assert found(paint, 3) == [(1.0, "cut"), (2.0, "cut")]


@pytest.mark.parametrize("length", [0.4, 0.6, 0.8])
def test_a_dissolve_is_found_at_its_middle(length: float) -> None:
    def paint(at: float) -> np.ndarray:
        share = float(np.clip((at - 2 + length / 2) / length, 0, 1))
        return scene(1, at) * (1 - share) + scene(2, at) * share

    ((at, kind),) = found(paint, 4)
    assert kind == "dissolve" and at == pytest.approx(2.0, abs=0.11)


def test_colours_that_only_drift_are_no_dissolve() -> None:
    assert found(lambda at: scene(1, at) * (0.6 + 0.1 * at), 4) == []
    assert found(lambda at: scene(1, at, 40.0), 4) == []


def test_a_still_video_has_none() -> None:
    assert found(lambda _: scene(1, 0), 2) == []
    assert ShotFinder().shifts() == []
