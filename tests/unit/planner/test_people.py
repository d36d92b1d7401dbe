"""Characters, performances and the length of scenes: what a project wishes of its plan."""

from __future__ import annotations

import itertools
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis
from libs.contracts.artifacts import Blob
from libs.contracts.characters import Bible, Character
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Plan
from libs.storyboard.people import MOST_WORDS, directed, lead_of, words_of
from libs.storyboard.shots import make_shots
from services.planner.cuts import find_cuts
from services.planner.handlers import plan_key
from services.planner.plan import Gpu, plan
from tests.unit.planner.songs import song, songs, steady
from tests.unit.planner.test_stills import heard

MARA = Character(
    id="c1",
    name="Mara",
    description="a young woman",
    bible=Bible(face="freckles", wardrobe_lock="a yellow raincoat", dos=("smiles.",), donts=("hats",)),
    primary=True,
)
TOM = Character(id="c2", name="Tom")


def test_a_character_is_said_as_its_bible_says() -> None:
    assert words_of(MARA) == "Mara, a young woman, freckles, wearing a yellow raincoat, smiles"
    assert words_of(TOM) == "Tom"


def test_without_characters_and_wishes_nothing_is_different() -> None:
    board, shots = plan(heard(), JobOptions(), 5)
    assert all(not scene.characters and not scene.performance for scene in board.scenes)
    assert [shot.scene for shot in shots] == list(board.scenes)


def test_shots_speak_of_who_is_seen_and_the_storyboard_does_not() -> None:
    board, shots = plan(heard(), JobOptions(), 5, characters=(MARA, TOM))
    for shot, scene in zip(shots, board.scenes, strict=True):
        assert shot.scene.characters == scene.characters
        assert "Mara" not in scene.prompt
        assert ("a yellow raincoat" in shot.scene.prompt) == (lead_of(scene) == "c1")
        assert shot.scene.negative_prompt.startswith("hats") == (lead_of(scene) == "c1")
    seen = {lead_of(scene) for scene in board.scenes}
    assert seen == {"", "c1", "c2"}


@pytest.mark.parametrize("density", [0.0, 0.25, 0.5, 1.0])
def test_the_loudest_scenes_are_performed(density: float) -> None:
    options = JobOptions(performance_density=density)
    board, shots = plan(heard(), options, 5, characters=(MARA,))
    performed = [scene for scene in board.scenes if scene.performance]
    assert len(performed) == round(density * len(board.scenes))
    quietest = min((scene.energy for scene in performed), default=1.0)
    assert all(scene.energy <= quietest or scene.performance for scene in board.scenes)
    assert all(scene.characters == ("c1",) for scene in performed)
    assert all(("singing to the camera" in shot.scene.prompt) == bool(shot.scene.performance) for shot in shots)


def test_somebody_sings_where_nobody_is_named() -> None:
    _, shots = plan(heard(), JobOptions(performance_density=1.0), 5)
    assert all(shot.scene.prompt.startswith("a singer, singing to the camera, ") for shot in shots)


@settings(max_examples=30, deadline=None)
@given(songs(), st.integers(2, 4), st.integers(0, 3))
def test_stills_are_few_and_show_who_is_seen(analysis: Analysis, most: int, people: int) -> None:
    characters = [Character(id=f"c{number}", name=f"N{number}") for number in range(people)]
    board, _ = plan(analysis, JobOptions(height=360), 5, gpu=Gpu(stills=most), characters=characters)
    stills = {still.id: still for still in board.stills or ()}
    assert 0 < len(stills) <= most
    assert {scene.still for scene in board.scenes} == set(stills)
    for still in stills.values():
        assert bool(still.character) == any(f"N{number}" in still.prompt for number in range(people))
    leads = {lead_of(scene) for scene in board.scenes}
    if len(leads) <= most:
        assert {still.character or "" for still in stills.values()} == leads, "everybody has a still"
        assert all((stills[scene.still or ""].character or "") == lead_of(scene) for scene in board.scenes)


@pytest.mark.parametrize("seconds", [4, 8, 12])
def test_scenes_have_the_length_that_was_asked_for(seconds: int) -> None:
    cuts = find_cuts(song(120.0, steady(120.0, 120.0)), Fraction(30), scene_s=seconds)
    lengths = [(after - before) / 30 for before, after in itertools.pairwise(cuts)]
    middle = sorted(lengths)[len(lengths) // 2]
    assert abs(middle - seconds) <= 1.0
    assert max(lengths) <= max(12.0, 1.35 * seconds)


def test_wishes_are_part_of_the_key() -> None:
    order = Plan(analysis=Blob(sha256="a" * 64, size=1, media_type="x"), options=JobOptions(), seed=5)
    others = [
        msgspec.structs.replace(order, characters=(MARA,)),
        msgspec.structs.replace(order, characters=(TOM,)),
        msgspec.structs.replace(order, options=JobOptions(clip_seconds=8)),
        msgspec.structs.replace(order, options=JobOptions(performance_density=0.5)),
    ]
    assert len({plan_key("ann", each) for each in [order, *others]}) == 5


@pytest.mark.parametrize("letter", ["wor d", "字"])
def test_prompts_stay_short_however_much_is_said_of_people(letter: str) -> None:
    most = (letter * 500)[:500]
    bible = Bible(face=most, signature=most, wardrobe_lock=most, dos=(most,) * 20, donts=(most,) * 20)
    people = tuple(Character(id=f"c{n}", name=f"Name{n}", description=most, bible=bible) for n in range(8))
    board, _ = plan(heard(), JobOptions(), 5)
    scene = msgspec.structs.replace(board.scenes[0], characters=tuple(one.id for one in people), prompt="rain")
    (shot,) = make_shots((scene,))
    said = directed(shot, people).scene
    assert all(one.name in said.prompt for one in people)
    assert said.prompt.endswith(", rain")
    assert max(len(said.prompt), len(said.negative_prompt) - len(scene.negative_prompt)) < MOST_WORDS + 100
