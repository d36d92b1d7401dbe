"""Slots, words' times, levels and energy of a narration: what is pure of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from services.generator.voice.energy import REST, STEPS, energy_of
from services.generator.voice.level import BLOCK, HOLDS, Level, leveled, true_peaks
from services.generator.voice.port import Heard, Line
from services.generator.voice.slots import RATE, sample_at, slots_of
from services.generator.voice.spoken import heard_by_letters, timed, unsaid

RATES = [Fraction(30), Fraction(30000, 1001), Fraction(24), Fraction(10), Fraction(60)]
SPANS = [
    (Fraction(22_051, 22_050), Fraction("0.35")),
    (Fraction(5, 2), Fraction(0)),
    (Fraction(1), Fraction("0.8")),
]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("lead", [False, True])
def test_slots_hold_speech_and_pause_in_whole_frames_and_touch(fps: Fraction, lead: bool) -> None:
    slots = slots_of(SPANS, fps, lead=lead)
    assert slots[0].start == (-(-Fraction(12, 5) * fps // 1) if lead else 0)
    for slot, after in pairwise(slots):
        assert slot.end == after.start
    for slot, (speech, pause) in zip(slots, SPANS, strict=True):
        assert 0 <= slot.frames / fps - speech - pause < 1 / fps
        room = sample_at(slot.end, fps) - sample_at(slot.start, fps)
        assert room >= (speech + pause) * RATE - 1


def test_the_last_pause_is_long_enough_to_end_with() -> None:
    (slot,) = slots_of([(Fraction(4), Fraction(0))], Fraction(30), lead=False)
    assert slot.frames == 4.8 * 30
    (slot,) = slots_of([(Fraction(1, 4), Fraction(0))], Fraction(30), lead=False)
    assert slot.frames == 90
    (slot,) = slots_of([(Fraction(1, 4), Fraction(0))], Fraction(30), lead=True)
    assert (slot.start, slot.frames) == (72, 32)


def test_samples_of_frames_do_not_drift() -> None:
    fps = Fraction(30000, 1001)
    assert sample_at(0, fps) == 0
    assert sample_at(30000, fps) == 1001 * RATE
    assert {sample_at(frame + 1, fps) - sample_at(frame, fps) for frame in range(500)} == {1601, 1602}


def test_times_are_in_order_and_inside_whatever_is_heard() -> None:
    random = np.random.default_rng(6)
    for _ in range(200):
        count = int(random.integers(1, 12))
        heard = [Heard(start=a, end=b) for a, b in random.uniform(-1, 4, (count, 2))]
        words = timed([str(place) for place in range(count)], heard, 3.0)
        times = [time for word in words for time in (word.start, word.end)]
        assert times == sorted(times)
        assert min(times) >= 0
        assert max(times) <= 3.0


def test_good_times_stay_as_they_are() -> None:
    heard = [Heard(start=0.02, end=0.5), Heard(start=0.5, end=0.9, spoken=False), Heard(start=1.0, end=1.25)]
    words = timed(["a", "b", "c"], heard, 1.3)
    assert [(word.start, word.end, word.spoken) for word in words] == [
        (0.02, 0.5, True),
        (0.5, 0.9, False),
        (1.0, 1.25, True),
    ]


def test_words_by_their_letters_fill_the_sentence() -> None:
    one, two = heard_by_letters(["I", "understand"], 2.6)
    assert one.start == 0
    assert one.end == two.start == pytest.approx(0.4)
    assert two.end == pytest.approx(2.6)
    assert heard_by_letters([], 1.0) == ()


def test_what_cannot_be_said_is_shown_as_long_as_it_would_take() -> None:
    line = Line(text="слово за слово", words=("слово", "за", "слово"), voice="v", speed=2.0, language="en")
    said = unsaid(line)
    assert said.sound is None
    assert said.samples == 0
    assert 0.4 < said.seconds < 1
    assert not any(word.spoken for word in said.words)


@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("lift", [0.5, 2.0, 8.0])
def test_no_peak_exceeds_the_ceiling_between_samples_too(hold: int, lift: float) -> None:
    random = np.random.default_rng(7)
    noise = np.fft.rfft(random.standard_normal(9_999))
    noise[len(noise) // 2 :] = 0
    sound = (np.fft.irfft(noise, 9_999) * np.repeat(random.uniform(0, 0.4, 11), 909)).astype(np.float32)
    level = Level(lift / float(np.abs(sound).max()), 0.8, hold)
    made = leveled(sound, true_peaks(sound), level)
    fine = np.fft.irfft(np.pad(np.fft.rfft(made), (0, 3 * len(made) // 2)), 4 * len(made)) * 4
    assert np.abs(made).max() <= 0.8 + 1e-6
    assert np.abs(fine).max() <= 0.8 * 1.03
    quiet = np.abs(sound) > 0
    assert np.all(made[quiet] / sound[quiet] <= level.gain * 1.0001)


def test_what_stays_below_the_ceiling_only_gets_the_gain() -> None:
    sound = np.sin(np.arange(5_000, dtype=np.float32) / 20)
    made = leveled(sound, true_peaks(sound), Level(0.5, 0.8, HOLDS[0]))
    assert np.array_equal(made, sound * np.float32(0.5))


def test_a_peak_is_turned_down_without_a_step() -> None:
    sound = np.full(20_000, 0.1, np.float32)
    sound[10_000] = 1.0
    made = leveled(sound, true_peaks(sound), Level(2.0, 0.8, HOLDS[0]))
    gains = made / sound
    assert gains[10_000] <= 0.8 + 1e-6
    assert gains[0] == gains[-1] == pytest.approx(2.0)
    assert np.abs(np.diff(gains)).max() < 0.005


def test_a_peak_between_samples_is_found() -> None:
    sound = np.cos(np.pi / 2 * np.arange(4_000) + np.pi / 4).astype(np.float32)
    peaks = true_peaks(sound)
    assert len(peaks) == 4_000 // BLOCK
    assert np.abs(sound).max() < 0.71
    assert np.median(peaks) == pytest.approx(1.0, abs=0.02)


def test_energy_begins_and_ends_at_rest_and_rises_with_the_voice() -> None:
    rate = 48_000
    times = np.arange(3 * rate) / rate
    sound = (np.sin(2 * np.pi * 150 * times) * np.where(times < 1.5, 0.02, 0.5)).astype(np.float32)
    energy = energy_of(sound, round(3.5 * rate), rate)
    assert len(energy) == 3.5 * STEPS
    assert energy[0] == REST
    assert energy[-1] < REST + 0.15
    assert energy[20] > 0.9 > energy[10] + 0.4
    assert np.abs(np.diff(energy)).max() < 0.3
    assert energy_of(3 * sound, round(3.5 * rate), rate) == energy


def test_energy_where_nothing_is_heard() -> None:
    assert energy_of(np.zeros(0, np.float32), 48_000, 48_000) == (REST,) * STEPS
