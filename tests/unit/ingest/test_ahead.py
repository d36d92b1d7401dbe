"""What is ordered ahead of composing: the sound at once, scenes while others are drawn; nobody waits for it."""

from datetime import timedelta

import msgspec
import pytest

from libs.contracts.facts import Fact
from libs.contracts.jobs import JobOptions, State
from libs.contracts.storyboard import Shot
from libs.contracts.tasks import AHEAD, Compose, Conform, Mix, TaskBody
from services.ingest.apply import apply
from services.ingest.decide import Decision, GiveUp, Order, cancel, settle
from services.ingest.state import RunState, kind_of
from tests.storyboards import scene
from tests.unit.ingest.story import NOW, SONG, blob, broke, done, fact, new_run, result


def planned(*overlaps: int, lyrics: str = "captions") -> Fact:
    """A plan of scenes of 30 frames that begin with these crossfades."""
    shots = tuple(
        Shot(
            lead=overlap // 2,
            frames=60,
            scene=msgspec.structs.replace(
                scene(number, 30 * number - 30, 30 * number, overlap),
                lyrics=lyrics,
            ),
        )
        for number, overlap in enumerate(overlaps, start=1)
    )
    return fact("plan", msgspec.structs.replace(result("plan"), shots=shots))


def drawn(number: int, backend: str = "builtin", attempt: int = 1) -> Fact:
    """That a scene has a clip of this backend."""
    task = f"animate.s{number:03d}"
    return fact(task, msgspec.structs.replace(result(task), backend=backend), attempt=attempt)


def play(*happened: Fact, state: RunState | None = None) -> tuple[RunState, list[Decision]]:
    """The state after these facts, and all that was decided."""
    state, decided = settle(state or new_run(), NOW)
    for it in happened:
        state, more = settle(apply(state, it), NOW)
        decided += more
    return state, decided


def bodies(decided: list[Decision]) -> dict[str, TaskBody]:
    """What was ordered, by key; each once."""
    tasks = [it.task for it in decided if isinstance(it, Order)]
    found = {task.task: task.body for task in tasks if task.kind in {*AHEAD, "compose"}}
    assert len(found) == sum(task.kind in {*AHEAD, "compose"} for task in tasks)
    return found


def test_the_soundtrack_is_ordered_with_the_song() -> None:
    _, decided = play()
    assert bodies(decided) == {"mix": Mix(song=SONG, options=new_run().brief.options)}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_crossfade_is_made_as_soon_as_both_its_clips_are_there(order: tuple[int, int]) -> None:
    first, second = order
    state, decided = play(done("analyze"), planned(0, 8, 0), drawn(first))
    assert set(bodies(decided)) == {"mix"}
    state, decided = settle(apply(state, drawn(second)), NOW)
    (body,) = bodies(decided).values()
    assert isinstance(body, Conform)
    assert (body.scene_id, [clip.scene_id for clip in body.clips]) == ("s002", ["s001", "s002"])
    assert (body.analysis, body.storyboard) == (blob("analysis"), blob("board"))
    assert state.stage is State.GENERATING
    _, decided = settle(apply(state, drawn(3)), NOW)
    assert set(bodies(decided)) == {"compose"}


@pytest.mark.parametrize(
    ("lyrics", "backend", "given", "captions", "expected"),
    [
        ("captions", "builtin", False, True, set()),
        ("captions", "builtin", True, True, {"conform.s001", "conform.s002"}),
        ("captions", "builtin", True, False, set()),
        ("line", "builtin", True, True, set()),
        ("none", "comfyui", False, True, set()),
        ("none", "another", False, True, {"conform.s001", "conform.s002"}),
    ],
)
def test_only_scenes_that_may_need_it_are_conformed(
    lyrics: str, backend: str, given: bool, captions: bool, expected: set[str]
) -> None:
    brief = msgspec.structs.replace(
        new_run().brief, lyrics=blob("lyrics") if given else None, options=JobOptions(seed=7, captions=captions)
    )
    run = msgspec.structs.replace(new_run(), brief=brief)
    happened = [done("analyze"), planned(0, 0, 0, lyrics=lyrics), drawn(1, backend), drawn(2, backend)]
    _, decided = play(*happened, state=run)
    assert set(bodies(decided)) == {"mix"} | expected


def test_all_but_what_needs_the_last_clip_is_ordered_before_it_comes() -> None:
    state, decided = play(done("analyze"), planned(0, 8, 8, 8, 8), *(drawn(number) for number in (1, 2, 4, 5)))
    assert set(bodies(decided)) == {"mix", "conform.s002", "conform.s005"}
    state, decided = settle(apply(state, drawn(3)), NOW)
    assert set(bodies(decided)) == {"compose"}, "compose makes the rest, and waits for nobody"
    assert state.stage is State.COMPOSING


@pytest.mark.parametrize("retryable", [True, False])
@pytest.mark.parametrize("task", ["mix", "conform.s002"])
def test_what_fails_ahead_is_left_to_compose(task: str, retryable: bool) -> None:
    happened = [done("analyze"), planned(0, 8, 0), drawn(1), drawn(2)]
    state, _ = play(*happened)
    state, decided = settle(apply(state, broke(task, retryable=retryable)), NOW)
    assert decided == []
    assert state.ending is None
    _, decided = settle(apply(state, drawn(3)), NOW)
    assert set(bodies(decided)) == {"compose"}
    assert not [it for it in decided if isinstance(it, GiveUp)]


def test_an_answer_that_comes_late_or_twice_changes_nothing() -> None:
    state, _ = play(done("analyze"), planned(0, 8), drawn(1), done("conform.s002"), drawn(2), done("mix"))
    for late in (done("conform.s002"), done("mix"), broke("mix", attempt=1)):
        state, decided = settle(apply(state, late), NOW)
        assert decided == []
    assert state.stage is State.COMPOSING


def test_a_clip_that_conforming_missed_is_made_again_for_compose() -> None:
    gone = blob("clip s001").sha256
    state, _ = play(done("analyze"), planned(0, 8, 0), drawn(1), drawn(2))
    state, decided = settle(apply(state, broke("conform.s002", code="input_missing", missing=gone)), NOW)
    assert decided == []
    state, _ = settle(apply(state, drawn(3)), NOW)
    state, decided = settle(apply(state, broke("compose", code="input_missing", missing=gone)), NOW)
    assert [it.task.task for it in decided if isinstance(it, Order)] == ["animate.s001"]
    _, decided = settle(apply(state, drawn(1, attempt=2)), NOW)
    assert set(bodies(decided)) == {"compose"}


def test_a_cancelled_run_orders_nothing_more() -> None:
    state, _ = play(done("analyze"), planned(0, 8, 0), drawn(1))
    state, _ = settle(state, NOW, cancel(state, NOW))
    _, decided = settle(apply(state, drawn(2)), NOW)
    assert decided == []


def test_what_was_done_ahead_is_charged_to_composing() -> None:
    later = NOW + timedelta(seconds=10)
    state, _ = play(done("analyze"), planned(0, 8, 0), drawn(1), drawn(2), done("mix"), broke("conform.s002"))
    _, decided = settle(apply(state, drawn(3)), later)
    (order,) = decided
    assert isinstance(order, Order)
    assert isinstance(order.task.body, Compose)
    usage = {it.stage: (it.wall_seconds, it.cpu_seconds) for it in order.task.body.usage}
    assert usage == {"analyzing": (0, 0.5), "planning": (0, 0.5), "generating": (10, 1.5), "composing": (0, 1.0)}


def test_every_kind_ahead_belongs_to_no_stage_of_its_own() -> None:
    state, _ = play(done("analyze"), planned(0, 8, 0), drawn(1), drawn(2))
    assert {kind_of(key) for key in state.tasks} >= AHEAD
    assert list(state.entered) == [State.ANALYZING, State.PLANNING, State.GENERATING]
