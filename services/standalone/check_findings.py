"""From what was seen and heard of a video to the findings of `beatloom check`. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from libs.contracts import check, report
from libs.contracts.analysis import Analysis
from libs.contracts.report import Stretch
from libs.measure.beats import at_least, by_chance, nearness, to_beats
from libs.measure.motion import still_spans
from libs.measure.music import Series, with_beats
from libs.media.film import Film, spans
from services.composer.measure import BLACK_SECONDS, FROZEN_LEVELS, FROZEN_SECONDS
from services.composer.wording import bit_rate, flashes, following, loudness
from services.standalone.check_sound import Heard
from services.standalone.check_verdicts import verdicts

ON_BEAT_SECONDS = 0.04
BESIDE_SECONDS = 1.0
"""Cuts are laid on the beats from this before the first to this after the last."""
TICKS = 1.01
"""How many ticks of the file's clock a frame may be off an even grid: its times are rounded to whole ones."""


def findings(film: Film, heard: Heard, song: Analysis) -> check.Check:
    """All findings."""
    shift = heard.starts_at or 0.0
    beats = np.asarray([beat.time for beat in song.beats]) + shift
    cuts = found_cuts(film, beats)
    passed = [(cut.time - _reach(cut.kind), cut.time + _reach(cut.kind)) for cut in cuts]
    seen = film.seen
    counted = np.ones(seen.times.size, bool)
    for start, end in passed:
        counted &= (seen.times < start) | (seen.times >= end)
    still = _stretches(still_spans(seen.changes))
    music = with_beats(heard.music_from(-shift), beats, np.asarray([beat.strength for beat in song.beats]))
    found = check.Check(
        container=film.container,
        size_bytes=film.size_bytes,
        duration=round(film.duration, 3),
        declared_duration=round(film.declared, 3),
        song_duration=round(heard.song_seconds, 3),
        tempo_bpm=song.tempo.bpm if song.beats else 0.0,
        picture=check.Picture(
            codec=film.codec,
            width=film.width,
            height=film.height,
            frames=film.frames,
            fps=round(film.fps, 4),
            even=film.uneven_ms <= TICKS * film.tick_ms + 0.1,
            uneven_ms=round(film.uneven_ms, 2),
            rate=bit_rate(film.rate),
        ),
        sound=_sound(heard),
        cuts=cuts,
        on_beat=_on_beat(film, cuts, beats),
        flashes=flashes(seen.flashes),
        red_flashes=flashes(seen.red_flashes),
        motion=check.MotionFound(
            level=round(float(seen.levels[counted][1:].mean()), 3) if counted[1:].any() else 0.0,
            still=still,
            still_seconds=round(sum(one.end - one.start for one in still), 3),
            follows=following(seen.times, seen.levels, passed, music),
            light_follows=following(seen.times, seen.light, passed, music),
        ),
        black=_stretches(spans(seen.times, film.black, BLACK_SECONDS, film.duration)),
        frozen=_stretches(spans(seen.times, _frozen(seen.levels), FROZEN_SECONDS, film.duration)),
        verdicts=(),
    )
    return msgspec.structs.replace(found, verdicts=verdicts(found))


def found_cuts(film: Film, beats: Series) -> tuple[check.FoundCut, ...]:
    """Each change of shot with its distance to the nearest beat of the video's time."""
    at = np.asarray([shift.at for shift in film.shifts])
    far: Sequence[float | None] = [None] * at.size
    if beats.size and at.size:
        sharp = [shift.kind == "cut" for shift in film.shifts]
        far = [
            round(float(one) * 1000, 1) if cut else None
            for one, cut in zip(to_beats(at, beats), sharp, strict=True)
        ]
    return tuple(
        check.FoundCut(kind=shift.kind, time=round(shift.at, 3), beat_ms=distance)
        for shift, distance in zip(film.shifts, far, strict=True)
    )


def _on_beat(film: Film, cuts: Sequence[check.FoundCut], beats: Series) -> check.OnBeat | None:
    if not beats.size:
        return None
    start, end = max(0.0, beats[0] - BESIDE_SECONDS), min(film.duration, beats[-1] + BESIDE_SECONDS)
    inside = [cut.beat_ms for cut in cuts if cut.beat_ms is not None and start <= cut.time <= end]
    far = np.asarray(inside) / 1000
    if not far.size:
        return None
    tolerances = (ON_BEAT_SECONDS, 1 / film.fps)
    found = nearness(far, tolerances)
    chance = by_chance(beats, start, end, tolerances)
    hits = round(found.shares[0] * far.size)
    return check.OnBeat(
        cuts=far.size,
        median_ms=round(found.median * 1000, 1),
        bias_ms=round(float(np.median(far)) * 1000, 1),
        within_40_ms=round(found.shares[0], 3),
        within_a_frame=round(found.shares[1], 3),
        chance_median_ms=round(chance.median * 1000, 1),
        chance_within_40_ms=round(chance.shares[0], 3),
        chance_within_a_frame=round(chance.shares[1], 3),
        likely_chance=float(f"{at_least(hits, far.size, chance.shares[0]):.3g}"),
    )


def _sound(heard: Heard) -> check.Sound | None:
    if not heard.codec:
        return None
    return check.Sound(
        codec=heard.codec,
        seconds=round(heard.seconds, 3),
        is_the_song=heard.starts_at is not None,
        starts_at=None if heard.starts_at is None else round(heard.starts_at, 4),
        loudness=loudness(heard.loudness),
        rate=bit_rate(heard.rate),
    )


def _reach(kind: str) -> float:
    """Seconds around a change of shot in which motion is the change's own."""
    return 0.4 if kind == "dissolve" else 0.02


def _frozen(levels: Series) -> list[bool]:
    return [number > 0 and level < FROZEN_LEVELS for number, level in enumerate(levels)]


def _stretches(found: Sequence[tuple[float, float]]) -> tuple[Stretch, ...]:
    return tuple(report.Stretch(start=round(start, 3), end=round(end, 3)) for start, end in found)
