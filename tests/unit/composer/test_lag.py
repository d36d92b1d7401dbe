"""The lag of one sound against another, to a fraction of a millisecond."""

import numpy as np
import pytest

from services.composer.lag import BLOCK_SECONDS, BLOCKS, RATE, Beside, Excerpts, Lag, Samples

RANDOM = np.random.default_rng(3)


def music(seconds: float) -> Samples:
    """Noise with an uneven envelope."""
    count = int(seconds * RATE)
    noise = np.convolve(RANDOM.standard_normal(count), np.ones(12) / 12, "same")
    return np.asarray(noise * (1 + np.sin(np.arange(count) / RATE * 5.3)) * 0.2, np.float32)


def excerpts(song: Samples, chunk: int = 1000) -> Excerpts:
    """Of a song that comes in chunks."""
    found = Excerpts()
    for at in range(0, song.size, chunk):
        found.add(song[at : at + chunk])
    return found


def lag(song: Samples, heard: Samples, chunk: int = 1000) -> Lag | None:
    beside = Beside(excerpts(song, chunk).loudest())
    for at in range(0, heard.size, chunk):
        beside.add(heard[at : at + chunk])
    return beside.lag()


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


@pytest.mark.parametrize("chunk", [1, 30_000, 10 * RATE])
def test_chunks_of_any_size_give_the_same(chunk: int) -> None:
    song = music(3 if chunk == 1 else 14)
    assert lag(song, song, chunk) == lag(song, song)


def test_the_loudest_blocks_are_kept() -> None:
    block = int(BLOCK_SECONDS * RATE)
    loudness = [3, 9, 1, 5, 12, 2, 11, 4, 8, 10, 6, 7]
    song = np.repeat(np.asarray(loudness, np.float32), block)
    kept = excerpts(song, 40_000).loudest()
    assert sorted(one.at // block for one in kept) == [1, 3, 4, 6, 8, 9, 10, 11]
    assert len(kept) == BLOCKS
    assert all((one.samples == loudness[one.at // block]).all() for one in kept)


def test_a_song_that_sounds_only_at_its_end() -> None:
    song = np.concatenate([np.zeros(RATE * 6, np.float32), music(2)])
    found = lag(song, song)
    assert found is not None and abs(found.seconds) < 1e-5 and found.likeness > 0.99


def test_silence_has_no_lag() -> None:
    silent = np.zeros(RATE * 6, np.float32)
    assert excerpts(silent).silent and lag(silent, music(6)) is None
    found = lag(music(6), silent)
    assert found is not None and found.likeness == 0
