"""Stills: all at once after the plan, each before the shots that name it, and never in a video's way."""

import msgspec
import pytest

from libs.contracts.facts import Fact, JobFailed, TakeRendered
from libs.contracts.jobs import JobOptions, State
from libs.contracts.tasks import Animate, Imagine, Task
from services.ingest.apply import apply
from services.ingest.decide import Decision, GiveUp, Order, settle
from services.ingest.state import RunState
from tests.unit.ingest.story import NOW, blob, broke, done, fact, new_run, result, still, with_stills

IMAGE = blob("picture")


def new_gpu_run(*, preview: bool = False, fill: bool = True) -> RunState:
    """A run with a theme picture."""
    run = new_run()
    brief = msgspec.structs.replace(run.brief, image=IMAGE, options=JobOptions(seed=7, preview=preview, fill=fill))
    return msgspec.structs.replace(run, brief=brief)


def play(*happened: Fact, run: RunState | None = None) -> tuple[RunState, list[Decision]]:
    """The state after these facts, and what the last one called for."""
    state, decided = settle(run or new_gpu_run(), NOW)
    for it in happened:
        state, decided = settle(apply(state, it), NOW)
    return state, decided


def ordered(decided: list[Decision]) -> dict[str, Task]:
    """What was ordered, by key."""
    return {it.task.task: it.task for it in decided if isinstance(it, Order)}


def still_of(task: Task) -> object:
    """What the clip is to begin with."""
    assert isinstance(task.body, Animate)
    return task.body.still


def test_all_stills_are_ordered_at_once_and_shots_wait_for_their_own() -> None:
    state, decided = play(done("analyze"), with_stills("p1", "p2", "", "p1"))
    tasks = ordered(decided)
    assert list(tasks) == ["imagine.p1", "imagine.p2", "animate.s003"]
    assert tasks["imagine.p1"].body == Imagine(still=still("p1"), image=IMAGE)
    assert state.stage is State.GENERATING
    state, decided = settle(apply(state, done("imagine.p1")), NOW)
    assert list(ordered(decided)) == ["animate.s001", "animate.s004"]
    assert [still_of(task) for task in ordered(decided).values()] == [blob("still p1")] * 2
    _, decided = settle(apply(state, done("imagine.p1")), NOW)
    assert decided == [], "a fact that comes twice orders nothing"


def test_a_still_may_be_there_before_the_plan_is_known() -> None:
    _, decided = play(done("imagine.p1"), done("analyze"), with_stills("p1", "p2"))
    assert list(ordered(decided)) == ["imagine.p2", "animate.s001"]


def test_a_still_is_tried_again() -> None:
    state, decided = play(done("analyze"), with_stills("p1"), broke("imagine.p1"))
    (order,) = decided
    assert isinstance(order, Order)
    assert (order.task.task, order.task.attempt) == ("imagine.p1", 2)
    assert order.wait > 0
    _, decided = settle(apply(state, done("imagine.p1", attempt=2)), NOW)
    assert list(ordered(decided)) == ["animate.s001"]


def given_up(name: str = "p1") -> list[Fact]:
    """That a still can't be made."""
    return [broke(f"imagine.{name}", code="workflow_missing_model", retryable=False)]


@pytest.mark.parametrize("failures", [given_up(), [broke("imagine.p1", attempt=number) for number in (1, 2, 3)]])
def test_a_still_that_cannot_be_made_fails_nothing(failures: list[Fact]) -> None:
    state, decided = play(done("analyze"), with_stills("p1", "p2", "p1"), *failures)
    assert [it.letter.task for it in decided if isinstance(it, GiveUp)] == ["imagine.p1"]
    assert list(ordered(decided)) == ["animate.s001", "animate.s003"]
    assert [still_of(task) for task in ordered(decided).values()] == [None, None]
    assert state.ending is None
    _, decided = settle(apply(state, failures[-1]), NOW)
    assert decided == []


def test_a_late_success_is_used_by_later_tries() -> None:
    state, _ = play(done("analyze"), with_stills("p1"), *given_up(), done("imagine.p1"))
    assert state.ending is None
    _, decided = settle(apply(state, broke("animate.s001")), NOW)
    assert still_of(ordered(decided)["animate.s001"]) == blob("still p1")


def test_a_lost_still_is_made_again_before_its_shot() -> None:
    lost = broke("animate.s001", code="input_missing", missing=blob("still p1").sha256)
    state, decided = play(done("analyze"), with_stills("p1", "p1"), done("imagine.p1"), lost)
    assert [(key, task.attempt) for key, task in ordered(decided).items()] == [("imagine.p1", 2)]
    state, decided = settle(apply(state, done("imagine.p1", attempt=2, make=" anew")), NOW)
    assert [(key, task.attempt) for key, task in ordered(decided).items()] == [("animate.s001", 2)]
    assert still_of(ordered(decided)["animate.s001"]) == blob("still p1 anew")


def test_a_lost_still_that_cannot_be_made_again_is_done_without() -> None:
    lost = broke("animate.s001", code="input_missing", missing=blob("still p1").sha256)
    gone = broke("imagine.p1", attempt=2, code="gpu_failed", retryable=False)
    _, decided = play(done("analyze"), with_stills("p1"), done("imagine.p1"), lost, gone)
    assert still_of(ordered(decided)["animate.s001"]) is None


def test_a_preview_needs_no_stills() -> None:
    _, decided = play(done("analyze"), with_stills("p1", "p2"), run=new_gpu_run(preview=True))
    assert list(ordered(decided)) == ["animate.s001", "animate.s002"]


def test_a_still_that_no_plan_holds_is_not_waited_for() -> None:
    board = with_stills("p1", "p2")
    body = msgspec.structs.replace(board.body, stills=())
    _, decided = play(done("analyze"), msgspec.structs.replace(board, body=body))
    assert list(ordered(decided)) == ["animate.s001", "animate.s002"]


def test_whether_scenes_may_be_filled_is_told_to_the_generator() -> None:
    for fill in (True, False):
        _, decided = play(done("analyze"), with_stills(""), run=new_gpu_run(fill=fill))
        (task,) = ordered(decided).values()
        assert isinstance(task.body, Animate)
        assert task.body.fill is fill


# Scenes that had to be filled.


def take(number: int, *, filled: bool) -> Fact:
    """That a scene has a clip: as it was wanted, or drawn in its place."""
    key = f"animate.s{number:03d}"
    made = result(key)
    assert isinstance(made, TakeRendered)
    backend = "builtin" if filled else "comfyui"
    return fact(key, msgspec.structs.replace(made, backend=backend, fallback=filled))


@pytest.mark.parametrize(
    ("fills", "ends"),
    [
        ([False] * 5, False),
        ([False, True, False, True, False], False),
        ([True, True, True, False, False], True),
        ([False, False, False], False),
        ([False, False, True], True),
        ([True], True),
    ],
)
def test_a_video_needs_three_scenes_as_they_were_wanted(fills: list[bool], ends: bool) -> None:
    takes = [take(number, filled=filled) for number, filled in enumerate(fills, 1)]
    state, _ = play(done("analyze"), with_stills(*[""] * len(fills)), *takes)
    if ends:
        assert state.stage is State.FAILED
        assert isinstance(state.error, JobFailed)
        assert state.error.code == "too_few_scenes"
    else:
        assert state.stage is State.COMPOSING


def test_too_many_filled_scenes_end_the_job_before_the_rest_is_made() -> None:
    board = with_stills("", "", "", "")
    state, _ = play(done("analyze"), board, take(1, filled=True))
    assert state.ending is None
    state, _ = settle(apply(state, take(4, filled=True)), NOW)
    assert state.stage is State.FAILED


def test_what_is_drawn_by_choice_is_as_it_was_wanted() -> None:
    state, _ = play(done("analyze"), done("plan"), *(done(f"animate.s{number:03d}") for number in (1, 2, 3)))
    assert state.stage is State.COMPOSING
