"""A picture that moves with the music is told from one that doesn't."""

import numpy as np
import pytest

from libs.measure.ear import hear
from libs.measure.music import Music, follow, with_beats

RATE = 22050
BEATS = np.arange(0.5, 20, 0.5)
FRAMES = np.arange(0, 20, 1 / 30)


@pytest.fixture(scope="module")
def music() -> Music:
    """Hits of noise on each beat, much louder from the middle on."""
    random = np.random.default_rng(1)
    time = np.arange(20 * RATE) / RATE
    sound = np.zeros(time.size)
    for beat in BEATS:
        since = time - beat
        sound += (since >= 0) * np.exp(-since.clip(0) / 0.05) * (0.1 if beat < 10 else 0.8)
    return hear((sound * random.standard_normal(time.size) * 0.3).astype(np.float32), RATE)


def pulses(late: float = 0.0) -> np.ndarray:
    """A pulse of light on every beat."""
    since = FRAMES[:, None] - BEATS - late
    return np.asarray(np.where(since >= 0, np.exp(-since.clip(0) / 0.2), 0).sum(1))


@pytest.mark.parametrize("late", [0.0, 0.06, -0.06])
def test_a_pulse_on_the_beat_follows_the_onsets(music: Music, late: float) -> None:
    found = follow(FRAMES, pulses(late), [], music)
    assert found.onsets is not None and found.onsets > 0.7
    assert found.lag_ms == pytest.approx(late * 1000, abs=30)


def test_a_pulse_beside_the_beat_does_not(music: Music) -> None:
    found = follow(FRAMES, pulses(0.25), [], music)
    assert found.onsets is not None and found.onsets < 0.1


def test_chance_does_not(music: Music) -> None:
    for seed in range(5):
        found = follow(FRAMES, np.random.default_rng(seed).random(FRAMES.size), [], music)
        assert found.onsets is not None and abs(found.onsets) < 0.25


def test_scenes_count_by_their_length_not_by_how_much_moves(music: Music) -> None:
    wild = np.where(FRAMES < 4, 200 * np.random.default_rng(4).random(FRAMES.size), pulses())
    found = follow(FRAMES, wild, [(4.0, 4.04)], music)
    assert found.onsets is not None and found.onsets > 0.5


def test_beats_are_followed_where_they_are_known(music: Music) -> None:
    assert follow(FRAMES, pulses(), [], music).beats is None
    known = with_beats(music, BEATS, np.ones(BEATS.size))
    found = follow(FRAMES, pulses(0.04), [], known)
    assert found.beats is not None and found.beats > 0.9
    assert found.lag_ms == pytest.approx(40, abs=30)
    beside = follow(FRAMES, pulses(0.25), [], known)
    assert beside.beats is not None and beside.beats < 0
    without = with_beats(music, np.zeros(0), np.zeros(0))
    assert follow(FRAMES, pulses(), [], without).beats is None


def test_more_motion_in_louder_parts_follows_the_energy(music: Music) -> None:
    found = follow(FRAMES, np.where(FRAMES < 10, 1.0, 5.0), [], music)
    assert found.energy is not None and found.energy > 0.9
    against = follow(FRAMES, np.where(FRAMES < 10, 5.0, 1.0), [], music)
    assert against.energy is not None and against.energy < -0.9


def test_cuts_on_the_beat_are_no_motion_with_the_music(music: Music) -> None:
    cuts = [(beat, beat + 1 / 30) for beat in BEATS[::4]]
    moving = np.random.default_rng(7).random(FRAMES.size)
    for start, _ in cuts:
        moving[round(start * 30)] += 50
    found = follow(FRAMES, moving, cuts, music)
    assert found.onsets is not None and abs(found.onsets) < 0.25
    counted = follow(FRAMES, moving, [], music)
    assert counted.onsets is not None and counted.onsets > abs(found.onsets)


def test_what_does_not_change_or_is_too_short_has_no_correlation(music: Music) -> None:
    assert follow(FRAMES, np.ones(FRAMES.size), [], music).onsets is None
    assert follow(FRAMES[:60], pulses()[:60], [], music).onsets is None
    silent = hear(np.zeros(20 * RATE, np.float32), RATE)
    assert follow(FRAMES, pulses(), [], silent).onsets is None


def test_a_moment_of_sound_can_be_heard() -> None:
    assert hear(np.zeros(700, np.float32), RATE).onsets.size == 1
    assert hear(np.zeros(0, np.float32), RATE).onsets.size == 1
