"""Which looks a song gets: the seed says, groups keep theirs, neighbours are told apart."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.jobs import JobOptions
from libs.contracts.looks import looks_by_name
from libs.contracts.storyboard import Scene
from services.planner import looks
from services.planner.looks import choose_looks, stands_out
from services.planner.palette import Ground
from services.planner.plan import plan
from tests.unit.planner.songs import song, steady

PARTS = [0, 0, 1, 1, 1, 2, 2, 2, 1, 1, 2, 2, 2, 0]
LOUDNESS = [0.3, 0.3, 0.6, 0.6, 0.6, 0.9, 0.9, 0.9, 0.6, 0.6, 0.9, 0.9, 0.9, 0.3]
groups_of_a_song = st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 1.0)), min_size=1, max_size=40)


def chosen(seed: int, *, pictured: bool = False, steady: bool = True) -> list[tuple[str, Ground]]:
    return choose_looks(PARTS, LOUDNESS, seed, pictured=pictured, steady=steady)


def directed(seed: int, style: str = "auto") -> tuple[Scene, ...]:
    heard = song(60.0, steady(120.0, 60.0), sections=[("verse", 0.0, 0), ("chorus", 20.1, 1), ("verse", 40.1, 0)])
    return plan(heard, JobOptions(style=style), seed)[0].scenes


@given(groups_of_a_song, st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_neighbours_stand_on_grounds_that_stand_out(
    parts: list[tuple[int, float]], seed: int, pictured: bool, steady: bool
) -> None:
    groups, energies = [group for group, _ in parts], [energy for _, energy in parts]
    picks = choose_looks(groups, energies, seed, pictured=pictured, steady=steady)
    assert len(picks) == len(groups)
    assert all(stands_out(before, after) for (_, before), (_, after) in pairwise(picks))


@given(groups_of_a_song, st.integers(0, 2**32 - 1), st.booleans())
def test_a_group_is_told_with_the_same_looks_wherever_it_returns(
    parts: list[tuple[int, float]], seed: int, pictured: bool
) -> None:
    groups, energies = [group for group, _ in parts], [energy for _, energy in parts]
    picks = choose_looks(groups, energies, seed, pictured=pictured, steady=True)
    seen: dict[int, list[str]] = {}
    for group, run in groupby(zip(groups, picks, strict=True), key=lambda pair: pair[0]):
        names = [look for _, (look, _) in run]
        known = seen.setdefault(group, names)
        assert all(a == b for a, b in zip(known, names, strict=False))
        seen[group] = max(known, names, key=len)


def test_groups_open_with_looks_of_their_own() -> None:
    for seed in range(50):
        for pictured in (False, True):
            picks = chosen(seed, pictured=pictured)
            assert len({picks[0][0], picks[2][0], picks[5][0]}) == 3


def test_two_seeds_make_two_videos() -> None:
    """Most scenes have another look or another ground, and a seed is the same each time."""
    alike = 0
    for seed in range(40):
        one, other = chosen(seed), chosen(seed + 1)
        assert chosen(seed) == one
        alike += sum(a == b for a, b in zip(one, other, strict=True)) > len(one) // 2
    assert alike <= 4
    assert len({tuple(chosen(seed)) for seed in range(40)}) >= 30


def test_the_seed_of_the_job_reaches_the_scenes() -> None:
    one, other = directed(1), directed(2)
    assert directed(1) == one
    differing = [a.look != b.look or a.palette.ground != b.palette.ground for a, b in zip(one, other, strict=True)]
    assert sum(differing) > len(one) / 2


def test_a_named_style_is_the_look_of_every_scene() -> None:
    assert {scene.look for scene in directed(1, style="rings")} == {"rings"}
    assert {scene.palette.ground for scene in directed(1, style="rings")} > {directed(1)[0].palette.ground}


def test_a_song_of_one_group_changes_its_look_on_the_way() -> None:
    for seed in range(20):
        picks = choose_looks([0] * 16, [0.5] * 16, seed, pictured=False, steady=True)
        names = [look for look, _ in picks]
        assert len(set(names)) >= 4
        assert max(len(list(run)) for _, run in groupby(names)) <= 3


def test_the_last_return_of_the_loudest_group_has_a_ground_of_its_own() -> None:
    for seed in range(20):
        grounds = [ground for _, ground in chosen(seed)]
        assert "blaze" in grounds[10:13]
        assert "blaze" not in grounds[:10] + grounds[13:]


def test_a_picture_has_most_of_the_scenes() -> None:
    for seed in range(20):
        names = [look for look, _ in chosen(seed, pictured=True)]
        assert sum("picture" in looks_by_name()[name].needs for name in names) >= 0.7 * len(names)


@pytest.mark.parametrize("pictured", [False, True])
def test_without_a_steady_beat_no_look_that_lives_on_it_opens(pictured: bool) -> None:
    for seed in range(20):
        first = choose_looks([0, 0, 1], [0.9, 0.9, 0.9], seed, pictured=pictured, steady=False)
        assert {look for look, _ in first if look in {"tiles", "rings", "tunnel"}} == set()


def test_every_name_can_be_drawn() -> None:
    entries = looks_by_name()
    assert {*looks.CALM, *looks.LIVELY, *looks.CALM_PICTURED, *looks.LIVELY_PICTURED} <= set(entries)
    assert len(get_args(Ground)) == 4
