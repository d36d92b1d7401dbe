"""The pulse follows the beats without popping; counts go on where beats are missing."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.builtin.rhythm import IDLE_BEAT_S, Rhythm
from tests.unit.generator.scenes import song


def rhythm(bpm: float = 120.0) -> Rhythm:
    return Rhythm.of(song(bpm))


def test_the_pulse_is_highest_on_the_beat_and_decays() -> None:
    beats = rhythm()
    on, after, before = beats.pulse(1.0), beats.pulse(1.2), beats.pulse(0.95)
    assert on > after > before
    assert on > 0.6
    assert before < 0.2


def test_the_pulse_rises_over_more_than_one_frame_of_a_fast_rate() -> None:
    """A jump from nothing to all would pop."""
    beats = rhythm()
    levels = [beats.pulse(0.96 + step / 240.0) for step in range(12)]
    steps = [after - before for before, after in itertools.pairwise(levels)]
    assert max(steps) < 0.25


def test_downbeats_are_stronger() -> None:
    beats = rhythm()
    assert beats.pulse(2.0) > beats.pulse(1.5)


def test_without_beats_there_is_no_pulse_and_an_even_count() -> None:
    beats = rhythm(0.0)
    assert beats.pulse(3.0) == 0.0
    assert beats.count(3.0) == pytest.approx(3.0 / IDLE_BEAT_S)


def test_very_fast_songs_pulse_on_every_second_beat_beginning_with_a_downbeat() -> None:
    fast = rhythm(180.0)
    assert fast.beats[1] - fast.beats[0] == pytest.approx(2 * 60 / 180)
    assert fast.beats[0] == 0.0


@given(st.floats(min_value=-3, max_value=30, allow_nan=False), st.sampled_from([0.0, 60.0, 97.0, 128.0, 190.0]))
def test_counts_never_go_back(time: float, bpm: float) -> None:
    beats = rhythm(bpm)
    assert beats.count(time + 0.01) >= beats.count(time)
    assert beats.step(time + 0.01) >= beats.step(time) - 1e-9
    assert 0.0 <= beats.pulse(time) <= 1.0


def test_energy_is_read_between_its_points_and_has_a_middle_without_any() -> None:
    assert rhythm().energy(4.0) == pytest.approx(0.6)
    assert Rhythm.of(msgspec.structs.replace(song(), energy=())).energy(4.0) == 0.5


@given(st.floats(min_value=-3, max_value=30, allow_nan=False))
def test_energy_is_linear_between_its_points_and_level_beyond(time: float) -> None:
    beats = rhythm()
    assert beats.energy(time) == float(np.interp(time, beats.energy_times, beats.energy_values))
