"""Which looks a song gets: cast from the catalogue by seed, parts keep theirs, neighbours are told apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import groupby, pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.jobs import JobOptions
from libs.contracts.looks import MOTIFS, catalogue, families, looks_by_name
from libs.contracts.storyboard import Scene
from libs.media.frames import parse_fps
from services.planner.casting import Means, differences, possible, shows_picture
from services.planner.cuts import find_cuts
from services.planner.grounds import choose_grounds, stands_out
from services.planner.looks import choose_looks
from services.planner.scenes import make_scenes
from services.planner.structure import Spot, placed
from tests.unit.planner.songs import PICTURES, SONGS

SEEDS = range(20)
ENTRIES = looks_by_name()
scenes_of_a_song = st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 1.0)), min_size=1, max_size=40)


@cache
def cuts_of(name: str) -> list[int]:
    return find_cuts(SONGS[name], parse_fps(JobOptions().fps))


@cache
def directed(name: str, seed: int, picture: str = "", style: str = "auto") -> tuple[Scene, ...]:
    options = JobOptions(title="Morning Light", style=style)
    return make_scenes(SONGS[name], options, seed, cuts_of(name), PICTURES.get(picture))


def all_videos() -> Iterator[tuple[str, str, tuple[Scene, ...]]]:
    for name in SONGS:
        for picture in ("", "portrait"):
            for seed in SEEDS:
                yield name, picture, directed(name, seed, picture)


def spots_of(parts: list[tuple[int, float]]) -> list[Spot]:
    labels = ("intro", "verse", "chorus", "bridge")
    return placed([Spot(label=labels[group], group=group, energy=energy, seconds=4.0) for group, energy in parts])


def seconds(scene: Scene) -> float:
    return (scene.end_frame - scene.start_frame) / 30.0


def test_neighbours_differ_in_their_ground_and_in_something_else() -> None:
    """Flat or soft; type, cutout, picture or drawn; still or moving: in addition to light or dark."""
    pairs = [pair for _, _, scenes in all_videos() for pair in pairwise(scenes)]
    alike = Counter((a.look, b.look) for a, b in pairs if not differences(ENTRIES[a.look], ENTRIES[b.look]))
    assert alike.total() <= len(pairs) / 50, alike
    assert all(a.palette.ground != b.palette.ground for a, b in pairs)
    assert all(a.look != b.look for a, b in pairs)


def test_neighbours_never_frame_the_picture_alike() -> None:
    """Looks count framings and layouts by variant and visit, in halves and thirds."""
    for _, _, scenes in all_videos():
        framings = [scene.variant + scene.visit for scene in scenes]
        assert all((one - other) % 6 in {1, 5} for one, other in pairwise(framings))


def test_a_look_that_plays_again_is_most_often_framed_anew() -> None:
    same = count = 0
    for _, _, scenes in all_videos():
        shown: dict[str, int] = {}
        for scene in scenes:
            framing = (scene.variant + scene.visit) % 3
            if scene.look in shown:
                count += 1
                same += shown[scene.look] == framing
            shown[scene.look] = framing
    assert same < 0.2 * count


def test_a_part_has_the_same_looks_when_it_returns() -> None:
    """But for the finale, and for the frame that begins and ends the song."""
    for name, _, scenes in all_videos():
        first: dict[int, list[Scene]] = {}
        for group, scenes_of_run in groupby(scenes[1:-1], key=lambda scene: scene.group):
            run = list(scenes_of_run)
            known = first.setdefault(group, run)
            if run[0].section in {"intro", "outro"} or run[0].finale or known is run:
                continue
            shared = list(zip(known, run, strict=False))
            if known[0] is scenes[1] and scenes[0].group == group:
                continue
            assert [a.look for a, _ in shared[:-1]] == [b.look for _, b in shared[:-1]], name


def test_each_visit_is_counted_and_the_last_of_the_loudest_part_is_the_finale() -> None:
    scenes = directed("long", 3)
    chorus = [scene for scene in scenes if scene.section == "chorus"]
    assert sorted({scene.visit for scene in chorus}) == [0, 1, 2, 3]
    assert all(scene.finale == (scene.section == "chorus" and scene.visit == 3) for scene in scenes)
    blazing = {scene.palette.ground for scene in scenes if scene.finale} - {
        scene.palette.ground for scene in scenes if not scene.finale
    }
    assert len(blazing) == 1


def test_a_song_has_one_motif_and_one_set_of_colours() -> None:
    for _, _, scenes in all_videos():
        assert len({scene.motif for scene in scenes}) == 1
        assert len({frozenset(msgspec.structs.astuple(scene.palette)) for scene in scenes}) == 1
    assert {directed("pop", seed)[0].motif for seed in range(40)} == set(MOTIFS)


def test_two_seeds_make_two_videos() -> None:
    """Most scenes have another look or another ground, and a seed is the same each time."""
    alike = 0
    for seed in SEEDS:
        one, other = directed("pop", seed), directed("pop", seed + 1)
        same = [a.look == b.look and a.palette.ground == b.palette.ground for a, b in zip(one, other, strict=True)]
        alike += sum(same) > len(one) / 2
    assert alike <= 2
    casts = {tuple(scene.look for scene in directed("pop", seed)) for seed in SEEDS}
    assert len(casts) >= 0.8 * len(SEEDS)


def test_every_look_plays_somewhere() -> None:
    """The catalogue is the cast's only source: what stands there is used."""
    played = {scene.look for _, _, scenes in all_videos() for scene in scenes}
    played |= {scene.look for name in SONGS for seed in SEEDS for scene in directed(name, seed, "sky")}
    unused = {entry.name for entry in catalogue() if "words" not in entry.needs} - played
    assert len(unused) <= len(catalogue()) // 10, unused


def test_a_long_song_is_told_with_more_looks_than_a_short_one() -> None:
    for seed in SEEDS:
        assert len({scene.look for scene in directed("one", seed)}) >= 5
        assert 4 <= len({scene.look for scene in directed("pop", seed)}) <= 9


@pytest.mark.parametrize("picture", list(PICTURES))
def test_a_picture_is_seen_in_most_of_the_scenes(picture: str) -> None:
    for name in SONGS:
        shares = [
            sum(shows_picture(ENTRIES[scene.look]) for scene in scenes) / len(scenes)
            for scenes in (directed(name, seed, picture) for seed in SEEDS)
        ]
        assert min(shares) >= 0.5, name
        assert sum(shares) / len(shares) >= 0.6, name


def test_looks_play_only_where_they_can() -> None:
    for name in SONGS:
        for picture, facts in {"": None, **PICTURES}.items():
            for scene in directed(name, 1, picture) + directed(name, 2, picture):
                entry = ENTRIES[scene.look]
                assert facts is not None or not shows_picture(entry)
                assert facts is None or facts.subject or "subject" not in entry.needs
                assert facts is None or facts.short_side >= entry.least_pixels
                assert facts is None or facts.detail >= entry.least_detail
                assert "words" not in entry.needs
                assert not entry.most_seconds or seconds(scene) <= entry.most_seconds + 0.1


def test_without_a_steady_beat_no_look_lives_on_it() -> None:
    for name in ("rubato", "ramp"):
        for seed in SEEDS:
            for picture in ("", "portrait"):
                looks = {scene.look for scene in directed(name, seed, picture)}
                assert not {look for look in looks if ENTRIES[look].movement == "beat"}


def test_loud_devices_are_kept_for_the_loudest_part() -> None:
    for name, _, scenes in all_videos():
        for scene in scenes:
            if ENTRIES[scene.look].energy[0] >= 0.6:
                assert scene.section == "chorus" or name in {"swing", "one"}, (name, scene.section, scene.look)


@pytest.mark.parametrize("family", families())
def test_a_family_casts_its_own_looks_alone(family: str) -> None:
    means = Means(picture=True, short_side=1400, subject=True, text=True)
    for seed in range(4):
        names = {scene.look for scene in directed("pop", seed, "portrait", family)}
        assert {ENTRIES[name].family for name in names} == {family}
        able = [entry for entry in catalogue() if entry.family == family and possible(entry, means)]
        assert len(names) >= min(2, len(able))


def test_a_named_style_is_the_look_of_every_scene() -> None:
    scenes = directed("pop", 1, "", "rings")
    assert {scene.look for scene in scenes} == {"rings"}
    assert len({scene.palette.ground for scene in scenes}) >= 3


@settings(deadline=None)
@given(scenes_of_a_song, st.integers(0, 2**32 - 1))
def test_any_song_has_grounds_that_stand_out(parts: list[tuple[int, float]], seed: int) -> None:
    spots = spots_of(parts)
    looks = choose_looks(spots, Means(), JobOptions(), seed)
    grounds = choose_grounds(spots, looks, seed)
    assert len(looks) == len(grounds) == len(spots)
    assert all(stands_out(before, after) for before, after in pairwise(grounds))


def test_parts_open_with_looks_of_their_own() -> None:
    opening: dict[int, set[str]] = defaultdict(set)
    for seed in SEEDS:
        scenes = directed("long", seed)
        for before, scene in pairwise(scenes):
            if before.group != scene.group and not scene.finale:
                opening[scene.group].add(scene.look)
        assert len({min(looks) for looks in opening.values()}) >= 3
        opening.clear()
