"""From the plan, the song and the measurements to what the contact sheet shows. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from libs.contracts.analysis import Analysis
from libs.contracts.report import Report, Telling
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import StageUsage
from libs.measure.light import Small
from libs.type.coverage import drawable
from services.composer.measure import PictureMeasure, Shots
from services.composer.sheet_content import Cut, Frame, Part, Sheet
from services.composer.sheet_layout import clock, grid, picked

ON_BEAT_MS = 40.0
"""A cut within this is on the beat for any eye: a frame and a bit."""
LONGEST_TITLE = 44
BETWEEN = "   ·   "


def wanted_shots(board: Storyboard) -> Shots:
    """The frames that stand for the scenes on the sheet."""
    scenes = [board.scenes[number] for number in picked(len(board.scenes))]
    cells = grid(len(scenes), board.width, board.height)
    return Shots([(scene.start_frame + scene.end_frame) // 2 for scene in scenes], (cells.width, cells.height))


def contact_sheet(
    board: Storyboard,
    analysis: Analysis,
    report: Report,
    picture: PictureMeasure,
    *,
    title: str = "",
    usage: Sequence[StageUsage] = (),
) -> Sheet:
    """What a finished video's sheet shows. usage: says which scenes GPU servers made, with which workflow."""
    fps = Fraction(board.fps)
    scenes = [board.scenes[number] for number in picked(len(board.scenes))]
    made = (takes for stage in usage for takes in stage.takes)
    workflows = {scene_id: takes.workflow for takes in made if takes.workflow for scene_id in takes.scene_ids}
    shots: Sequence[Small | None] = picture.shots if len(picture.shots) == len(scenes) else [None] * len(scenes)
    frames = [
        Frame(
            picture=shot,
            name=scene.id,
            at=float(scene.start_frame / fps),
            section=scene.section,
            group=scene.group,
            note=workflows.get(scene.id, scene.look),
        )
        for scene, shot in zip(scenes, shots, strict=True)
    ]
    return Sheet(
        headline=headline(title, analysis, report.duration),
        aside=aside(report.width, report.height, report.fps, len(board.scenes)),
        measured=measured(report),
        size=(board.width, board.height),
        duration=report.duration,
        frames=frames,
        cuts=[Cut(cut.time, cut.scene_id.lstrip("s0"), on_beat(cut.beat_ms)) for cut in report.cuts],
        parts=parts(analysis),
        beats=[(beat.time, beat.downbeat) for beat in analysis.beats],
        peaks=analysis.peaks,
        motion=np.minimum(picture.seen.levels, np.percentile(picture.seen.levels, 99)),
    )


def headline(title: str, analysis: Analysis, duration: float) -> str:
    """The song in a few words, its title first if it is known."""
    name = drawable(title)
    if len(name) > LONGEST_TITLE:
        name = name[: LONGEST_TITLE - 1].rstrip() + "…"
    if any(unicodedata.bidirectional(char) in ("R", "AL") for char in name):
        name = f"\u2068{name}\u2069"  # isolated: what follows it stays where it is
    named = [name] if name else []
    tempo = [f"{analysis.tempo.bpm:.0f} bpm"] if analysis.beats else []
    key = [f"{analysis.key.tonic} {analysis.key.mode}"] if analysis.key.confidence > 0 else []
    return BETWEEN.join([*named, clock(duration), *tempo, *key])


def aside(width: int, height: int, fps: str, scenes: int) -> str:
    """The picture in a few words."""
    rate = f"{float(Fraction(fps)):.2f}".rstrip("0").rstrip(".")
    return BETWEEN.join([f"{width} × {height}", f"{rate} fps", f"{scenes} scene{'s' if scenes != 1 else ''}"])


def measured(report: Report) -> str:
    """What the report says, in a line."""
    told = []
    if report.cut_beat_median_ms is not None:
        told.append(f"cuts {report.cut_beat_median_ms:.0f} ms from the beat (median)")
    if report.telling is not None:
        told.append(spoken(report.telling))
    if report.sound is not None and report.sound.lag_ms is not None:
        told.append(f"sound {abs(report.sound.lag_ms):.1f} ms off")
    if report.loudness is not None:
        told.append(f"{report.loudness.integrated_lufs:.1f} LUFS".replace("-", "−"))
    if report.flashes is not None:
        told.append(flashes(report.flashes.a_second))
    if report.motion is not None:
        still = report.motion.still_seconds
        told.append(f"still for {still:.1f} s" if still else "never still")
    if report.picture_rate is not None:
        told.append(f"{report.picture_rate.mean_mbps:.1f} Mb/s")
    return BETWEEN.join(told)


def spoken(found: Telling) -> str:
    """What is said, and where the cuts lie in it."""
    words = f"{found.words} word{'' if found.words == 1 else 's'}"
    return (
        words if found.cuts_in_pauses is None else f"{words}{BETWEEN}{found.cuts_in_pauses:.0%} of cuts in pauses"
    )


def flashes(a_second: float) -> str:
    """How many there are in the worst second."""
    return f"{a_second:g} flash{'' if a_second == 1 else 'es'} in the worst second" if a_second else "no flashes"


def parts(analysis: Analysis) -> list[Part]:
    """The sections as the timeline draws them."""
    return [Part(one.label, one.start, one.end, one.group) for one in analysis.sections]


def on_beat(beat_ms: float | None) -> bool | None:
    """Whether a cut at this distance is on the beat."""
    return None if beat_ms is None else abs(beat_ms) <= ON_BEAT_MS
