"""Measurements in the report's words, and what a person should be warned of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from libs.contracts import report
from libs.contracts.analysis import Notice
from libs.measure.bits import BitRate
from libs.measure.flashes import LIMIT, Flashes
from libs.measure.motion import mean_level, still_spans, stillest
from libs.measure.music import Music, Series, follow
from libs.measure.watch import Seen
from libs.media.loudness import Loudness

Span = tuple[float, float]

FLASHES_WANTED = 2.0
"""Flashes in a second above which we warn: one fewer than the limit of WCAG 2.3.1."""
PEAK_DBTP = 2.5
"""True peak that is warned of. Loud masters overshoot full scale by 1 or 2 dB once they are encoded."""


def scene_spans(first: str, cuts: Sequence[report.Cut], duration: float) -> list[tuple[str, Span]]:
    """Each scene with the seconds in which it is seen."""
    starts = [(first, 0.0), *((cut.scene_id, cut.time) for cut in cuts)]
    ends = [*(cut.time for cut in cuts), duration]
    return [(name, (start, max(start, end))) for (name, start), end in zip(starts, ends, strict=True)]


def motion(seen: Seen, scenes: Sequence[tuple[str, Span]], passed: Sequence[Span]) -> report.Motion:
    """What moves in each scene. `passed`: the seconds that show a change of scene."""
    told = [_scene(seen, name, span, passed) for name, span in scenes]
    still = [report.Stretch(start=round(start, 3), end=round(end, 3)) for start, end in still_spans(seen.changes)]
    counted = np.ones(seen.times.size, bool)
    for start, end in passed:
        counted &= (seen.times < start - 1e-6) | (seen.times >= end - 1e-6)
    level = float(seen.levels[counted][1:].mean()) if counted[1:].any() else 0.0
    return report.Motion(
        level=round(level, 3),
        scenes=tuple(told),
        still=tuple(still),
        still_seconds=round(sum(one.end - one.start for one in still), 3),
    )


def _scene(seen: Seen, name: str, span: Span, passed: Sequence[Span]) -> report.SceneMotion:
    start, end = span
    begun = max((late for early, late in passed if early <= start < late), default=start)
    left = min((early for early, late in passed if early < end <= late), default=end)
    found = stillest(seen.changes, begun, left)
    return report.SceneMotion(
        scene_id=name,
        start=round(start, 3),
        end=round(end, 3),
        level=round(mean_level(seen.times, seen.levels, begun, left), 3),
        stillest_share=None if found is None else round(found.share, 4),
        stillest_at=None if found is None else round(found.at, 3),
    )


def following(times: Series, values: Series, passed: Sequence[Span], music: Music) -> report.Following:
    """How far one figure of each frame follows the song."""
    found = follow(times, values, passed, music)

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return report.Following(
        onsets=rounded(found.onsets),
        beats=rounded(found.beats),
        energy=rounded(found.energy),
        lag_ms=None if found.lag_ms is None else round(found.lag_ms, 1),
    )


def loudness(heard: Loudness | None) -> report.Loudness | None:
    """In the report's words."""
    if heard is None:
        return None
    return report.Loudness(
        integrated_lufs=round(heard.integrated, 1),
        range_lu=round(heard.range, 1),
        true_peak_dbtp=round(heard.true_peak, 1),
    )


def flashes(found: Flashes) -> report.Flashes:
    """In the report's words."""
    return report.Flashes(a_second=found.a_second, at=round(found.at, 3))


def bit_rate(rate: BitRate | None) -> report.BitRate | None:
    """In the report's words."""
    if rate is None:
        return None
    return report.BitRate(mean_mbps=round(rate.mean, 3), peak_mbps=round(rate.peak, 3), peak_at=rate.at)


def warnings(seen: Seen, moved: report.Motion, heard: Loudness | None) -> tuple[Notice, ...]:
    """What a person should know before posting the video."""
    found = []
    for code, worst in (("flashes", seen.flashes), ("red_flashes", seen.red_flashes)):
        if worst.a_second > FLASHES_WANTED:
            what = f"{worst.a_second:g} {code.replace('_', ' ')} in the second from {worst.at:.1f} s"
            near = "over" if worst.a_second > LIMIT else "near"
            found.append(Notice(code=code, message=f"{what}: {near} the limit of WCAG 2.3.1, which is {LIMIT:g}."))
    if moved.still:
        longest = max(moved.still, key=lambda one: one.end - one.start)
        where = f"longest from {longest.start:.1f} to {longest.end:.1f} s"
        told = f"Nothing visible moves for {moved.still_seconds:.1f} s, {where}."
        found.append(Notice(code="still", message=told))
    if heard is not None and heard.true_peak > PEAK_DBTP:
        told = f"Its sound peaks at {heard.true_peak:+.1f} dBTP; players may clip it."
        found.append(Notice(code="clipping", message=told))
    return tuple(found)
