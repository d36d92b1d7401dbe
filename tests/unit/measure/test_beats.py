"""How near cuts are to beats is told beside what chance would do; and where a song lies in a recording."""

import numpy as np
import pytest

from libs.measure.align import offset
from libs.measure.beats import at_least, by_chance, nearness, to_beats
from libs.measure.ear import hear

BEATS = np.arange(0.25, 30, 0.5)
TOLERANCES = (0.04, 1 / 30)


def test_distances_are_signed_and_to_the_nearest_beat() -> None:
    times = np.array([0.0, 0.25, 0.3, 0.49, 0.51, 29.9])
    assert to_beats(times, BEATS) == pytest.approx([-0.25, 0, 0.05, 0.24, -0.24, 0.15])
    assert to_beats(times[:2], np.array([1.0])) == pytest.approx([-1.0, -0.75])


def test_chance_is_what_the_beats_leave() -> None:
    found = by_chance(BEATS, 0.0, 30.0, TOLERANCES)
    assert found.median == pytest.approx(0.125, abs=0.002)
    assert found.shares == pytest.approx((0.16, 0.133), abs=0.01)


def test_cuts_on_the_beat_and_late_ones() -> None:
    on = nearness(to_beats(BEATS[::4] + 0.01, BEATS), TOLERANCES)
    assert on.median == pytest.approx(0.01) and on.shares == (1.0, 1.0)
    late = nearness(to_beats(BEATS[::4] + 0.1, BEATS), TOLERANCES)
    assert late.median == pytest.approx(0.1) and late.shares == (0.0, 0.0)


def test_how_likely_chance_is() -> None:
    assert at_least(0, 10, 0.2) == 1.0
    assert at_least(10, 10, 0.2) == pytest.approx(0.2**10)
    assert at_least(1, 2, 0.5) == pytest.approx(0.75)
    assert at_least(2, 2, 1.0) == 1.0
    assert at_least(1, 5, 0.0) == 0.0
    assert at_least(200, 1000, 0.2) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("late", [0.0, 3.21, -4.7])
def test_a_song_is_found_in_a_recording(late: float) -> None:
    random = np.random.default_rng(2)
    rate = 22050
    song = np.zeros(20 * rate, np.float32)
    at = 0.3
    while at < 19:
        first = int(at * rate)
        song[first : first + 2000] += random.standard_normal(2000).astype(np.float32) * np.linspace(1, 0, 2000)
        at += float(random.uniform(0.2, 0.6))
    shift = round(late * rate)
    heard = np.concatenate([np.zeros(shift, np.float32), song]) if shift >= 0 else song[-shift:]
    heard = heard + random.standard_normal(heard.size).astype(np.float32) * 0.02
    assert offset(hear(song, rate).onsets, hear(heard, rate).onsets) == pytest.approx(late, abs=0.03)


def test_silence_is_nowhere() -> None:
    silent = hear(np.zeros(10 * 22050, np.float32), 22050).onsets
    assert offset(silent, silent) == 0.0
    assert offset(silent[:1], silent) == 0.0
