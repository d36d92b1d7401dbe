"""The direction of narrated videos: scenes between pauses, pictures that follow from what is told."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.characters import Character
from libs.contracts.jobs import JobOptions
from libs.contracts.looks import looks_by_name
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Storyboard
from libs.media.frames import frame_at
from libs.storyboard.rules import check
from services.planner.narrated import direct
from services.planner.parts import LONGEST_S, parts_of
from services.planner.plan import Gpu
from services.planner.themes import told_looks
from tests.unit.planner.narrations import KINDS, SEA, told
from tests.unit.planner.songs import PORTRAIT, song, steady

OPTIONS = JobOptions(height=360)
TITLED = JobOptions(height=360, title="The deep")


def speaks(narration: Narration, frame: int) -> bool:
    """Whether a sentence is heard at the beginning of a frame."""
    second = frame / Fraction(narration.fps)
    starts = [(one.start_frame / Fraction(narration.fps), one.speech_s) for one in narration.sentences]
    return any(start < second < start + Fraction(speech) for start, speech in starts)


def inks(board: Storyboard) -> set[frozenset[str]]:
    """The colours of each scene."""
    return {frozenset(msgspec.structs.astuple(scene.palette)) for scene in board.scenes}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fps", ["30", "24000/1001", "25/2"])
@pytest.mark.parametrize("title", [True, False])
@pytest.mark.parametrize("bpm", [0.0, 97.0])
def test_scenes_meet_in_pauses_and_add_up(kind: str, fps: str, title: bool, bpm: float) -> None:
    narration = told(KINDS[kind], fps=fps, title=title)
    bed = song(30.0, steady(bpm, 60.0)) if bpm else None
    board, shots, notices = direct(narration, TITLED if title else OPTIONS, 5, bed=bed)
    check(board)
    assert (board.frames, board.fps, notices) == (narration.frames, fps, ())
    assert not any(speaks(narration, scene.start_frame) for scene in board.scenes)
    assert [scene.id for scene in board.scenes] == [f"s{number:03d}" for number in range(1, len(board.scenes) + 1)]
    for shot, after in zip(shots, [*board.scenes[1:], None], strict=True):
        scene = shot.scene
        before, behind = scene.transition.overlap // 2, after.transition.overlap // 2 if after else 0
        assert shot.lead >= before
        assert shot.frames - shot.lead - (scene.end_frame - scene.start_frame) >= behind
    crossfades = {scene.group for scene in board.scenes if scene.transition.overlap}
    assert crossfades <= {scene.group for scene in board.scenes if title or scene.group}


@pytest.mark.parametrize("kind", KINDS)
def test_neighbours_differ_and_all_belong_together(kind: str) -> None:
    for seed in range(6):
        board = direct(told(KINDS[kind], title=True), TITLED, seed).storyboard
        assert all(left.look != right.look for left, right in pairwise(board.scenes))
        assert len(inks(board)) == 1
        assert len({scene.motif for scene in board.scenes}) == 1
        needs = {need for scene in board.scenes[1:] for need in looks_by_name()[scene.look].needs}
        assert not needs, "no picture, and no words but the captions"
        assert {scene.lyrics for scene in board.scenes[1:]} == {"captions"}


def test_the_title_stands_before_the_first_word() -> None:
    board, shots, _ = direct(told(SEA, title=True), TITLED, 5)
    first, second = board.scenes[:2]
    assert (first.look, first.text, first.lyrics, first.start_frame) == ("title", "The deep", "none", 0)
    assert 55 < second.start_frame < 72
    assert second.transition.kind == "crossfade"
    assert {scene.text for scene in board.scenes[1:]} == {""}
    assert shots[0].frames == second.start_frame + second.transition.overlap // 2
    assert direct(told(SEA, title=True), TITLED, 5, PORTRAIT).storyboard.scenes[0].look == "print"
    assert "title" not in {scene.look for scene in direct(told(SEA), OPTIONS, 5).storyboard.scenes}


def test_a_picture_is_seen_in_about_half_of_the_scenes() -> None:
    shown = [
        bool({"picture", "subject"} & {*looks_by_name()[scene.look].needs})
        for seed in range(12)
        for scene in direct(told(SEA), OPTIONS, seed, PORTRAIT).storyboard.scenes
    ]
    assert 0.4 < sum(shown) / len(shown) < 0.8


def test_cuts_lie_on_the_beat_in_the_middle_of_a_pause() -> None:
    narration = told(SEA)
    bed = song(30.0, [0.11 * number for number in range(400)])
    beats = {frame_at(beat.time, Fraction(30)) for beat in bed.beats}
    with_bed, shots, _ = direct(narration, OPTIONS, 5, bed=bed)
    plain = direct(narration, OPTIONS, 5).storyboard
    assert {scene.start_frame for scene in with_bed.scenes} <= beats | {0}
    assert any(scene.start_frame not in beats for scene in plain.scenes)
    late = msgspec.structs.replace(
        bed, beats=tuple(msgspec.structs.replace(beat, time=beat.time + 0.05) for beat in bed.beats)
    )
    moved, again, _ = direct(narration, OPTIONS, 5, bed=late)
    assert [scene.start_frame for scene in moved.scenes] != [scene.start_frame for scene in with_bed.scenes]
    spans = [[(shot.scene.start_frame - shot.lead, shot.frames) for shot in each] for each in (shots, again)]
    assert spans[0] == spans[1], "the clips are long enough for any beat"


def test_prompts_go_to_the_scenes_in_order_and_the_rest_is_made_of_what_is_told() -> None:
    narration = told(SEA, title=True)
    options = msgspec.structs.replace(TITLED, prompt="in watercolour")
    board = direct(narration, options, 5, prompts=["a blue planet", " ", "two divers"]).storyboard
    prompts = [scene.prompt for scene in board.scenes]
    assert prompts[1] == "a blue planet, in watercolour"
    assert prompts[2].startswith("Most of it has never been seen by anyone, in watercolour, ")
    assert prompts[3] == "two divers, in watercolour"
    assert all("in watercolour" in prompt for prompt in prompts)
    assert all(scene.negative_prompt for scene in board.scenes)
    many = direct(narration, options, 5, prompts=["one"] * 40)
    assert [notice.code for notice in many.notices] == ["prompts_unused"]
    assert str(40 - (len(board.scenes) - 1)) in many.notices[0].message


def test_what_is_asked_of_songs_changes_nothing() -> None:
    narration = told(SEA)
    wishes = msgspec.structs.replace(OPTIONS, clip_seconds=12, performance_density=1.0)
    assert direct(narration, wishes, 5) == direct(narration, OPTIONS, 5)
    assert {scene.lyrics for scene in direct(narration, JobOptions(captions=False), 5).storyboard.scenes} == {
        "none"
    }


def test_styles() -> None:
    narration = told(SEA)
    land = direct(narration, msgspec.structs.replace(OPTIONS, style="land"), 5).storyboard
    assert {looks_by_name()[scene.look].family for scene in land.scenes} == {"land"}
    slam = direct(narration, msgspec.structs.replace(OPTIONS, style="slam"), 5).storyboard
    assert {(scene.look, scene.lyrics) for scene in slam.scenes} == {("slam", "none")}
    assert all(left.palette != right.palette for left, right in pairwise(slam.scenes)), "or no cut were seen"
    wall = direct(narration, msgspec.structs.replace(OPTIONS, style="wall"), 5).storyboard
    assert all(0 < len(scene.text) <= 18 for scene in wall.scenes)


LONG = (
    "When the last of the ships had gone, and the harbour lay empty under a sky that promised neither rain nor "
    "sun, the old keeper climbed the stairs of the tower once more, counted them as he had done for forty years, "
    "and lit the lamp for nobody, because a lamp that is not lit is only a piece of glass."
)


def test_a_long_sentence_is_cut_where_its_words_leave_a_gap() -> None:
    narration = told(((LONG, "He slept well."),))
    assert narration.sentences[0].frames > 12 * 30
    board = direct(narration, OPTIONS, 5).storyboard
    assert len(board.scenes) >= 3
    assert all(30 * 2 < scene.end_frame - scene.start_frame <= 30 * LONGEST_S for scene in board.scenes)
    parts = parts_of(narration)
    assert " ".join(part.text for part in parts) == f"{LONG} He slept well."
    assert all(part.text.endswith((",", ".")) for part in parts)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 70), min_size=1, max_size=6), min_size=1, max_size=4),
    st.sampled_from(["30", "25", "24000/1001", "60", "10"]),
    st.booleans(),
    st.floats(0.5, 2.0),
)
def test_any_narration_becomes_scenes(counts: list[list[int]], fps: str, title: bool, pace: float) -> None:
    paragraphs = [[" ".join(["telling"] * count) for count in paragraph] for paragraph in counts]
    narration = told(paragraphs, fps=fps, title=title, pace=pace)
    board, shots, _ = direct(narration, TITLED, 1)
    check(board)
    assert len(shots) == len(board.scenes) == len(parts_of(narration)) + title
    longest = max(scene.end_frame - scene.start_frame for scene in board.scenes)
    assert longest <= (LONGEST_S + 1.0) * Fraction(fps)


def test_looks_show_what_is_told() -> None:
    assert {"waves", "ink"} <= told_looks("The SEA, at dawn.").keys()
    assert "waves" in told_looks("海はとても広いです。")
    assert "hills" in told_looks("Der Wald schweigt.")
    assert told_looks("zzz 123 \u2603") == {}
    sea = [
        scene.look
        for seed in range(40)
        for scene in direct(
            told((("The sea and the river carry the ship home in the rain tonight.",),)), OPTIONS, seed
        ).storyboard.scenes
    ]
    assert sum(look in {"waves", "ink", "ribbons"} for look in sea) > 0.5 * len(sea)


def test_who_is_named_is_seen() -> None:
    mara, tom = Character(id="c1", name="Mara"), Character(id="c2", name="Tom", primary=True)
    narration = told(
        (("Tomorrow Mara will sail around the island alone.", "Old Tom looks after her for a long time."),)
    )
    board, shots, _ = direct(narration, OPTIONS, 5, characters=(mara, tom))
    assert [scene.characters for scene in board.scenes] == [("c1",), ("c2",)]
    assert shots[1].scene.prompt.startswith("Tom, ")
    assert not any(scene.performance for scene in board.scenes)
    many = direct(told(SEA, title=True), TITLED, 5, characters=(mara, tom)).storyboard
    assert not many.scenes[0].characters
    assert 0 < sum(bool(scene.characters) for scene in many.scenes) < len(many.scenes)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_every_scene_that_tells_has_a_still_which_no_edit_changes(most: int) -> None:
    characters = tuple(Character(id=f"c{number}", name=f"Person {number}") for number in range(2))
    board = direct(told(SEA, title=True), TITLED, 5, gpu=Gpu(stills=most), characters=characters).storyboard
    assert board.stills
    assert len(board.stills) <= most
    known = {still.id: still for still in board.stills}
    assert not board.scenes[0].still
    for scene in board.scenes[1:]:
        still = known[str(scene.still)]
        if still.character:
            assert scene.characters == (still.character,)
    fewer = direct(told(SEA[1:], title=True), TITLED, 5, gpu=Gpu(stills=most), characters=characters).storyboard
    assert fewer.stills
    assert {still.id: still for still in fewer.stills}.items() <= known.items()
