"""Hearing measured on songs whose beats, bars, parts and keys are known."""

from __future__ import annotations

import numpy as np
import pytest

from libs.contracts.analysis import Analysis
from libs.contracts.jobs import JobOptions
from services.planner.plan import plan
from tests.integration.analyzer.scores import (
    STEADY,
    Truth,
    beat_times,
    bounds_f,
    cut_distances,
    downbeats_f,
    score_beats,
    tempo_right,
)

Truths = dict[str, Truth]
Analyses = dict[str, Analysis]


def mean_f(truths: Truths, analyses: Analyses, late: float = 0.0) -> tuple[float, float]:
    """Mean F at 70 and 25 ms over the songs, with all beats moved by `late` seconds."""
    scores = [score_beats(truths[name], beat_times(found) + late) for name, found in analyses.items()]
    return float(np.mean([score.f70 for score in scores])), float(np.mean([score.f25 for score in scores]))


def test_beats_are_found_and_lie_within_25_ms(truths: Truths, analyses: Analyses) -> None:
    f70, f25 = mean_f(truths, analyses)
    assert f70 > 0.92
    assert f25 > 0.90


@pytest.mark.parametrize("late", [-0.04, 0.04])
def test_beats_40_ms_off_would_not_pass(truths: Truths, analyses: Analyses, late: float) -> None:
    assert mean_f(truths, analyses, late)[1] < 0.3


def test_beats_are_neither_late_nor_early_as_a_whole(truths: Truths, analyses: Analyses) -> None:
    offsets = []
    for name, found in analyses.items():
        beats, true = beat_times(found), np.array(truths[name]["beats"])
        apart = beats[:, None] - true[None, :]
        nearest = apart[np.arange(len(beats)), np.abs(apart).argmin(axis=1)]
        offsets.append(float(np.median(nearest[np.abs(nearest) < 0.07])))
    assert abs(float(np.median(offsets))) < 0.006
    assert max(abs(offset) for offset in offsets) < 0.015


def test_tempo(truths: Truths, analyses: Analyses) -> None:
    steady = [name for name, truth in truths.items() if truth["tempo_stable"]]
    right = [tempo_right(truths[name], analyses[name].tempo.bpm) for name in steady]
    assert np.mean(right) >= 0.9
    assert sum(analyses[name].tempo.stable for name in steady) >= len(steady) - 1
    moving = [name for name in truths if name.startswith(("d04", "d07"))]
    assert not any(analyses[name].tempo.stable for name in moving)


def test_meter_and_downbeats(truths: Truths, analyses: Analyses) -> None:
    told = [truth for truth in truths if truths[truth]["downbeats"]]
    right = [analyses[name].meter == int(truths[name]["meter"].split("/")[0]) for name in told]
    assert np.mean(right) >= 0.9
    scores = [score for name in told if (score := downbeats_f(truths[name], analyses[name])) is not None]
    assert np.mean(scores) > 0.8


def test_bounds_of_sections(truths: Truths, analyses: Analyses) -> None:
    near = [f for name in truths if (f := bounds_f(truths[name], analyses[name], 0.5)) is not None]
    wide = [f for name in truths if (f := bounds_f(truths[name], analyses[name], 3.0)) is not None]
    assert np.mean(near) > 0.5
    assert np.mean(wide) > 0.6


def test_sections_cover_each_song(analyses: Analyses) -> None:
    for found in analyses.values():
        assert found.sections[0].start == 0.0
        assert found.sections[-1].end == found.duration
        assert len(found.peaks) == 1500
        assert abs(len(found.energy) - 10.0 * found.duration) <= 2
        assert not found.notices


def test_a_chorus_that_returns_is_one_group(analyses: Analyses) -> None:
    """In d09 verse, hook, verse: the verses sound alike and the hook doesn't."""
    sections = next(found for name, found in analyses.items() if name.startswith("d09")).sections

    def group_at(time: float) -> int:
        return next(section.group for section in sections if section.start <= time < section.end)

    assert group_at(12.0) == group_at(40.0) != group_at(27.0)


def test_cuts_lie_on_true_beats(truths: Truths, analyses: Analyses) -> None:
    for name, found in analyses.items():
        if not name.startswith(STEADY):
            continue
        for fps in ("30", "25"):
            for seed in (1, 2):
                storyboard, _ = plan(found, JobOptions(fps=fps), seed)
                distances = cut_distances(truths[name], storyboard)
                assert np.mean(distances <= 0.040) >= 0.9, f"{name} at {fps}: {np.round(distances, 3)}"
