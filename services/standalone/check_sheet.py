"""From the findings on any video to its contact sheet. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from libs.contracts.analysis import Analysis, Section
from libs.contracts.check import Check
from libs.measure.light import Small
from libs.media.film import Film
from services.composer.contact import BETWEEN, aside, flashes, headline, on_beat
from services.composer.sheet_content import Cut, Frame, Part, Sheet
from services.composer.sheet_layout import grid, picked
from services.standalone.check_sound import Heard

MOST_PEAKS = 20_000


def _scenes(film: Film) -> list[tuple[float, float]]:
    edges = [0.0, *(shift.at for shift in film.shifts), film.duration]
    return list(pairwise(edges))


def wanted_shots(film: Film) -> tuple[list[float], tuple[int, int]]:
    """Seconds of the frames that stand for the scenes, and the width and height they have on the sheet."""
    scenes = _scenes(film)
    shown = [scenes[number] for number in picked(len(scenes))]
    cells = grid(len(shown), film.width, film.height)
    return [(start + end) / 2 for start, end in shown], (cells.width, cells.height)


def check_sheet(
    found: Check, shots: Sequence[Small | None], *, name: str, film: Film, heard: Heard, song: Analysis
) -> Sheet:
    """What the sheet of a checked video shows, the song laid where it is heard."""
    shift = heard.starts_at or 0.0
    scenes = _scenes(film)
    by_time = {cut.time: cut for cut in found.cuts}
    frames = []
    for number, shot in zip(picked(len(scenes)), shots, strict=True):
        start = scenes[number][0]
        section = _section_at(song.sections, (start + scenes[number][1]) / 2 - shift)
        cut = by_time.get(round(start, 3))
        far = "" if cut is None or cut.beat_ms is None else f"{cut.beat_ms:+.0f} ms"
        note = far if cut is None or cut.kind == "cut" else cut.kind
        frames.append(
            Frame(
                picture=shot,
                name=str(number + 1),
                at=start,
                section=section.label if section else "",
                group=section.group if section else -1,
                note=note,
            )
        )
    return Sheet(
        headline=headline(name, song, film.duration),
        aside=aside(film.width, film.height, f"{film.fps:.2f}", len(scenes)),
        measured=_measured(found),
        size=(film.width, film.height),
        duration=film.duration,
        frames=frames,
        cuts=[Cut(cut.time, str(number), on_beat(cut.beat_ms)) for number, cut in enumerate(found.cuts, 2)],
        parts=[Part(one.label, one.start + shift, one.end + shift, one.group) for one in song.sections],
        beats=[(beat.time + shift, beat.downbeat) for beat in song.beats],
        peaks=_peaks(song, shift, film.duration),
        motion=_motion(film),
    )


def _section_at(sections: Sequence[Section], seconds: float) -> Section | None:
    number = bisect_right([one.start for one in sections], seconds) - 1
    return sections[number] if number >= 0 and seconds < sections[number].end else None


def _peaks(song: Analysis, shift: float, duration: float) -> list[float]:
    """The song's waveform over the time of the video."""
    if not song.peaks or song.duration <= 0:
        return []
    count = min(max(1, round(len(song.peaks) * duration / song.duration)), MOST_PEAKS)
    at = (np.arange(count) + 0.5) * duration / count - shift
    inside = (at >= 0) & (at < song.duration)
    number = np.clip((at / song.duration * len(song.peaks)).astype(int), 0, len(song.peaks) - 1)
    return [float(one) for one in np.where(inside, np.asarray(song.peaks)[number], 0.0)]


def _motion(film: Film) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Levels on an even grid; those of cuts don't dwarf the rest."""
    levels = np.minimum(film.seen.levels, np.percentile(film.seen.levels, 98))
    even = np.linspace(0, film.duration, film.frames, endpoint=False)
    return np.interp(even, film.seen.times, levels)


def _measured(found: Check) -> str:
    told = []
    if found.on_beat is not None:
        told.append(f"cuts {found.on_beat.median_ms:.0f} ms from the beat (median)")
        told.append(
            f"{found.on_beat.within_40_ms:.0%} within 40 ms, by chance {found.on_beat.chance_within_40_ms:.0%}"
        )
    if found.sound is not None and found.sound.loudness is not None:
        told.append(f"{found.sound.loudness.integrated_lufs:.1f} LUFS".replace("-", "\u2212"))
    told.append(flashes(found.flashes.a_second))
    told.append(f"still for {found.motion.still_seconds:.1f} s" if found.motion.still else "never still")
    if found.picture.rate is not None:
        told.append(f"{found.picture.rate.mean_mbps:.1f} Mb/s")
    return BETWEEN.join(told)
