"""How music goes on under a video that is longer: from where to where it is repeated. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from libs.contracts.analysis import Analysis

SEAM = 0.03
"""Seconds of the crossfade from bar to bar."""
WHOLE_SEAM = 1.0
"""The same where there are no bars to repeat."""
QUIET = 0.4
"""Share of its usual energy below which music has not begun yet, or is fading out."""


class Loop(NamedTuple):
    """What of the music is repeated: it is played up to `end`, and goes on from `start` then."""

    start: float
    end: float
    seam: float
    """Seconds before both in which one fades into the other."""


def loop_of(duration: float, heard: Analysis | None) -> Loop:
    """How music that is too short is repeated: from bar to bar, or else from beat to beat, or as a whole."""
    beats = [] if heard is None else [beat.time for beat in heard.beats if beat.downbeat]
    if heard is not None and len(beats) < 3:
        beats = [beat.time for beat in heard.beats]
    if heard is not None and heard.energy:
        usual = float(np.median([point.value for point in heard.energy]))
        values = np.interp(beats, [point.time for point in heard.energy], [point.value for point in heard.energy])
        beats = [beat for beat, value in zip(beats, values, strict=True) if value >= QUIET * usual]
    beats = [beat for beat in beats if SEAM <= beat <= duration]
    if len(beats) >= 3 and beats[-1] - beats[0] >= duration / 2:
        return Loop(beats[0], beats[-1], SEAM)
    seam = min(WHOLE_SEAM, duration / 4)
    return Loop(seam, duration, seam)


def beats_on(heard: Analysis, seconds: float) -> Iterator[float]:
    """When the music's beats are heard, up to so many seconds, as it is repeated until then."""
    times = [beat.time for beat in heard.beats]
    if seconds <= heard.duration:
        yield from (time for time in times if time < seconds)
        return
    loop = loop_of(heard.duration, heard)
    yield from (time for time in times if time < loop.end)
    again = [time for time in times if loop.start <= time < loop.end]
    span = loop.end - loop.start
    for turn in range(1, int((seconds - loop.start) / span) + 1):
        yield from (later for time in again if (later := time + turn * span) < seconds)
