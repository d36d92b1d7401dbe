"""The beat grid as a person corrects it."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis, Notice
from libs.contracts.errors import Permanent
from libs.storyboard.grid import CLOSEST_S, Correction, Count, Double, Halve, Shift, Tap, correct
from tests.unit.planner.songs import song
from tests.unit.storyboard.boards import beaten


def times(analysis: Analysis) -> list[float]:
    return [beat.time for beat in analysis.beats]


def downbeats(analysis: Analysis) -> list[float]:
    return [beat.time for beat in analysis.beats if beat.downbeat]


taps = st.lists(st.floats(0.15, 2.0), min_size=1, max_size=40).map(
    lambda gaps: Tap(times=[round(1 + sum(gaps[:index]), 3) for index in range(len(gaps) + 1)])
)
corrections: st.SearchStrategy[Correction] = st.one_of(
    st.builds(Double, start=st.floats(0, 30), end=st.floats(0, 60)),
    st.builds(Halve, start=st.floats(0, 30), keep=st.sampled_from(["downbeats", "even", "odd"])),
    st.builds(Shift, ms=st.floats(-2000, 2000), start=st.floats(0, 30), end=st.floats(0, 60)),
    st.builds(Shift, beats=st.floats(-8, 8), end=st.floats(0, 60)),
    taps,
    taps.map(lambda tap: msgspec.structs.replace(tap, extend=True)),
    st.builds(Count, meter=st.integers(2, 12), downbeat=st.none() | st.floats(0, 100)),
)


@settings(max_examples=120, deadline=None)
@given(st.floats(45, 180), st.lists(corrections, max_size=6))
def test_any_corrections_leave_a_grid(bpm: float, wishes: list[Correction]) -> None:
    heard = beaten(60.0, bpm)
    for wish in wishes:
        before = heard
        try:
            heard = correct(before, wish)
        except Permanent as refused:
            assert refused.code == "bad_grid"
            continue
        beats = times(heard)
        assert all(later - sooner >= CLOSEST_S - 1e-3 for sooner, later in pairwise(beats))
        assert 0 <= beats[0] <= beats[-1] <= heard.duration
        assert all(0 <= beat.strength <= 1 for beat in heard.beats)
        assert (heard.energy, heard.sections, heard.words) == (before.energy, before.sections, before.words)
        if not isinstance(wish, Tap):
            outside = [beat for beat in before.beats if not wish.start <= beat.time < wish.end]
            assert set(outside) <= set(heard.beats), "a beat outside of the part has changed"


def test_twice_as_many_and_half_again() -> None:
    heard = beaten(16.0, 60.0)
    doubled = correct(heard, Double())
    assert times(doubled) == [i / 2 for i in range(33 - 1)] + [16.0]
    assert downbeats(doubled) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    assert doubled.tempo.bpm == 120
    halved = correct(doubled, Halve())
    assert times(halved) == times(heard)
    assert downbeats(halved) == downbeats(heard)
    assert times(correct(doubled, Halve(keep="odd")))[:2] == [0.5, 1.5]


def test_only_a_part_is_doubled() -> None:
    heard = beaten(16.0, 60.0)
    assert times(correct(heard, Double(start=4, end=6)))[3:8] == [3.0, 4.0, 4.5, 5.0, 5.5]


def test_shifted_by_time_by_half_a_beat_and_by_downbeats_alone() -> None:
    heard = beaten(8.0, 60.0, 0.2)
    assert times(correct(heard, Shift(ms=-150)))[:3] == [0.05, 1.05, 2.05]
    assert times(correct(heard, Shift(ms=900)))[-1] == pytest.approx(7.1), "what leaves the song is gone"
    half = correct(heard, Shift(beats=0.5))
    assert times(half)[:3] == [0.7, 1.7, 2.7]
    assert downbeats(half) == [0.7, 4.7]
    one = correct(heard, Shift(beats=1))
    assert (times(one), downbeats(one)) == (times(heard), [1.2, 5.2])
    assert downbeats(correct(heard, Shift(beats=-1))) == [3.2, 7.2]


def test_a_shifted_part_keeps_clear_of_its_neighbours() -> None:
    shifted = times(correct(beaten(8.0, 60.0), Shift(ms=700, start=2, end=4)))
    assert shifted == [0.0, 1.0, 2.7, 4.0, 5.0, 6.0, 7.0, 8.0]


def test_taps_replace_the_beats_around_them() -> None:
    tapped = correct(beaten(10.0, 60.0), Tap(times=[2.1, 2.62, 3.1, 3.6], downbeat=1))
    assert times(tapped)[:8] == [0.0, 1.0, 2.1, 2.62, 3.1, 3.6, 4.0, 5.0]
    assert [beat.downbeat for beat in tapped.beats[2:6]] == [False, True, False, False]


def test_taps_may_go_on_through_the_song() -> None:
    silent = msgspec.structs.replace(song(8.0), notices=(Notice(code="no_beats", message="None."),))
    tapped = correct(silent, Tap(times=[1.0, 1.51, 1.99, 2.5], downbeat=2, extend=True))
    assert times(tapped)[:3] == pytest.approx([0.0, 0.503, 1.002], abs=0.02)
    assert downbeats(tapped)[:2] == pytest.approx([0.0, 2.0], abs=0.02)
    assert tapped.notices == ()
    assert tapped.tempo.bpm == pytest.approx(120, abs=1)
    uneven = Tap(times=[1.0, 1.5, 2.4, 2.6], extend=True)
    with pytest.raises(Permanent, match="even"):
        correct(silent, uneven)


def test_bars_are_counted_anew() -> None:
    heard = beaten(12.0, 60.0)
    waltz = correct(heard, Count(meter=3, downbeat=1.2))
    assert (waltz.meter, downbeats(waltz)) == (3, [1.0, 4.0, 7.0, 10.0])
    part = correct(heard, Count(meter=3, start=6))
    assert (part.meter, downbeats(part)[:2]) == (4, [0.0, 4.0]), "the song's meter is that of all of it"


@pytest.mark.parametrize("wish", [
    Double(), Halve(), Shift(ms=5), Count(meter=4), Tap(times=[1.0, 0.5]), Tap(times=[1.0, 1.05]),
    Tap(times=[1.0, 9.0]), Tap(times=[7.9, 8.4]), Tap(times=[1.0, 1.5], extend=True, start=3, end=2),
])  # fmt: skip
def test_what_makes_no_grid_is_refused(wish: Correction) -> None:
    with pytest.raises(Permanent) as refused:
        correct(song(8.0), wish)
    assert refused.value.code == "bad_grid"
