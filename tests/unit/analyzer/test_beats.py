"""Beats, tempo and bars on sounds whose beats are known to the sample."""

from __future__ import annotations

import numpy as np
import pytest

from libs.contracts.analysis import Tempo
from services.analyzer import beats, meter
from services.analyzer.onsets import envelope, onset_times
from services.analyzer.phase import entry, midpoints
from services.analyzer.spectrum import FPS, RATE, spectra
from services.analyzer.tape import Array
from tests.unit.analyzer.synth import chord, click_times, clicks, noise, silence


def heard(samples: Array) -> beats.Pulse:
    features = spectra(samples)
    return beats.find_pulse(features, envelope(features))


def distances(found: np.ndarray, true: list[float]) -> np.ndarray:
    """Seconds from each true time to the nearest found one."""
    return np.array([np.abs(found - time).min() for time in true])


@pytest.mark.parametrize("bpm", [72.0, 96.0, 120.0, 127.3, 150.0])
def test_beats_fall_within_ten_milliseconds_of_clicks(bpm: float) -> None:
    true = click_times(bpm, 24.0)
    pulse = heard(clicks(true, 24.0))
    assert distances(pulse.beats, true[2:-1]).max() < 0.010
    assert pulse.tempo.bpm == pytest.approx(bpm, rel=0.01)
    assert pulse.tempo.stable
    assert len(pulse.beats) == pytest.approx(len(true), abs=2)
    assert ((pulse.strengths >= 0.0) & (pulse.strengths <= 1.0)).all()


def test_beats_follow_a_tempo_that_changes() -> None:
    true, gap = [0.5], 0.60
    while true[-1] < 40.0:
        true.append(true[-1] + gap)
        gap *= 0.996
    pulse = heard(clicks(true, 41.0))
    assert np.median(distances(pulse.beats, true[4:-2])) < 0.015
    assert not pulse.tempo.stable


def test_eighths_between_the_beats_are_not_taken_for_beats() -> None:
    true = click_times(100.0, 30.0)
    between = [time + 0.3 for time in true]
    pulse = heard(clicks(true, 30.5) + clicks(between, 30.5, level=0.15))
    assert pulse.tempo.bpm == pytest.approx(100.0, rel=0.01)
    assert distances(pulse.beats, true[2:-2]).max() < 0.012


def test_strong_off_beats_do_not_turn_the_pulse_when_the_song_begins_on_the_beat() -> None:
    true = click_times(110.0, 30.0)
    half = 30.0 / 110.0
    off = [time + half for time in true]
    sound = clicks(true, 31.0, level=0.35) + clicks(off, 31.0, level=0.5)
    assert distances(heard(sound).beats, true[3:-3]).max() < 0.03


@pytest.mark.parametrize(
    "sound", [silence(12.0), noise(20.0), chord([0, 4, 7], 12.0), silence(0.0), silence(0.01), noise(0.05)]
)
def test_what_has_no_pulse_has_no_beats(sound: Array) -> None:
    pulse = heard(sound)
    assert len(pulse.beats) == 0
    assert pulse.tempo == Tempo(bpm=0.0, confidence=0.0, stable=False)


def test_no_beats_are_put_where_nothing_sounds() -> None:
    true = click_times(120.0, 20.0, start=15.0)
    pulse = heard(np.concatenate([clicks(true, 20.0), silence(10.0)]))
    true_long = click_times(120.0, 40.0, start=15.0)
    longer = heard(np.concatenate([clicks(true_long, 40.0), silence(10.0)]))
    assert longer.beats.min() > 14.0
    assert longer.beats.max() < 41.0
    assert len(pulse.beats) == 0 or pulse.beats.min() > 14.0


def test_onsets_are_where_the_clicks_are() -> None:
    true = [0.5, 1.1, 1.9, 2.35, 3.4, 4.0]
    found = onset_times(envelope(spectra(clicks(true, 5.0))))
    assert len(found) == len(true)
    assert distances(found, true).max() < 0.015


@pytest.mark.parametrize("per_bar", [3, 4])
def test_bars_are_told_by_new_harmony_and_bass(per_bar: int) -> None:
    gap = 0.5
    bars = 16
    notes = [[0, 4, 7], [5, 9, 12], [7, 11, 14], [9, 12, 16]]
    lead = silence(0.5)
    body = np.concatenate([chord(notes[bar % 4], per_bar * gap) for bar in range(bars)])
    tones = np.concatenate([lead, body])
    true = [0.5 + i * gap for i in range(bars * per_bar)]
    seconds = len(tones) / RATE
    features = spectra(tones + clicks(true, seconds))
    env = envelope(features)
    pulse = beats.find_pulse(features, env)
    found = meter.find_bars(features, env, pulse.beats, pulse.tempo)
    assert found.meter == per_bar
    expected = [0.5 + bar * per_bar * gap for bar in range(1, bars - 1)]
    assert distances(pulse.beats[found.downbeat], expected).max() < 0.05


def test_few_beats_still_have_bars() -> None:
    features = spectra(silence(2.0))
    found = meter.find_bars(features, envelope(features), np.array([0.5, 1.0]), beats.NO_PULSE.tempo)
    assert found.meter == 4
    assert found.downbeat.tolist() == [True, False]


def test_the_reading_between_covers_both_ends() -> None:
    assert midpoints(np.array([100.0, 150.0, 200.0])).tolist() == [75.0, 125.0, 175.0, 225.0]
    assert midpoints(np.array([10.0, 60.0, 110.0])).tolist() == [35.0, 85.0, 135.0]


def test_a_song_that_begins_out_of_silence_says_where_its_beat_is() -> None:
    true = click_times(120.0, 20.0)
    features = spectra(clicks(true, 20.0))
    on = np.array(true) * FPS
    assert entry(features, on) == 1.0
    assert entry(features, on + 25.0) == -1.0
    assert entry(spectra(noise(20.0)), on) == 0.0
