"""What moves is told from what doesn't, where and when."""

import numpy as np
import pytest

from libs.measure.bits import BitMeter
from libs.measure.motion import still_spans, stillest
from tests.unit.measure.films import FPS, flat, watched

NOISE = np.random.default_rng(3).integers(60, 200, (54, 200, 3), np.uint8)
SOFT = np.repeat(np.repeat(NOISE[::6, ::6], 6, 0), 6, 1)[:54]


def panned(pixels: float) -> np.ndarray:
    """Blocks of colour, moved by parts of a pixel."""
    whole, share = int(pixels), pixels % 1
    left, right = SOFT[:, whole : whole + 96].astype(float), SOFT[:, whole + 1 : whole + 97].astype(float)
    return np.rint(left * (1 - share) + right * share).astype(np.uint8)


def test_a_still_picture_is_still() -> None:
    seen = watched(lambda _: SOFT[:, :96], 5)
    ((start, end),) = still_spans(seen.changes)
    assert start == 0 and end == pytest.approx(4.75, abs=0.3)
    assert not seen.levels.any()


def test_noise_and_light_of_an_encoder_are_no_motion() -> None:
    def paint(at: float) -> np.ndarray:
        jitter = np.random.default_rng(int(at * FPS)).integers(-3, 4, (54, 96, 3))
        return np.clip(SOFT[:, :96] + jitter, 0, 255).astype(np.uint8)

    assert still_spans(watched(paint, 3).changes)


def test_a_slow_pan_is_motion() -> None:
    seen = watched(lambda at: panned(at * 0.8), 5)
    assert still_spans(seen.changes) == []
    found = stillest(seen.changes, 0, 5)
    assert found is not None and found.share > 0.02


def test_the_stillest_second_is_found() -> None:
    def paint(at: float) -> np.ndarray:
        return panned(3 * min(at, 2.0) + 3 * max(at - 3.5, 0))

    seen = watched(paint, 6)
    found = stillest(seen.changes, 0, 6)
    assert found is not None
    assert found.share == 0 and 2.0 <= found.at <= 2.5
    ((start, end),) = still_spans(seen.changes)
    assert start == pytest.approx(2.0, abs=0.3) and end == pytest.approx(3.5, abs=0.3)
    moving = stillest(seen.changes, 3.6, 6)
    assert moving is not None and moving.share > 0.02


def test_a_cut_does_not_make_its_neighbours_move() -> None:
    seen = watched(lambda at: SOFT[:, :96] if at < 2 else SOFT[:, 60:156], 4)
    for scene in ((0, 2), (2, 4)):
        found = stillest(seen.changes, *scene)
        assert found is not None and found.share == 0
    assert len(still_spans(seen.changes)) == 2


def test_a_scene_shorter_than_half_a_second_is_not_judged() -> None:
    assert stillest(watched(lambda _: flat(9), 2).changes, 0.5, 0.9) is None


def test_bits_are_counted_by_the_second() -> None:
    bits = BitMeter()
    for number in range(90):
        bits.add(number / 30, 50_000 if 30 <= number < 60 else 10_000)
    rate = bits.rate(3.0)
    assert rate is not None
    assert rate.mean == pytest.approx(2.1e6 * 8e-6 / 3)
    assert rate.peak == pytest.approx(12.0) and rate.at == 1.0
    assert BitMeter().rate(3.0) is None
