"""How well beats, tempo, bounds and cuts fit the truth: the field's usual measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mir_eval
import numpy as np
import numpy.typing as npt

from libs.contracts.analysis import Analysis
from libs.contracts.storyboard import Storyboard
from libs.media.frames import parse_fps

Times = npt.NDArray[np.float64]
Truth = dict[str, Any]

STEADY = ("d01", "d05", "d06", "d09", "d10", "d11", "d12", "d14", "d15")
"""Clips of steady tempo whose cuts must lie on beats."""


@dataclass(frozen=True)
class BeatScore:
    """F at 70 and at 25 ms, and continuity at the right level (CMLt) and at allowed ones (AMLt); 0..1."""

    f70: float
    f25: float
    cmlt: float
    amlt: float


def score_beats(truth: Truth, beats: Times) -> BeatScore:
    """Beats against the true ones, after five seconds and where the truth counts."""
    start = max(5.0, float(truth.get("eval_from", 0.0)))
    true = np.array(truth["beats"], dtype=float)
    true, found = true[true >= start], beats[beats >= start]
    if not len(found):
        return BeatScore(0.0, 0.0, 0.0, 0.0)
    _, cmlt, _, amlt = mir_eval.beat.continuity(true, found)
    return BeatScore(
        f70=float(mir_eval.beat.f_measure(true, found, 0.070)),
        f25=float(mir_eval.beat.f_measure(true, found, 0.025)),
        cmlt=float(cmlt),
        amlt=float(amlt),
    )


def beat_times(analysis: Analysis) -> Times:
    return np.array([beat.time for beat in analysis.beats])


def tempo_right(truth: Truth, bpm: float, factors: Sequence[float] = (1.0,)) -> bool:
    """Within 4 % of the true tempo, or of it times one of the factors."""
    return any(abs(bpm / (float(truth["tempo"]) * factor) - 1.0) <= 0.04 for factor in factors)


def bounds_f(truth: Truth, analysis: Analysis, window: float) -> float | None:
    """F of the sections' bounds within a window in seconds; None where the truth is not known."""
    true = np.array([section["start"] for section in truth["sections"][1:]])
    found = np.array([section.start for section in analysis.sections[1:]])
    if not len(true):
        return None
    hits = len(mir_eval.util.match_events(true, found, window)) if len(found) else 0
    return 2.0 * hits / (len(true) + len(found))


def downbeats_f(truth: Truth, analysis: Analysis) -> float | None:
    """F of the downbeats at 70 ms; None where the truth is not known."""
    if not truth["downbeats"]:
        return None
    found = np.array([beat.time for beat in analysis.beats if beat.downbeat])
    return float(mir_eval.beat.f_measure(np.array(truth["downbeats"]), found))


def cut_distances(truth: Truth, storyboard: Storyboard) -> Times:
    """Seconds from each cut to the nearest true beat, where the truth counts."""
    fps = parse_fps(storyboard.fps)
    cuts = np.array([float(scene.start_frame / fps) for scene in storyboard.scenes[1:]])
    cuts = cuts[cuts >= float(truth.get("eval_from", 0.0))]
    distances: Times = np.abs(cuts[:, None] - np.array(truth["beats"])[None, :]).min(axis=1)
    return distances
