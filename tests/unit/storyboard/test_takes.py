"""What an edit makes stale: what it touches, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.analysis import Analysis, Word
from libs.contracts.artifacts import Blob
from libs.contracts.storyboard import Camera, Clip, Storyboard
from libs.storyboard.cuts import move_cut, reorder, split
from libs.storyboard.grid import Count, Double, Halve, Shift, Tap, correct
from libs.storyboard.scene_edit import SceneEdit, TransitionEdit, edit_scene
from libs.storyboard.shots import make_shots
from libs.storyboard.takes import Form, Origin, Score, Take, clip_of, reasons, varied
from tests.storyboards import storyboard
from tests.unit.storyboard.boards import FPS, beaten

RATE = Fraction(FPS)
FORM = Form(fps="30", width=320, height=180)
SONG = beaten(40.0)
BOARD = storyboard([150, 150, 150, 150, 150, 150, 150, 150], [0, 0, 20, 0, 0, 0, 0, 0])


def taken(board: Storyboard = BOARD, origin: Origin = "drawn") -> dict[str, Take]:
    """A take of each scene, as it is asked for."""
    return {
        shot.scene.id: Take(
            origin=origin,
            clip=Clip(
                scene_id=shot.scene.id,
                lead=shot.lead,
                frames=shot.frames,
                blob=Blob(sha256=f"{number:064x}", size=9, media_type="video/mp4"),
            ),
            shot=shot,
            form=FORM,
        )
        for number, shot in enumerate(make_shots(board.scenes))
    }


def stale(takes: dict[str, Take], board: Storyboard = BOARD, heard: Analysis = SONG) -> dict[str, tuple[str, ...]]:
    then, now = Score(SONG, RATE), Score(heard, RATE)
    shots = make_shots(board.scenes)
    found = {shot.scene.id: reasons(takes[shot.scene.id], shot, FORM, then, now) for shot in shots}
    return {scene_id: why for scene_id, why in found.items() if why}


def test_nothing_is_stale_as_it_was_made() -> None:
    for origin in ("drawn", "filmed", "own"):
        assert stale(taken(origin=origin)) == {}


def test_an_edited_scene_is_stale_and_no_other() -> None:
    takes = taken()
    assert stale(takes, edit_scene(BOARD, "s003", SceneEdit(prompt="sea"))) == {"s003": ("words",)}
    assert stale(takes, edit_scene(BOARD, "s003", SceneEdit(look="waves"))) == {"s003": ("picture",)}
    assert stale(takes, edit_scene(BOARD, "s003", SceneEdit(seed=77))) == {"s003": ("words", "picture")}
    assert stale(takes, edit_scene(BOARD, "s003", SceneEdit(locked=True, lyrics="none"))) == {}


def test_models_are_told_no_look_and_own_clips_are_told_nothing() -> None:
    board = edit_scene(BOARD, "s003", SceneEdit(look="waves", prompt="sea"))
    assert stale(taken(origin="filmed"), board) == {"s003": ("words",)}
    assert stale(taken(origin="own"), board) == {}


def test_a_moved_cut_makes_the_longer_scene_stale_only() -> None:
    assert stale(taken(), move_cut(BOARD, "s004", 630, None)) == {"s003": ("span",)}
    assert stale(taken(), move_cut(BOARD, "s004", 570, None)) == {"s004": ("span",)}


def test_a_cut_that_moves_within_the_handles_makes_nothing_stale() -> None:
    # The fade into s002 gave both clips ten frames more; as a cut it leaves them free.
    plain = edit_scene(BOARD, "s002", SceneEdit(transition=TransitionEdit(kind="cut")))
    for frame in range(290, 311):
        assert stale(taken(), move_cut(plain, "s002", frame, None)) == {}
    assert stale(taken(), move_cut(plain, "s002", 311, None)) == {"s001": ("span",)}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(-60, 60))
def test_a_clip_stays_where_it_is_in_the_song(place: int, by: int) -> None:
    takes = taken()
    moved = move_cut(BOARD, f"s{place:03d}", 150 * place + by, None)
    for shot in make_shots(moved.scenes):
        take = takes[shot.scene.id]
        clip = clip_of(take, shot, FORM)
        if clip is not None:
            assert shot.scene.start_frame - clip.lead == take.first
            assert clip.lead >= shot.lead
            assert clip.lead - shot.lead + shot.frames <= clip.frames


def test_both_halves_of_a_scene_go_on_with_its_take() -> None:
    board = split(BOARD, "s004", None, None)
    takes = taken()
    takes["s008"] = takes["s004"]
    assert stale(takes, board) == {}
    shots = {shot.scene.id: shot for shot in make_shots(board.scenes)}
    clip = clip_of(takes["s008"], shots["s008"], FORM)
    assert clip is not None
    assert clip.lead == 75


def test_a_correction_touches_the_scenes_in_which_beats_change() -> None:
    cuts = storyboard([150] * 8, [0] * 8)
    takes = taken(cuts)
    tapped = correct(SONG, Tap(times=[10.25 + i / 2 for i in range(29)]))
    assert set(stale(takes, cuts, tapped)) == {"s002", "s003", "s004"}
    assert set(stale(taken(), heard=tapped)) == {"s001", "s002", "s003", "s004"}, "s001 is seen in the fade"
    assert set(stale(takes, cuts, correct(SONG, Double(start=10, end=24.9)))) == {"s002", "s003", "s004"}
    assert set(stale(takes, cuts, correct(SONG, Count(meter=3, start=30)))) == {"s006", "s007"}
    assert len(stale(takes, cuts, correct(SONG, Halve()))) == 8
    assert stale(takes, cuts, correct(SONG, Shift(ms=4))) == {}, "less than a frame"
    assert stale(taken(origin="filmed"), heard=correct(SONG, Halve())) == {}


def test_a_correction_undone_makes_nothing_stale() -> None:
    again = correct(correct(SONG, Shift(ms=100)), Shift(ms=-100))
    assert stale(taken(), heard=again) == {}


def test_words_matter_where_the_picture_shows_them() -> None:
    words = tuple(Word(text=text, start=12 + i, end=12.5 + i, confidence=1) for i, text in enumerate("abc"))
    board = storyboard([150] * 8, [0] * 8)
    plain = msgspec.structs.replace(
        board, scenes=tuple(msgspec.structs.replace(scene, look="waves") for scene in board.scenes)
    )
    sung = edit_scene(plain, "s002", SceneEdit(lyrics="line"))
    lyrics = msgspec.structs.replace(SONG, words=words)
    assert stale(taken(plain), plain, lyrics) == {}
    assert stale(taken(sung), sung, lyrics) == {"s002": ("music",)}


def test_scenes_that_change_places() -> None:
    moved = reorder(BOARD, ["s000", "s001", "s002", "s005", "s004", "s003", "s006", "s007"])
    drawn = stale(taken(), moved)
    assert set(drawn) == {"s003", "s005"}
    assert all("span" in why for why in drawn.values())
    assert stale(taken(origin="filmed"), moved) == {}


def test_a_take_of_another_form_is_of_no_use_and_one_of_another_picture_is_stale() -> None:
    shot, score = make_shots(BOARD.scenes)[0], Score(SONG, RATE)
    drawn, own = taken()["s000"], taken(origin="own")["s000"]
    painted = msgspec.structs.replace(FORM, pictures=("f" * 64,))
    assert reasons(drawn, shot, painted, score, score) == ("form",)
    assert reasons(own, shot, painted, score, score) == ()
    for name, value in {"width": 640, "height": 90, "fps": "25", "preview": True}.items():
        other = msgspec.structs.replace(FORM, **{name: value})
        assert clip_of(drawn, shot, other) is None
        assert reasons(drawn, shot, other, score, score) == ("form", "span")
        assert reasons(own, shot, other, score, score) == ("span",)


def test_what_is_not_known_counts_as_stale() -> None:
    shot, score = make_shots(BOARD.scenes)[0], Score(SONG, RATE)
    for unknown in ({"shot": None}, {"form": None}):
        take = msgspec.structs.replace(taken()["s000"], **unknown)
        assert "picture" in reasons(take, shot, FORM, score, score)
    assert "music" in reasons(taken()["s000"], shot, FORM, None, score)


def test_takes_vary_by_their_seeds_and_all_of_them_are_current() -> None:
    seeds = [varied(7, number) for number in range(20)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 20
    take = taken()["s001"]
    shot, score = make_shots(BOARD.scenes)[1], Score(SONG, RATE)
    asked = msgspec.structs.replace(shot, scene=msgspec.structs.replace(shot.scene, seed=varied(1, 3)))
    assert reasons(msgspec.structs.replace(take, shot=asked), shot, FORM, score, score) == ()
    other = msgspec.structs.replace(shot, scene=msgspec.structs.replace(shot.scene, seed=99))
    assert reasons(take, other, FORM, score, score) == ("words", "picture")


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["camera", "motion", "text", "variant"]), st.integers(0, 7))
def test_every_field_of_the_picture_counts(name: str, place: int) -> None:
    values = {"camera": Camera(move="orbit", amount=0.1), "motion": 0.9, "text": "HEY", "variant": 3}
    scenes = list(BOARD.scenes)
    scenes[place] = msgspec.structs.replace(scenes[place], **{name: values[name]})
    board = msgspec.structs.replace(BOARD, scenes=tuple(scenes))
    assert stale(taken(), board) == {f"s{place:03d}": ("picture",)}
