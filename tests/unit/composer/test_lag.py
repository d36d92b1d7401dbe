"""The lag of one sound against another, to a fraction of a millisecond."""

import numpy as np
import pytest

from services.composer.lag import RATE, Samples, is_silent, lag

RANDOM = np.random.default_rng(3)


def music(seconds: float) -> Samples:
    """Noise with an uneven envelope."""
    count = int(seconds * RATE)
    noise = np.convolve(RANDOM.standard_normal(count), np.ones(12) / 12, "same")
    return np.asarray(noise * (1 + np.sin(np.arange(count) / RATE * 5.3)) * 0.2, np.float32)


@pytest.mark.parametrize("late", [-0.2, -0.024, -0.0001, 0.0, 0.0003, 0.005, 0.046, 0.3])
def test_a_shifted_sound(late: float) -> None:
    song = music(12)
    spectrum = np.fft.rfft(song, 2 * song.size)
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(2 * song.size, 1 / RATE) * late)
    heard = np.asarray(np.fft.irfft(spectrum * turn)[: song.size], np.float32)
    found = lag(song, heard)
    assert found is not None
    assert found.seconds == pytest.approx(late, abs=3e-5)
    assert found.likeness > 0.9


def test_a_beat_that_repeats_is_not_mistaken() -> None:
    bar = music(0.25)
    song = np.tile(bar, 40)
    found = lag(song, song)
    assert found is not None and abs(found.seconds) < 1e-5


def test_another_song_is_not_alike() -> None:
    found = lag(music(12), music(12))
    assert found is not None and found.likeness < 0.3


def test_silence_has_no_lag() -> None:
    silent = np.zeros(RATE * 6, np.float32)
    assert is_silent(silent) and lag(silent, music(6)) is None
    found = lag(music(6), silent)
    assert found is not None and found.likeness == 0
