"""The beat grid as a person corrects it: doubled, halved, shifted, tapped, counted anew. Pure.

Every correction has a part of the song, by default all of it; beats outside of the part stay as they are.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import linear_regression, median
from typing import Annotated, Literal

import msgspec

from libs.contracts.analysis import Analysis, Beat, Tempo
from libs.contracts.errors import Permanent

CLOSEST_S = 0.15
"""No two beats are closer: 400 a minute."""
_TAP_GAP_S = 4.0
"""Taps further apart are no pulse."""
_EVEN_S = 0.08
"""How far taps may lie from an even pulse that is to go on through the song."""
_NEAR_S = 0.08
"""A tap so near to a beat that was heard has its strength."""
_UNHEARD = 0.5

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]


class _Correction(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True):
    start: Seconds = 0.0
    """Seconds: the part of the song begins here,"""
    end: Seconds = 3600.0
    """and ends here."""


class Double(_Correction, frozen=True, kw_only=True, tag="double"):
    """A beat between each two: what was heard is half of the tempo."""


class Halve(_Correction, frozen=True, kw_only=True, tag="halve"):
    """Every second beat: what was heard is twice the tempo."""

    keep: Literal["downbeats", "even", "odd"] = "downbeats"
    """Which stay: those on which more downbeats fall, or the first, third, ... of the part, or the others."""


class Shift(_Correction, frozen=True, kw_only=True, tag="shift"):
    """Later, or sooner with negative numbers."""

    ms: Annotated[float, msgspec.Meta(ge=-2000, le=2000)] = 0.0
    beats: Annotated[float, msgspec.Meta(ge=-8, le=8)] = 0.0
    """By so many beats of the grid itself: 0.5 puts beats where off-beats were, 1 moves only the downbeats."""


class Tap(_Correction, frozen=True, kw_only=True, tag="tap"):
    """Beats as they were tapped, in place of those around them."""

    times: Annotated[list[Seconds], msgspec.Meta(min_length=2, max_length=4000)]
    """Seconds, rising."""
    downbeat: Annotated[int, msgspec.Meta(ge=0, le=15)] = 0
    """Which tap is the first of a bar, from 0."""
    extend: bool = False
    """Go on evenly through the part, by the steady pulse that is nearest to the taps."""


class Count(_Correction, frozen=True, kw_only=True, tag="count"):
    """How beats are counted in bars."""

    meter: Annotated[int, msgspec.Meta(ge=2, le=12)]
    """Beats a bar."""
    downbeat: Seconds | None = None
    """Seconds: the beat nearest to it begins a bar; None: the first one that does so now."""


Correction = Double | Halve | Shift | Tap | Count


def correct(analysis: Analysis, correction: Correction) -> Analysis:
    """The analysis with the beat grid corrected; beats are rising, within the song, and 0.15 s apart at least.

    Raises Permanent("bad_grid") when no such grid comes of it, or there is nothing to correct.
    """
    if correction.start >= correction.end:
        raise Permanent("bad_grid", "The part ends before it begins.")
    before = [beat for beat in analysis.beats if beat.time < correction.start]
    after = [beat for beat in analysis.beats if beat.time >= correction.end]
    part = list(analysis.beats[len(before) : len(analysis.beats) - len(after)])
    if isinstance(correction, Tap):
        beats = _tapped(analysis, correction)
    else:
        if len(part) < 2:
            raise Permanent("bad_grid", "There are no beats in this part; tap them.")
        following = after[0].time if after else analysis.duration
        match correction:
            case Double():
                beats = [*before, *_doubled(part, following, analysis.meter), *after]
            case Halve():
                beats = [*before, *_halved(part, correction.keep, analysis.meter), *after]
            case Shift():
                beats = _clear_of([*before, *after], _shifted(part, correction), analysis.duration)
            case Count():
                beats = [*before, *_counted(part, correction), *after]
    _check(beats, analysis.duration)
    whole = len(part) == len(analysis.beats)
    meter = correction.meter if isinstance(correction, Count) and whole else analysis.meter
    notices = tuple(notice for notice in analysis.notices if notice.code != "no_beats")
    return msgspec.structs.replace(analysis, beats=tuple(beats), tempo=_tempo(beats), meter=meter, notices=notices)


def _doubled(part: Sequence[Beat], following: float, meter: int) -> list[Beat]:
    """Each beat and one after it, halfway to the next; bars keep their beats, so that there are twice as many."""
    found: list[Beat] = []
    since = None
    last_gap = part[-1].time - part[-2].time
    for beat, later in pairwise([*part, None]):
        assert beat is not None
        gap = (later.time - beat.time) if later is not None else min(last_gap, following - beat.time)
        since = 0 if beat.downbeat else since
        marked = since is not None and since % meter == 0
        found.append(msgspec.structs.replace(beat, downbeat=marked))
        if gap >= 2 * CLOSEST_S or later is not None:
            between = since is not None and (since + 1) % meter == 0
            found.append(Beat(time=_round(beat.time + gap / 2), strength=beat.strength / 2, downbeat=between))
        since = None if since is None else since + 2
    return found


def _halved(part: Sequence[Beat], keep: Literal["downbeats", "even", "odd"], meter: int) -> list[Beat]:
    first = ("even", "odd").index(keep) if keep != "downbeats" else _fuller(part)
    kept = part[first::2]
    start = next((index for index, beat in enumerate(kept) if beat.downbeat), 0)
    return [
        msgspec.structs.replace(beat, downbeat=index >= start and (index - start) % meter == 0)
        for index, beat in enumerate(kept)
    ]


def _fuller(part: Sequence[Beat]) -> int:
    """Which half of the beats has more downbeats: 0 or 1."""
    return int(sum(beat.downbeat for beat in part[1::2]) > sum(beat.downbeat for beat in part[::2]))


def _shifted(part: Sequence[Beat], by: Shift) -> list[Beat]:
    """Whole beats move the downbeats only; the rest of a beat, and milliseconds, the times."""
    whole = math.floor(by.beats)
    rest = by.beats - whole
    times = [beat.time for beat in part]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    gaps.append(gaps[-1])
    marks = [beat.downbeat for beat in part]
    period = _period(marks)
    flags = [_mark(marks, index - whole, period) for index in range(len(part))]
    moved = [
        Beat(time=_round(beat.time + rest * gap + by.ms / 1000), strength=beat.strength, downbeat=flag)
        for beat, gap, flag in zip(part, gaps, flags, strict=True)
    ]
    if rest:
        first = Beat(
            time=_round(times[0] - (1 - rest) * gaps[0] + by.ms / 1000),
            strength=part[0].strength,
            downbeat=_mark(marks, -1 - whole, period),
        )
        moved.insert(0, first)
    return moved


def _period(marks: Sequence[bool]) -> int:
    """Beats a bar, as the downbeats have them."""
    places = [index for index, mark in enumerate(marks) if mark]
    return round(median(b - a for a, b in pairwise(places))) if len(places) > 1 else len(marks) + 16


def _mark(marks: Sequence[bool], index: int, period: int) -> bool:
    """Whether a beat is a downbeat, beyond the ends as if bars went on."""
    while index < 0:
        index += period
    while index >= len(marks):
        index -= period
    return 0 <= index < len(marks) and marks[index]


def _tapped(analysis: Analysis, tap: Tap) -> list[Beat]:
    gaps = [later - sooner for sooner, later in pairwise(tap.times)]
    if not all(CLOSEST_S <= gap <= _TAP_GAP_S for gap in gaps) or tap.times[-1] > analysis.duration:
        raise Permanent("bad_grid", "Taps rise, 0.15 to 4 seconds apart, within the song.")
    times: Sequence[float] = tap.times
    first = tap.downbeat
    if tap.extend:
        times, first = _extended(tap, analysis.duration)
        low, high = tap.start, tap.end
    else:
        half = median(gaps) / 2
        low, high = times[0] - half, times[-1] + half
    new = [
        Beat(
            time=_round(time),
            strength=_strength(analysis.beats, time),
            downbeat=index >= first % analysis.meter and (index - first) % analysis.meter == 0,
        )
        for index, time in enumerate(times)
    ]
    kept = [beat for beat in analysis.beats if not low <= beat.time < high]
    return sorted([*kept, *new], key=_time_of)


def _extended(tap: Tap, duration: float) -> tuple[list[float], int]:
    """An even pulse through the part, and which of its beats is the first downbeat that was tapped."""
    counts = range(len(tap.times))
    fit = linear_regression(counts, tap.times)
    if max(abs(time - fit.intercept - fit.slope * count) for count, time in zip(counts, tap.times, strict=True)) > (
        _EVEN_S
    ):
        raise Permanent("bad_grid", "The taps are not even enough to go on by; send them without `extend`.")
    low, high = tap.start, min(tap.end, duration)
    begin = math.ceil((low - fit.intercept) / fit.slope)
    end = math.ceil((high - fit.intercept) / fit.slope)
    return [fit.intercept + fit.slope * count for count in range(begin, end)], tap.downbeat - begin


def _counted(part: Sequence[Beat], count: Count) -> list[Beat]:
    if count.downbeat is None:
        first = next((index for index, beat in enumerate(part) if beat.downbeat), 0)
    else:
        wanted = count.downbeat
        first = min(range(len(part)), key=lambda index: abs(part[index].time - wanted))
    return [
        msgspec.structs.replace(beat, downbeat=(index - first) % count.meter == 0)
        for index, beat in enumerate(part)
    ]


def _clear_of(fixed: Sequence[Beat], moved: Sequence[Beat], duration: float) -> list[Beat]:
    """Both together, without those of the moved ones that would fall on a fixed one or out of the song."""
    gap = median(later.time - sooner.time for sooner, later in pairwise(moved)) / 2
    clear = [beat for beat in moved if 0 <= beat.time <= duration and not _around(fixed, beat.time, gap)]
    return sorted([*fixed, *clear], key=_time_of)


def _strength(beats: Sequence[Beat], time: float) -> float:
    return max((beat.strength for beat in _around(beats, time, _NEAR_S)), default=_UNHEARD)


def _around(beats: Sequence[Beat], time: float, reach: float) -> Sequence[Beat]:
    """Those of rising beats that lie less than `reach` seconds from a time."""
    return beats[bisect_right(beats, time - reach, key=_time_of) : bisect_left(beats, time + reach, key=_time_of)]


def _time_of(beat: Beat) -> float:
    return beat.time


def _round(time: float) -> float:
    return round(time, 4)


def _check(beats: Sequence[Beat], duration: float) -> None:
    if len(beats) < 2:
        raise Permanent("bad_grid", "Too few beats would be left.")
    if beats[0].time < 0 or beats[-1].time > duration:
        raise Permanent("bad_grid", "Beats would lie outside of the song.")
    if any(later.time - sooner.time < CLOSEST_S - 1e-3 for sooner, later in pairwise(beats)):
        raise Permanent("bad_grid", "Beats would be closer than 0.15 seconds.")


def _tempo(beats: Sequence[Beat]) -> Tempo:
    """The usual distance of beats; sure, since a person has said so."""
    gaps = [later.time - sooner.time for sooner, later in pairwise(beats)]
    period = median(gaps)
    even = sum(abs(gap / period - 1) < 0.04 for gap in gaps) / len(gaps)
    return Tempo(bpm=round(60 / period, 2), confidence=1.0, stable=even >= 0.85)
