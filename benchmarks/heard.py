"""When words are heard in a sound, found without the engine that spoke it.

As aeneas does it: another voice says the same, of which each word's time is known, and is warped onto the sound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.second_voice import RATE, Said
from services.generator.voice.warp import warp


def word_starts(
    said: Said, text: str, words: Sequence[str], sound: NDArray[np.float32], rate: int
) -> list[float | None]:
    """Seconds of `sound` at which each word begins; None where the other voice doesn't tell."""
    warped = warp(said.sound, RATE, sound, rate)
    if warped is None:
        return [None] * len(words)
    known = _known(said, text, words)
    length = len(said.sound) / RATE
    ends = [*(time for time in known[1:]), length]
    return [
        None if time is None else warped.of(time, length if end is None else end)[0]
        for time, end in zip(known, ends, strict=True)
    ]


def _known(said: Said, text: str, words: Sequence[str]) -> list[float | None]:
    found: list[float | None] = []
    at = 0
    for word in words:
        at = text.index(word, at)
        inside = [time for place, time in said.words if at <= place < at + len(word)]
        found.append(float(inside[0]) if inside else None)
        at += len(word)
    return found
