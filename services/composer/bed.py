"""The music under a voice: how loud it is when. Pure.

Levels are in dB, times in seconds; a curve has a value for each `STEP` of the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from libs.contracts.scripts import Narration
from libs.media.frames import parse_fps

Curve = npt.NDArray[np.float64]
Span = tuple[float, float]

STEP = 0.1
REACH = 12
"""Steps around a moment of which the loudest counts."""
SILENCE = -120.0
BELOW = 20.0
"""How far the music as a whole lies below the voice while somebody speaks."""
LEAST_BELOW = 17.5
"""How far its loudest 0.4 s then do."""
REST_BELOW, REST_LEAST = 8.0, 5.0
"""The same where nobody speaks for long."""
LONG_PAUSE = 1.6
"""Seconds from which a pause is long."""
RISE, FALL, CLEAR = 0.8, 0.6, 0.15
"""Seconds in which the music rises and falls, and for which it stays low after speech and before it."""
FADE_IN, FADE_OUT = 0.8, 2.5


def speech_of(narration: Narration) -> list[Span]:
    """When somebody speaks: each sentence from its first sample to its last."""
    fps = parse_fps(narration.fps)
    starts = [float(sentence.start_frame / fps) for sentence in narration.sentences]
    return [
        (start, start + sentence.speech_s)
        for start, sentence in zip(starts, narration.sentences, strict=True)
        if any(word.spoken for word in sentence.words)
    ]


def rest_of(speech: Sequence[Span], seconds: float) -> Curve:
    """0 while somebody speaks and in short pauses, up to 1 in long ones."""
    times = np.arange(_steps(seconds)) * STEP
    curve = np.zeros(times.size)
    edges = [(0.0, -1.0), *speech, (seconds, seconds + 1.0)]
    for (_, before), (after, _) in pairwise(edges):
        begin, end = max(before, 0.0), after
        if end - begin < LONG_PAUSE:
            continue
        rising = (times - begin - CLEAR) / RISE if before > 0 else np.ones(times.size)
        falling = (end - CLEAR - times) / FALL if after < seconds else np.ones(times.size)
        within = (times >= begin) & (times <= end)
        curve[within] = np.clip(np.minimum(rising, falling), 0, 1)[within]
    return curve


def gains(loudness: float, momentary: Curve, rest: Curve, voice: float) -> Curve:
    """The gain of the music at each step, without its fades at both ends.

    loudness, momentary: its own in LUFS, as a whole and in the 0.4 s before each step. voice: the voice's.
    """
    known = np.full(rest.size, SILENCE)
    known[: momentary.size] = np.maximum(momentary[: rest.size], SILENCE)
    near = _reach(known, REACH)
    low = _smooth(np.minimum(voice - BELOW - loudness, voice - LEAST_BELOW - near))
    high = _smooth(np.minimum(voice - REST_BELOW - loudness, voice - REST_LEAST - near))
    return low + (high - low) * rest


def fades(times: Curve, seconds: float) -> Curve:
    """Factors 0..1 that fade the music in at the video's beginning and out at its end."""
    out = min(FADE_OUT, seconds / 3)
    linear = np.clip(np.minimum(times / min(FADE_IN, seconds / 3), (seconds - times) / out), 0, 1)
    return np.asarray(np.sin(linear * np.pi / 2) ** 2)


def _steps(seconds: float) -> int:
    return max(1, int(np.ceil(seconds / STEP)) + 1)


def _reach(values: Curve, steps: int) -> Curve:
    """The highest of the values up to so many steps away."""
    padded = np.pad(values, steps, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * steps + 1).max(axis=1))


def _smooth(values: Curve) -> Curve:
    """The mean over a second: with `_reach` before it, never above what is allowed at any step."""
    padded = np.pad(values, 5, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 11).mean(axis=1))
