"""Edits of a storyboard: what holds whatever is done to it, and what each one does."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Storyboard
from libs.storyboard.cuts import SLOT, follow_grid, merge, move_cut, reorder, split
from libs.storyboard.rules import check, highest_number, length_of, most_overlap
from libs.storyboard.scene_edit import CameraEdit, SceneEdit, TransitionEdit, edit_scene
from libs.storyboard.shots import make_shots
from libs.storyboard.snap import grid_of
from tests.storyboards import storyboard
from tests.unit.storyboard.boards import FPS, beaten, boards

RATE = Fraction(FPS)
TWO_A_SECOND = grid_of(beaten(200.0), RATE)
LATER = grid_of(beaten(200.0, 120.0, 0.2), RATE)
SLOWER = grid_of(beaten(200.0, 93.0, 0.3), RATE)


def ids(board: Storyboard) -> list[str]:
    return [scene.id for scene in board.scenes]


def spans(board: Storyboard) -> list[tuple[int, int]]:
    return [(scene.start_frame, scene.end_frame) for scene in board.scenes]


def refusal(edit: Callable[[], object]) -> str:
    with pytest.raises(Permanent) as refused:
        edit()
    return refused.value.code


@st.composite
def edits(draw: st.DrawFn) -> Callable[[Storyboard], Storyboard]:
    """One edit of anything, sensible or not."""
    kind = draw(st.sampled_from(["move", "split", "merge", "reorder", "edit", "grid"]))
    number, frame = draw(st.integers(0, 14)), draw(st.integers(-50, 4500))
    scene_id = f"s{number:03d}"
    grid = draw(st.sampled_from([None, TWO_A_SECOND, SLOWER]))
    shuffle = draw(st.randoms(use_true_random=False))
    wish = draw(st.sampled_from([
        SceneEdit(prompt="rain"), SceneEdit(locked=True), SceneEdit(locked=False, seed=9),
        SceneEdit(transition=TransitionEdit(kind="crossfade", frames=10)),
        SceneEdit(transition=TransitionEdit(kind="cut")),
    ]))  # fmt: skip

    def order(board: Storyboard) -> list[str]:
        names = ids(board)
        shuffle.shuffle(names)
        return names

    return {
        "move": lambda board: move_cut(board, scene_id, frame, grid),
        "split": lambda board: split(board, scene_id, frame, grid),
        "merge": lambda board: merge(board, scene_id),
        "reorder": lambda board: reorder(board, order(board)),
        "edit": lambda board: edit_scene(board, scene_id, wish),
        "grid": lambda board: follow_grid(board, TWO_A_SECOND, LATER),
    }[kind]


@settings(max_examples=80, deadline=None)
@given(boards(), st.lists(edits(), max_size=12))
def test_whatever_is_edited_what_must_hold_holds(
    board: Storyboard, wishes: list[Callable[..., Storyboard]]
) -> None:
    seen = set(ids(board))
    for wish in wishes:
        before = board
        try:
            board = wish(before)
        except Permanent as refused:
            assert refused.code in {"bad_edit", "scene_not_found", "scene_locked"}
            continue
        check(board)
        assert sum(length_of(scene) for scene in board.scenes) == board.frames == before.frames
        new = set(ids(board)) - set(ids(before))
        assert not new & seen, "an id came back"
        seen |= new
        assert min(map(length_of, board.scenes)) >= FPS
        for left, right in pairwise(board.scenes):
            assert right.transition.overlap <= most_overlap(left, right)
        kept = set(before.locked or ()) & set(board.locked or ())
        assert [s for s in before.scenes if s.id in kept] == [s for s in board.scenes if s.id in kept]
        assert highest_number(board) >= highest_number(before)
        for shot in make_shots(board.scenes):
            assert shot.scene.start_frame >= shot.lead
            assert shot.scene.start_frame - shot.lead + shot.frames <= board.frames


@settings(max_examples=80, deadline=None)
@given(boards(), st.integers(0, 11), st.integers(0, 4400))
def test_a_moved_cut_changes_its_two_scenes_and_no_other(board: Storyboard, place: int, frame: int) -> None:
    try:
        moved = move_cut(board, f"s{place:03d}", frame, TWO_A_SECOND)
    except Permanent:
        return
    for at, (was, now) in enumerate(zip(board.scenes, moved.scenes, strict=True)):
        if at not in (place - 1, place):
            # Only the fade into the scene after may be shorter than it was.
            assert msgspec.structs.replace(now, transition=was.transition) == was
            assert now.transition == was.transition or at == place + 1
    assert ids(moved) == ids(board)


@settings(max_examples=80, deadline=None)
@given(boards(), st.integers(0, 11), st.integers(0, 4400))
def test_merging_what_was_split_gives_the_scene_back(board: Storyboard, place: int, frame: int) -> None:
    try:
        parted = split(board, f"s{place:03d}", frame, None)
    except Permanent:
        return
    assert len(parted.scenes) == len(board.scenes) + 1
    again = merge(parted, f"s{place:03d}")
    assert spans(again) == spans(board)
    assert ids(again) == ids(board)
    assert again.last_scene == highest_number(board) + 1


def test_a_cut_snaps_to_the_nearest_beat_and_rather_to_a_downbeat() -> None:
    board = storyboard([300, 300], [0, 0])
    # Beats lie at every 15th frame, downbeats at every 60th.
    for wanted, expected in [(301, 300), (292, 300), (280, 285), (291, 300), (289, 285), (307, 300), (312, 315)]:
        assert move_cut(board, "s001", wanted, TWO_A_SECOND).scenes[1].start_frame == expected, wanted
    assert move_cut(board, "s001", 307, None).scenes[1].start_frame == 307


def test_a_cut_stays_where_it_is_put_where_there_are_no_beats() -> None:
    board = storyboard([300, 300], [0, 0])
    assert move_cut(board, "s001", 333, grid_of(beaten(5.0), RATE)).scenes[1].start_frame == 333


def test_a_cut_takes_a_beat_that_leaves_the_shortest_scene() -> None:
    board = storyboard([60, 300], [0, 0])
    assert move_cut(board, "s001", 5, TWO_A_SECOND).scenes[1].start_frame == 30
    assert refusal(lambda: move_cut(board, "s001", 5, None)) == "bad_edit"
    assert refusal(lambda: move_cut(board, "s001", 400, TWO_A_SECOND)) == "bad_edit"
    assert refusal(lambda: move_cut(board, "s000", 5, TWO_A_SECOND)) == "bad_edit"
    assert refusal(lambda: move_cut(board, "s009", 5, TWO_A_SECOND)) == "scene_not_found"


def test_a_fade_is_shortened_with_its_scenes() -> None:
    board = storyboard([300, 300], [0, 60])
    assert move_cut(board, "s001", 60, None).scenes[1].transition.frames == 20
    assert move_cut(board, "s001", 200, None).scenes[1].transition.frames == 60


def test_a_split_scene_shows_the_same_twice() -> None:
    board = split(storyboard([90, 120, 90], [0, 20, 20]), "s001", None, TWO_A_SECOND)
    assert ids(board) == ["s000", "s001", "s003", "s002"]
    assert spans(board)[1:3] == [(90, 150), (150, 210)]
    first, second = board.scenes[1:3]
    assert second.transition.kind == "cut"
    assert (first.prompt, first.seed, first.look) == (second.prompt, second.seed, second.look)
    assert refusal(lambda: split(storyboard([50], [0]), "s000", None, TWO_A_SECOND)) == "bad_edit"


def test_an_id_never_comes_back() -> None:
    board = storyboard([90, 90, 90], [0, 0, 0])
    board = merge(board, "s001")
    assert ids(split(board, "s000", 45, None)) == ["s000", "s003", "s001"]


def test_scenes_change_places_and_cuts_stay() -> None:
    board = edit_scene(storyboard([60, 120, 90], [0, 20, 10]), "s002", SceneEdit(prompt="sea", characters=("ann",)))
    moved = reorder(board, ["s002", "s000", "s001"])
    assert ids(moved) == ["s002", "s000", "s001"]
    assert [[getattr(s, name) for name in SLOT] for s in moved.scenes] == [
        [getattr(s, name) for name in SLOT] for s in board.scenes
    ]
    assert (moved.scenes[0].prompt, moved.scenes[0].characters) == ("sea", ("ann",))
    for order in (["s000", "s001"], ["s000", "s001", "s001"], ["s000", "s001", "s009"]):
        assert refusal(lambda order=order: reorder(board, order)) == "bad_edit"  # type: ignore[misc]


def test_a_locked_scene_refuses() -> None:
    board = edit_scene(storyboard([90, 90, 90], [0, 0, 20]), "s001", SceneEdit(locked=True, prompt="mine"))
    assert board.locked == ("s001",)
    refused: list[Callable[[], object]] = [
        lambda: edit_scene(board, "s001", SceneEdit(prompt="yours")),
        lambda: move_cut(board, "s001", 60, None),
        lambda: move_cut(board, "s002", 200, None),
        lambda: split(board, "s001", None, None),
        lambda: merge(board, "s000"),
        lambda: merge(board, "s001"),
        lambda: reorder(board, ["s001", "s000", "s002"]),
        lambda: edit_scene(board, "s002", SceneEdit(transition=TransitionEdit(kind="crossfade", frames=30))),
    ]
    assert [refusal(edit) for edit in refused] == ["scene_locked"] * len(refused)
    assert ids(reorder(board, ["s002", "s001", "s000"])) == ["s002", "s001", "s000"]
    free = edit_scene(board, "s001", SceneEdit(locked=False, prompt="yours"))
    assert (free.locked, free.scenes[1].prompt) == (UNSET, "yours")


def test_an_edit_changes_what_it_names() -> None:
    board = storyboard([90, 90], [0, 0])
    edit = SceneEdit(prompt="p", look="waves", camera=CameraEdit(amount=0.0), lyrics="line", text="HEY", seed=0)
    (_, scene), (_, was) = edit_scene(board, "s001", edit).scenes, board.scenes
    assert (scene.prompt, scene.look, scene.lyrics, scene.text, scene.seed) == ("p", "waves", "line", "HEY", 0)
    assert (scene.camera.move, scene.camera.amount) == (was.camera.move, 0.0)
    assert (scene.negative_prompt, scene.energy) == (was.negative_prompt, was.energy)
    for bad in (SceneEdit(look="nothing"), SceneEdit(prompt="a\0b"), SceneEdit(text="\x1b[31m")):
        assert refusal(lambda bad=bad: edit_scene(board, "s001", bad)) == "bad_edit"  # type: ignore[misc]


def test_a_fade_is_even_and_fits() -> None:
    board = storyboard([90, 90], [0, 0])
    for frames, fits in [(2, True), (30, True), (3, False), (0, False), (32, False)]:
        wish = SceneEdit(transition=TransitionEdit(kind="crossfade", frames=frames))
        if fits:
            assert edit_scene(board, "s001", wish).scenes[1].transition.frames == frames
        else:
            assert refusal(lambda wish=wish: edit_scene(board, "s001", wish)) == "bad_edit"  # type: ignore[misc]
    assert refusal(
        lambda: edit_scene(board, "s000", SceneEdit(transition=TransitionEdit(kind="crossfade", frames=2)))
    )


def test_a_scene_has_thirty_seconds_at_most() -> None:
    board = storyboard([500, 450, 100], [0, 0, 0])
    assert refusal(lambda: merge(board, "s000")) == "bad_edit"
    assert spans(merge(board, "s001")) == [(0, 500), (500, 1050)]
    assert refusal(lambda: merge(board, "s002")) == "bad_edit"


def test_cuts_follow_the_beats_that_they_lay_on() -> None:
    board = storyboard([90, 95, 85, 90], [0, 0, 0, 0])
    later = grid_of(beaten(200.0, 120.0, 0.1), RATE)
    assert spans(follow_grid(board, TWO_A_SECOND, later))[1:3] == [(93, 185), (185, 273)]
    locked = edit_scene(board, "s003", SceneEdit(locked=True))
    assert spans(follow_grid(locked, TWO_A_SECOND, later))[2:] == spans(board)[2:]
