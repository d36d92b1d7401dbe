"""Reference stills: every scene has its place, places follow the song's parts, and other videos know of none."""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Scene, Storyboard
from libs.contracts.tasks import Plan
from services.planner.colours import colour_name
from services.planner.cuts import find_cuts
from services.planner.handlers import plan_json, plan_key
from services.planner.plan import NO_GPU, Gpu, plan
from services.planner.stills import places_of
from tests.storyboards import scene
from tests.unit.planner.songs import song, songs, steady

SECTIONS = [
    ("intro", 0.0, 0),
    ("verse", 12.0, 1),
    ("chorus", 40.0, 2),
    ("verse", 70.0, 1),
    ("chorus", 98.0, 2),
    ("bridge", 126.0, 3),
    ("chorus", 146.0, 2),
    ("outro", 176.0, 4),
]


def heard() -> Analysis:
    """A song of five parts."""
    energies = (
        [0.3] * 12 + [0.5] * 28 + [0.9] * 30 + [0.5] * 28 + [0.9] * 28 + [0.4] * 20 + [0.95] * 30 + [0.25] * 14
    )
    return song(190.0, steady(120.0, 190.0), sections=SECTIONS, energies=energies)


def at(number: int, group: int, section: str, energy: float, frames: int = 30) -> Scene:
    """A scene of a part."""
    plain = scene(number, 100 * number, 100 * number + frames)
    return msgspec.structs.replace(plain, group=group, section=section, energy=energy)


@settings(max_examples=30, deadline=None)
@given(songs(), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_every_scene_of_any_song_has_a_still(heard: Analysis, most: int, seed: int) -> None:
    options = JobOptions(height=360)
    board, shots = plan(heard, options, seed, gpu=Gpu(stills=most))
    assert board.stills
    names = [still.id for still in board.stills]
    assert len(set(names)) == len(names) <= most
    assert len(names) >= min(2, len(board.scenes))
    assert list(dict.fromkeys(scene.still for scene in board.scenes)) == names, "in the order of their first scenes"
    assert [shot.scene for shot in shots] == list(board.scenes)
    assert all((still.width, still.height) == (board.width, board.height) for still in board.stills)
    assert plan(heard, options, seed, gpu=Gpu(stills=most))[0] == board


@settings(max_examples=30, deadline=None)
@given(songs(), st.integers(0, 2**32 - 1))
def test_a_video_without_stills_says_nothing_of_them(heard: Analysis, seed: int) -> None:
    bare, _ = plan(heard, JobOptions(height=360), seed)
    assert b"still" not in msgspec.json.encode(bare)
    board, _ = plan(heard, JobOptions(height=360), seed, gpu=Gpu(stills=4))
    scenes = tuple(msgspec.structs.replace(one, still=msgspec.UNSET) for one in board.scenes)
    assert msgspec.structs.replace(board, scenes=scenes, stills=msgspec.UNSET) == bare, "nothing else is changed"


def test_parts_that_sound_alike_share_a_place() -> None:
    board, _ = plan(heard(), JobOptions(), 5, gpu=Gpu(stills=4))
    for group in {one.group for one in board.scenes}:
        assert len({one.still for one in board.scenes if one.group == group}) == 1
    assert len({one.still for one in board.scenes}) == 4


def test_a_small_part_is_the_guest_of_its_like() -> None:
    scenes = [
        at(1, 0, "verse", 0.5, 90),
        at(2, 1, "chorus", 0.9, 90),
        at(3, 2, "verse", 0.85, 10),
        at(4, 3, "outro", 0.8, 10),
    ]
    assert places_of(scenes, 2) == [0, 1, 0, 1]
    assert places_of(scenes, 4) == [0, 1, 2, 3]


def test_a_song_of_one_part_has_a_calm_place_and_a_loud_one() -> None:
    scenes = [at(number, 0, "part", energy) for number, energy in enumerate((0.2, 0.9, 0.3, 0.8), 1)]
    assert places_of(scenes, 4) == [0, 1, 0, 1]
    assert places_of(scenes[:1], 4) == [0]
    assert places_of(scenes, 1) == [0, 0, 0, 0]


def test_prompts_tell_the_wish_the_style_and_the_colours() -> None:
    options = JobOptions(prompt="a fox in the snow", style="photo")
    board, _ = plan(heard(), options, 5, gpu=Gpu(stills=4))
    assert board.stills
    prompts = [still.prompt for still in board.stills]
    assert len(set(prompts)) == 4
    for prompt in prompts:
        assert prompt.startswith("a fox in the snow, ")
        assert "photograph" in prompt
        assert "colours: " in prompt
    assert len({still.seed for still in board.stills}) == 4


def test_without_a_wish_each_place_is_another_one() -> None:
    told = set()
    for seed in range(5):
        board, _ = plan(heard(), JobOptions(title="Harbour"), seed, gpu=Gpu(stills=4))
        assert board.stills
        places = [still.prompt.split(",")[0] for still in board.stills]
        assert len(set(places)) == 4
        assert all("Harbour" in still.prompt for still in board.stills)
        told |= {*places}
    assert len(told) > 4


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#000000", "black"),
        ("#ffffff", "white"),
        ("#808080", "grey"),
        ("#ff0000", "red"),
        ("#0000ff", "blue"),
        ("#00a000", "green"),
        ("#ffa500", "orange"),
        ("#000060", "deep blue"),
        ("#ffff00", "pale yellow"),
    ],
)
def test_colours_have_names(colour: str, name: str) -> None:
    assert colour_name(colour) == name


def pieces(analysis: Analysis, gpu: Gpu, clip_s: float) -> list[int]:
    """In how many pieces each clip is made."""
    _, shots = plan(analysis, JobOptions(), 5, gpu=gpu)
    return [math.ceil((shot.frames - 1) / 30 / clip_s) for shot in shots]


@pytest.mark.parametrize("energy", [0.2, 0.5, 0.9])
def test_scenes_rather_keep_to_what_is_made_in_one_piece(energy: float) -> None:
    calm = song(180.0, steady(96.0, 180.0), energies=[energy] * 180)
    free, kept = pieces(calm, NO_GPU, 5.0), pieces(calm, Gpu(clip_s=5.0), 5.0)
    assert kept.count(1) >= 0.9 * len(kept)
    assert len(kept) <= 1.5 * len(free), "and are not cut to bits for it"


def test_a_section_without_a_beat_to_cut_at_is_still_allowed_to_be_long() -> None:
    cuts = find_cuts(song(60.0, [float(time) for time in range(0, 61, 7)]), Fraction(30), clip_s=5.0)
    assert cuts[-1] == 1800


def test_the_plan_of_a_child_has_them_too_and_another_key() -> None:
    order = Plan(analysis=Blob(sha256="a" * 64, size=1, media_type="x"), options=JobOptions(), seed=5)
    data = plan_json(msgspec.json.encode(heard()), order, None, Gpu(stills=4))
    board = msgspec.json.decode(data, type=dict[str, object])["storyboard"]
    assert len(msgspec.convert(board, Storyboard).stills or ()) == 4
    assert (
        len(
            {
                plan_key("ann", order),
                plan_key("ann", order, Gpu(2)),
                plan_key("ann", order, Gpu(4)),
                plan_key("ann", order, Gpu(4, 5.0)),
            }
        )
        == 4
    )
