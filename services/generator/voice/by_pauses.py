"""When the words of a sound are heard, where nobody knows how they sound: by its pauses and their letters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from libs.script.pauses import speech_s
from libs.script.words import is_sayable
from services.generator.voice.port import Heard, Sound
from services.generator.voice.spectra import PAUSE, STEP_S, Loud, Moments, loud, spectra

MOST_PAUSES = 40
"""The longest of a sound are looked at."""
MOST_WORDS = 1000
"""Of more, pauses are not matched: that takes memory by their square."""
BREATH_S = 0.3
"""A pause where the text has no mark for one is as unlikely as words that are so much too long or too short."""
_MARKS = tuple(',;:.!?…—–)»”"、。，；：！？।؟،')


def by_pauses(sound: Sound, rate: int, words: Sequence[str]) -> tuple[Heard, ...]:
    """A guess at each word's time, in order and within the sound. One without letter or digit is not spoken."""
    weights = np.array([speech_s(f"{word} ") if is_sayable(word) else 0.0 for word in words])
    if not len(sound) or not weights.any():
        return tuple(Heard(start=0.0, end=0.0, spoken=False) for _ in words)
    is_loud = loud(spectra(sound, rate))
    islands = _islands(is_loud, MOST_PAUSES if len(words) <= MOST_WORDS else 0)
    bounds = _shared_out(islands, weights, words)
    heard: list[Heard] = []
    end_s = len(sound) / rate
    for (first, past), (begin, end) in zip(islands, pairwise(bounds), strict=True):
        inside = weights[begin:end]
        shares = np.concatenate([[0.0], np.cumsum(inside)]) / max(inside.sum(), 1e-9)
        times = np.minimum((first + shares * (past - first)) * STEP_S, end_s)
        heard += [
            Heard(start=float(start), end=float(stop), spoken=bool(weight))
            for (start, stop), weight in zip(pairwise(times), inside, strict=True)
        ]
    return tuple(heard)


def _islands(is_loud: Loud, most_pauses: int) -> list[tuple[int, int]]:
    """What lies between the longest pauses, as moments from and to; one at least."""
    moments = np.flatnonzero(is_loud)
    if not len(moments):
        return [(0, len(is_loud))]
    gaps = np.diff(moments)
    longest = np.argsort(-gaps, kind="stable")[:most_pauses]
    pauses: Moments = np.sort(longest[gaps[longest] > PAUSE])
    parts = np.split(moments, pauses + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


def _shared_out(
    islands: Sequence[tuple[int, int]], weights: npt.NDArray[np.float64], words: Sequence[str]
) -> list[int]:
    """Which words each island has, as bounds: those whose letters fit its length best, and their marks its pauses.

    An island that has no word of its own, as a breath, comes out empty.
    """
    if len(islands) == 1:
        return [0, len(words)]
    lengths = np.array([past - first for first, past in islands]) * STEP_S
    until = np.concatenate([[0.0], np.cumsum(weights)]) * (lengths.sum() / weights.sum())
    unmarked = np.array([BREATH_S, *(0.0 if word.endswith(_MARKS) else BREATH_S for word in words)])
    places = np.arange(len(words) + 1)
    cost = np.where(places == 0, 0.0, np.inf)
    chosen: list[Moments] = []
    for length in lengths:
        misfit = np.abs(until[None, :] - until[:, None] - length)
        ways = np.where(places[:, None] <= places[None, :], cost[:, None] + misfit, np.inf)
        chosen.append(ways.argmin(axis=0))
        cost = ways.min(axis=0) + unmarked
    bounds = [len(words)]
    for before in reversed(chosen):
        bounds.append(int(before[bounds[-1]]))
    return bounds[::-1]
