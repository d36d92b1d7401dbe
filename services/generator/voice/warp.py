"""When the same words are heard in another voice: one rendering is warped onto the other, by how both sound. Pure.

The guide, whose times are known, is a chain of states, one each 10 ms, its pauses made short. Each moment of the
other sound is given one of them, never going back: it may stay where it is, go on, or skip a little (dynamic time
warping by rows). What both are compared by are mel cepstra, each made alike in level and spread, so that a voice, a
room or a noise counts little; how far the formants lie apart is tried out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from services.generator.voice.port import Sound
from services.generator.voice.spectra import (
    BANDS,
    PAUSE,
    STEP_S,
    Floats,
    Loud,
    Moments,
    loud,
    mel,
    spectra,
)

CEPSTRA = 12
MOST_HZ = 5600.0
"""What lies above is not compared."""
LOUDNESS = 1.5
"""How much the level counts, beside each cepstrum."""
CHANGE = 0.7
"""How much counts what changes from moment to moment."""
FORMANTS = (0.8, 0.9, 1.0, 1.12, 1.25)
"""By what the other voice's formants may lie higher."""
COARSE = 4
"""For trying that out, only every so many moments are looked at."""
SHORT_PAUSE = 5
"""Moments that are kept of a pause of the guide."""
COSTS = (0.25, 0.0, 0.25, 0.8)
"""Of staying, going on, skipping one state, and two; 1 is how far features lie from their mean."""
BAND_S, BAND_SHARE, WIDEST_S = 1.5, 0.15, 8.0
"""How far from the straight line the way may lead: so many seconds, and of the whole, at most."""


class Warp(NamedTuple):
    """How two renderings lie on each other."""

    starts: Moments
    """By moment of the guide, up to its end: with which of the other sound begins what is heard there."""
    ends: Moments
    """With which has ended what was heard before."""
    loud: Loud
    """By moment of the other sound, whether anything is said."""
    distance: float
    """0: the same; above 1.15: other words."""

    def of(self, start: float, end: float) -> tuple[float, float]:
        """When in the other sound is heard what the guide says from `start` to `end`, all in seconds."""
        begins, ends = (min(max(round(at / STEP_S), 0), len(self.starts) - 1) for at in (start, end))
        first, past = int(self.starts[begins]), int(self.ends[ends])
        first, past = _longest_island(self.loud, first, max(past, first + 1))
        return first * STEP_S, past * STEP_S


def warp(guide: Sound, guide_rate: int, other: Sound, other_rate: int) -> Warp | None:
    """Lay the guide onto the other sound; None when one of them has nothing to hear."""
    known, heard = spectra(guide, guide_rate), spectra(other, other_rate)
    if not known.power.any() or not heard.power.any():
        return None
    top = min(MOST_HZ, 0.46 / max(FORMANTS) * min(guide_rate, other_rate))
    states = _without_long_pauses(loud(known))
    features = _features(mel(heard, top))
    chains = [_features(mel(known, top, formants))[states] for formants in FORMANTS]
    coarse = [_way(features[::COARSE], chain[::COARSE], COARSE)[0] for chain in chains]
    distance, path = _way(features, chains[int(np.argmin(coarse))], 1)
    reached = states[path]
    marks = np.arange(len(known.power) + 1)
    kept = states[np.maximum(np.searchsorted(states, marks, "right") - 1, 0)]
    return Warp(
        starts=np.searchsorted(reached, marks, "left"),
        ends=np.searchsorted(reached, kept, "left"),  # a word may end in that part of a pause that is left out
        loud=loud(heard),
        distance=distance,
    )


def _without_long_pauses(is_loud: Loud) -> Moments:
    """The moments that are states: of each pause, only so many."""
    kept, silent = [], 0
    for moment, speaks in enumerate(is_loud):
        silent = 0 if speaks else silent + 1
        if silent <= SHORT_PAUSE:
            kept.append(moment)
    return np.array(kept, np.int64)


def _features(bands: Floats) -> Floats:
    """Shape (moments, 2 * (CEPSTRA + 1)), of the mean square length 1."""
    basis = np.cos(np.pi / BANDS * np.outer(np.arange(CEPSTRA + 1), np.arange(BANDS) + 0.5))
    cepstra = bands @ basis.T.astype(np.float32)
    cepstra = (cepstra - cepstra.mean(axis=0)) / (cepstra.std(axis=0) + 1e-9)
    cepstra[:, 0] *= LOUDNESS
    change = np.gradient(_smooth(cepstra), axis=0) if len(cepstra) > 1 else np.zeros_like(cepstra)
    change *= CHANGE / (change.std(axis=0) + 1e-9)
    features = np.hstack([cepstra, change])
    return np.asarray(features / np.sqrt((features**2).sum(axis=1).mean() + 1e-9), np.float32)


def _smooth(values: Floats) -> Floats:
    padded = np.pad(values, ((2, 2), (0, 0)), "edge")
    return np.asarray(np.mean([padded[at : at + len(values)] for at in range(5)], axis=0), np.float32)


def _way(heard: Floats, states: Floats, coarse: int) -> tuple[float, Moments]:
    """The mean distance, and the state of each moment, from the first to the last; inf where no way leads there.

    coarse: steps of STEP_S from one moment to the next.
    """
    moments, chain = len(heard), len(states)
    lows, width = _band(moments, chain, STEP_S * coarse)
    steps = np.zeros((moments, width), np.int8)
    columns = np.arange(width)
    squares = (states**2).sum(axis=1)
    total = np.full(width, np.inf)
    beyond = np.full(len(COSTS) - 1, np.inf)
    for moment, (low, feature) in enumerate(zip(lows, heard, strict=True)):
        near = slice(low, low + width)
        distance = np.sqrt(np.maximum(squares[near] - 2 * states[near] @ feature + feature @ feature, 0))
        if not moment:
            total[0] = distance[0]
            continue
        moved = int(low - lows[moment - 1])
        before = np.concatenate([beyond, total, np.full(moved, np.inf)])
        first = len(beyond) + moved
        ways = np.stack([before[first - step : first - step + width] + cost for step, cost in enumerate(COSTS)])
        steps[moment] = ways.argmin(axis=0)
        total = ways[steps[moment], columns] + distance
    path, state = np.zeros(moments, np.int64), chain - 1
    cost = float(total[state - lows[-1]])
    if not np.isfinite(cost):
        return np.inf, np.round(np.linspace(0, state, moments)).astype(np.int64)
    for moment in range(moments - 1, 0, -1):
        path[moment] = state
        state -= int(steps[moment, state - lows[moment]])
    return cost / moments, path


def _band(moments: int, chain: int, step_s: float) -> tuple[Moments, int]:
    """The states that each moment may have: from which on, and how many."""
    half = int(min(BAND_S + BAND_SHARE * moments * step_s, WIDEST_S) / step_s)
    half = max(half, len(COSTS) * chain // moments + 2)
    width = min(2 * half + 1, chain)
    centres = np.round(np.linspace(0, chain - 1, moments)).astype(np.int64)
    return np.clip(centres - half, 0, chain - width), width


def _longest_island(is_loud: Loud, first: int, past: int) -> tuple[int, int]:
    """Of what is said between two moments, the longest part without a pause: voices pause between words only."""
    moments = np.flatnonzero(is_loud[first:past]) + first
    if not len(moments):
        return first, past
    islands = np.split(moments, np.flatnonzero(np.diff(moments) > PAUSE) + 1)
    island = max(islands, key=len)
    return (
        first if island[0] - first <= PAUSE else int(island[0]),
        past if past - island[-1] <= PAUSE else int(island[-1]) + 1,
    )
