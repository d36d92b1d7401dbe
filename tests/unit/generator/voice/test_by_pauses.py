"""Times of words by a sound's pauses and the words' letters, and by laying one sound onto another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from services.generator.voice.by_pauses import by_pauses
from services.generator.voice.warp import warp

RATE = 16_000


def bursts(*seconds: float) -> npt.NDArray[np.float32]:
    """Noise and silence in turns, noise first."""
    random = np.random.default_rng(3)
    parts = [
        random.normal(0.0, 0.1, round(one * RATE)) if index % 2 == 0 else np.zeros(round(one * RATE))
        for index, one in enumerate(seconds)
    ]
    return np.concatenate(parts).astype(np.float32)


def test_pauses_stand_between_words_and_letters_share_out_the_rest() -> None:
    sound = bursts(1.0, 0.5, 0.5)
    one, two, three = by_pauses(sound, RATE, ["Morning", "came,", "quietly."])
    assert (one.start, one.end) == pytest.approx((0.0, 0.59), abs=0.1)
    assert two.end == pytest.approx(1.0, abs=0.03)
    assert (three.start, three.end) == pytest.approx((1.5, 2.0), abs=0.03)


def test_a_mark_decides_where_a_pause_belongs() -> None:
    sound = bursts(0.5, 0.4, 0.5)
    for words, last in ((["so,", "is", "he"], 0), (["so", "is,", "he"], 1)):
        heard = by_pauses(sound, RATE, words)
        assert heard[last].end == pytest.approx(0.5, abs=0.03)
        assert heard[last + 1].start == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    "words", [["word"], ["a", "☀", "b"], ["日本語", "です。"], ["x"] * 3000, ["...", "!"], [], ["w" * 9000, "a"]]
)
@pytest.mark.parametrize("sound", [bursts(0.3), bursts(0.2, 0.3, 0.1, 0.2, 0.4), bursts(0.0, 1.0), bursts(0.001)])
def test_times_are_in_order_and_within_the_sound(words: list[str], sound: npt.NDArray[np.float32]) -> None:
    heard = by_pauses(sound, RATE, words)
    assert len(heard) == len(words)
    times = [at for one in heard for at in (one.start, one.end)]
    assert times == sorted(times)
    assert all(0.0 <= at <= len(sound) / RATE for at in times)
    assert [one.spoken for one in heard] == [any(char.isalnum() for char in word) for word in words]


def test_a_sound_lies_on_itself_and_nothing_on_silence() -> None:
    sound = bursts(0.4, 0.3, 0.6)
    found = warp(sound, RATE, sound, RATE)
    assert found is not None
    assert found.distance < 0.1
    assert found.of(0.7, 1.3) == pytest.approx((0.7, 1.3), abs=0.03)
    assert found.of(-5.0, 99.0)[1] <= 1.32
    assert warp(sound, RATE, bursts(0.0, 0.5), RATE) is None
    assert warp(bursts(0.0, 0.5), RATE, sound, RATE) is None


@pytest.mark.parametrize("length", [0.01, 0.05, 20.0])
def test_sounds_of_quite_another_length_are_laid_on_each_other_somehow(length: float) -> None:
    sound, other = bursts(0.4, 0.3, 0.6), bursts(length)
    found = warp(sound, RATE, other, 44_100)
    assert found is not None
    start, end = found.of(0.0, 1.3)
    assert 0.0 <= start <= end <= len(other) / 44_100 + 0.02
