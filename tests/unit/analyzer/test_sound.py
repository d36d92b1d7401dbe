"""Energy, outline, brightness, key and sections on made sounds."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from services.analyzer import energy
from services.analyzer.key import find_key
from services.analyzer.sections import find_sections
from services.analyzer.spectrum import FPS, RATE, mel_bank, spectra
from tests.unit.analyzer.synth import chord, click_times, clicks, noise, progression, silence

MAJOR = [[0, 4, 7], [5, 9, 12], [7, 11, 14], [0, 4, 7]]
MINOR = [[0, 3, 7], [5, 8, 12], [7, 10, 14], [0, 3, 7]]


@pytest.mark.parametrize("shift", [0, 3, 7, 10])
def test_the_key_of_a_cadence(shift: int) -> None:
    tonics = ("C", "Eb", "G", "Bb")
    sound = progression([[note + shift for note in notes] for notes in MAJOR], 1.0, 3)
    features = spectra(sound)
    key = find_key(features.chroma, features.bass)
    assert (key.tonic, key.mode) == (tonics[[0, 3, 7, 10].index(shift)], "major")
    assert 0.0 < key.confidence <= 1.0


def test_minor_is_told_from_major() -> None:
    features = spectra(progression(MINOR, 1.0, 3))
    key = find_key(features.chroma, features.bass)
    assert (key.tonic, key.mode) == ("C", "minor")


@pytest.mark.parametrize("cents", [-35.0, 0.0, 30.0])
def test_a_detuned_instrument_is_heard_in_its_key(cents: float) -> None:
    features = spectra(progression(MAJOR, 1.0, 3, cents=cents))
    assert features.tuning == pytest.approx(cents / 100.0, abs=0.06)
    assert find_key(features.chroma, features.bass).tonic == "C"


def test_energy_follows_loudness_and_lies_between_zero_and_one() -> None:
    quiet, loud = chord([0, 4], 10.0, level=0.01), chord([0, 4], 10.0, level=0.2)
    curve = energy.curve(spectra(np.concatenate([quiet, loud])))
    assert len(curve) == 200
    assert curve.min() >= 0.0
    assert curve.max() <= 1.0
    assert curve[20:80].mean() < 0.4 * curve[120:180].mean()


def test_a_quiet_master_has_the_same_energy() -> None:
    sound = np.concatenate([chord([0], 5.0, level=0.02), chord([0], 5.0, level=0.2)])
    assert energy.curve(spectra(sound)) == pytest.approx(energy.curve(spectra(sound * np.float32(0.1))), abs=0.01)


def test_silence_has_no_energy_and_is_known() -> None:
    features = spectra(silence(6.0))
    assert energy.is_silent(features)
    assert not energy.curve(features).any()
    assert energy.brightness(features) == 0.5
    assert not energy.is_silent(spectra(noise(2.0, level=0.002)))


def test_the_outline_is_as_long_as_asked_and_touches_one() -> None:
    sound = clicks([1.0, 3.0], 6.0)
    outline = energy.peaks(sound, 600)
    assert len(outline) == 600
    assert outline.max() == 1.0
    assert set(np.flatnonzero(outline > 0.5)) <= {100, 300}
    assert len(energy.peaks(sound[:10], 600)) == 10
    assert len(energy.peaks(silence(0.0), 600)) == 0


def test_a_bright_sound_is_brighter() -> None:
    dark, bright = chord([-12], 4.0), noise(4.0)
    assert energy.brightness(spectra(dark)) < 0.3
    assert energy.brightness(spectra(bright)) > 0.8


def test_the_mel_bank_has_no_empty_band() -> None:
    bank = mel_bank(1024, RATE, 64, 30.0, 11000.0)
    assert bank.shape == (513, 64)
    assert bank.sum(axis=0) == pytest.approx(np.ones(64), abs=1e-5)


def test_frames_are_centred_on_their_time() -> None:
    features = spectra(clicks([2.0], 4.0))
    loudest = int(features.rms.argmax())
    assert abs(loudest / FPS - 2.0) <= 0.03


def test_parts_that_sound_different_are_sections_and_like_ones_a_group() -> None:
    calm, loud = chord([0, 4, 7], 12.0, level=0.03), chord([-5, 2, 11, 18], 12.0) + noise(12.0, level=0.05)
    sound = np.concatenate([calm, loud, calm, loud])
    true = click_times(120.0, 48.0, start=0.0)
    features = spectra(sound + clicks(true, 48.0, level=0.2))
    beats = np.array(true)
    found = find_sections(features, energy.curve(features), beats, beats[::4], 48.0)
    starts = [section.start for section in found]
    for bound in (12.0, 24.0, 36.0):
        assert min(abs(start - bound) for start in starts) < 0.3
    assert found[0].start == 0.0
    assert found[-1].end == 48.0
    assert all(left.end == right.start for left, right in pairwise(found))

    def group_at(time: float) -> int:
        return next(section.group for section in found if section.start <= time < section.end)

    assert group_at(6.0) == group_at(30.0)
    assert group_at(18.0) == group_at(42.0)
    assert group_at(6.0) != group_at(18.0)


@pytest.mark.parametrize("seconds", [0.0, 3.0, 5.0, 9.5])
def test_short_sounds_have_one_section_at_least(seconds: float) -> None:
    features = spectra(noise(seconds))
    found = find_sections(features, energy.curve(features), np.zeros(0), np.zeros(0), seconds)
    assert found[0].start == 0.0
    assert found[-1].end == seconds
