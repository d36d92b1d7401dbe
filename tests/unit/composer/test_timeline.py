"""Segments touch, add up, and take the right frames of the right clips."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.errors import Permanent
from services.composer.timeline import joins, segments
from tests.storyboards import storyboard
from tests.unit.composer.builders import clips


@given(st.lists(st.tuples(st.integers(30, 200), st.integers(0, 14).map(lambda half: 2 * half)), min_size=1))
def test_segments_touch_and_add_up(scenes: list[tuple[int, int]]) -> None:
    plan = storyboard([length for length, _ in scenes], [overlap for _, overlap in scenes])
    found = segments(plan, clips(plan))
    edges = [found[0].start, *(one.end for one in found)]
    assert edges[0] == 0 and edges[-1] == plan.frames
    assert all(before.end == after.start for before, after in pairwise(found))
    by_id = {scene.id: scene for scene in plan.scenes}
    for segment in found:
        for source in segment.sources:
            shown_first = by_id[source.clip.scene_id].start_frame - source.clip.lead + source.first
            assert shown_first == segment.start
            assert source.first + segment.frames <= source.clip.frames


def test_a_crossfade_is_centred_on_its_cut() -> None:
    plan = storyboard([60, 60], [0, 8])
    body, window, rest = segments(plan, clips(plan))
    assert (body.start, body.end) == (0, 56)
    assert (window.start, window.end) == (56, 64)
    assert [source.clip.scene_id for source in window.sources] == ["s000", "s001"]
    assert [source.first for source in window.sources] == [56, 0]
    assert (rest.start, rest.end, rest.sources[0].first) == (64, 120, 8)
    assert [(one.frame, one.frames, one.kind) for one in joins(plan)] == [(60, 8, "crossfade")]


def test_a_scene_may_be_all_transitions() -> None:
    plan = storyboard([60, 8, 60], [0, 8, 8])
    assert [(one.start, one.end) for one in segments(plan, clips(plan))] == [(0, 56), (56, 64), (64, 72), (72, 128)]


@pytest.mark.parametrize("lengths", [(60, 7, 60), (3, 60, 60)])
def test_transitions_that_overlap_are_refused(lengths: tuple[int, ...]) -> None:
    plan = storyboard(lengths, [0, 8, 8])
    with pytest.raises(Permanent) as refused:
        segments(plan, clips(plan))
    assert refused.value.code == "output_check_failed"


def test_missing_and_short_clips_are_refused() -> None:
    plan = storyboard([60, 60], [0, 8])
    good = clips(plan)
    with pytest.raises(Permanent, match="no clip"):
        segments(plan, good[:1])
    with pytest.raises(Permanent, match="too short"):
        segments(plan, clips(storyboard([60, 60], [0, 0])))
