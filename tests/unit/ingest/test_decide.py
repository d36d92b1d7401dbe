"""decide: the pipeline, its retries and its ends, case by case."""

from datetime import datetime, timedelta

import msgspec
import pytest

from libs.contracts.facts import Fact, JobCancelled, JobCompleted, JobFailed
from libs.contracts.jobs import State
from libs.contracts.messages import Control
from libs.contracts.tasks import Animate, Compose, Notify, Plan
from services.ingest.apply import apply
from services.ingest.decide import Decision, GiveUp, Order, cancel, decide, notify_again, settle, supersede
from services.ingest.retries import REMAKES
from services.ingest.rules import JITTER, MAX_WAIT, WAITS
from services.ingest.state import RunState
from services.ingest.webhooks import retrying
from tests.storyboards import shot
from tests.unit.ingest.story import NOW, TASKS, blob, broke, done, fact, new_run, result

URL = "https://example.org/hook"


def after(*happened: Fact, callback_url: str = "") -> tuple[RunState, list[Decision]]:
    """The state after these facts, each settled as the ledger does, and what the last one called for."""
    state, decided = settle(new_run(callback_url), NOW)
    for it in happened:
        state, decided = settle(apply(state, it), NOW)
    return state, decided


def orders(decided: list[Decision]) -> list[tuple[str, int]]:
    """Keys and numbers of the tries that were ordered."""
    return [(it.task.task, it.task.attempt) for it in decided if isinstance(it, Order)]


@pytest.mark.parametrize(
    ("happened", "expected"),
    [
        ([], [("analyze", 1), ("mix", 1)]),
        (["analyze"], [("plan", 1)]),
        (["analyze", "plan"], [("animate.s001", 1), ("animate.s002", 1), ("animate.s003", 1)]),
        (["analyze", "plan", "animate.s002"], []),
        (["analyze", "plan", "animate.s002", "animate.s001"], []),
        (["analyze", "plan", "animate.s002", "animate.s001", "animate.s003"], [("compose", 1)]),
        (["analyze", "animate.s001", "animate.s002", "animate.s003", "plan"], [("compose", 1)]),
        (["animate.s002", "analyze", "plan"], [("animate.s001", 1), ("animate.s003", 1)]),
        (list(TASKS), []),
    ],
)
def test_the_pipeline(happened: list[str], expected: list[tuple[str, int]]) -> None:
    assert orders(after(*(done(task) for task in happened))[1]) == expected


def test_the_longest_shot_is_drawn_first() -> None:
    shots = tuple(shot(number, frames) for number, frames in enumerate((30, 90, 60, 90), 1))
    planned = msgspec.structs.replace(result("plan"), shots=shots)
    _, decided = after(done("analyze"), fact("plan", planned))
    assert [key for key, _ in orders(decided)] == ["animate.s002", "animate.s004", "animate.s003", "animate.s001"]


def test_nothing_is_due_twice() -> None:
    state, _ = after(done("analyze"))
    assert decide(state, NOW) == []


def test_tasks_name_their_inputs() -> None:
    _, decided = after(done("analyze"))
    match decided:
        case [Order(task=task)]:
            assert isinstance(task.body, Plan)
            assert (task.body.analysis, task.body.seed, task.owner) == (blob("analysis"), 7, "local")
        case _:
            pytest.fail(str(decided))
    _, decided = after(done("analyze"), done("plan"))
    first = decided[0]
    assert isinstance(first, Order)
    assert isinstance(first.task.body, Animate)
    assert first.task.body.shot.scene.id == "s001"
    assert (first.task.body.fps, first.task.body.width, first.task.body.height) == ("30", 320, 180)
    _, decided = after(*(done(task) for task in reversed(TASKS[2:5])), done("analyze"), done("plan"))
    (last,) = decided
    assert isinstance(last, Order)
    assert isinstance(last.task.body, Compose)
    assert [clip.scene_id for clip in last.task.body.clips] == ["s001", "s002", "s003"]
    usage = {it.stage: it.cpu_seconds for it in last.task.body.usage}
    assert usage["analyzing"] == 0.5


def test_usage_is_the_stages_wall_time_and_all_cpu() -> None:
    state, _ = settle(new_run(), NOW)
    clock = NOW
    decided: list[Decision] = []
    for task in TASKS[:5]:
        clock += timedelta(seconds=10)
        state, decided = settle(apply(state, done(task)), clock)
    (order,) = decided
    assert isinstance(order, Order)
    assert isinstance(order.task.body, Compose)
    measured = {it.stage: (it.wall_seconds, it.cpu_seconds) for it in order.task.body.usage}
    assert measured == {"analyzing": (10.0, 0.5), "planning": (10.0, 0.5), "generating": (30.0, 1.5)}


def test_a_finished_video_completes_the_run() -> None:
    state, decided = after(*(done(task) for task in TASKS))
    (fact_,) = decided
    assert isinstance(fact_, Fact)
    video, report, poster, sheet = (blob(name) for name in ("video", "report", "poster", "sheet"))
    assert fact_.body == JobCompleted(video=video, report=report, poster=poster, sheet=sheet)
    assert (fact_.task, fact_.attempt, fact_.run) == ("", 0, 1)
    assert state.stage is State.COMPLETED


# Retries.


@pytest.mark.parametrize("tried", [1, 2])
def test_a_failed_try_is_followed_by_another_after_a_wait(tried: int) -> None:
    _, decided = after(*(broke("analyze", attempt=number) for number in range(1, tried + 1)))
    (order,) = decided
    assert isinstance(order, Order)
    assert order.task.attempt == tried + 1
    assert WAITS[tried - 1] <= order.wait <= WAITS[tried - 1] * (1 + JITTER)
    assert after(*(broke("analyze", attempt=number) for number in range(1, tried + 1)))[1] == decided


def test_waits_differ_between_tasks() -> None:
    known = (done("analyze"), done("plan"))
    waits = set()
    for task in TASKS[2:5]:
        (order,) = after(*known, broke(task))[1]
        assert isinstance(order, Order)
        waits.add(order.wait)
    assert len(waits) == 3


@pytest.mark.parametrize(("asked", "given"), [(0.0, 0.0), (30.0, 30.0), (-5.0, 0.0), (1e9, MAX_WAIT)])
def test_the_cause_may_ask_for_another_wait(asked: float, given: float) -> None:
    (order,) = after(broke("analyze", retry_after=asked))[1]
    assert isinstance(order, Order)
    assert order.wait == given


@pytest.mark.parametrize(
    "happened",
    [
        [broke("analyze", attempt=number) for number in (1, 2, 3)],
        [broke("analyze", code="not_media", retryable=False)],
        [broke("analyze"), broke("analyze", attempt=2, code="worker_lost", retryable=False)],
    ],
)
def test_a_task_that_cannot_be_tried_again_fails_the_run(happened: list[Fact]) -> None:
    state, decided = after(*happened)
    letter, failed, control = decided
    assert isinstance(letter, GiveUp)
    assert letter.letter.id == f"j1/1/analyze/{len(happened)}"
    assert isinstance(failed, Fact)
    assert isinstance(failed.body, JobFailed)
    assert failed.body.task == "analyze"
    assert failed.body.code == letter.letter.code
    assert control == Control(job_id="j1", ended_run=1, state="failed", at=NOW)
    assert state.stage is State.FAILED
    assert decide(state, NOW) == []


def test_a_dead_letter_holds_no_text() -> None:
    _, decided = after(broke("analyze", code="not_media", retryable=False))
    assert isinstance(decided[0], GiveUp)
    assert "broke" not in repr(decided[0])


def test_a_code_that_nobody_knows_is_unexpected() -> None:
    state, _ = after(broke("analyze", code="made_up", retryable=False))
    assert state.error is not None
    assert state.error.code == "unexpected"


def test_a_late_success_spares_the_retry() -> None:
    state, decided = after(broke("analyze"), done("analyze"))
    assert orders(decided) == [("plan", 1)]
    state, decided = settle(apply(state, broke("analyze", attempt=2)), NOW)
    assert decided == []
    assert state.stage is State.PLANNING


def test_one_failed_shot_leaves_the_others_alone() -> None:
    state, decided = after(done("analyze"), done("plan"), broke("animate.s002"))
    assert orders(decided) == [("animate.s002", 2)]
    assert state.stage is State.GENERATING


def test_after_the_end_failures_call_for_nothing() -> None:
    state, _ = after(done("analyze"), done("plan"), broke("animate.s001", retryable=False))
    _, decided = settle(apply(state, broke("animate.s002", retryable=False)), NOW)
    assert decided == []


# Missing inputs.


def missing(task: str, name: str, attempt: int = 1) -> Fact:
    """That an input was not there."""
    return broke(task, code="input_missing", missing=blob(name).sha256, attempt=attempt)


def test_a_missing_input_is_made_again_then_the_task_is_tried_again() -> None:
    state, decided = after(*(done(task) for task in TASKS[:5]), missing("compose", "clip s002"))
    (order,) = decided
    assert isinstance(order, Order)
    assert (order.task.task, order.task.attempt, order.anew, order.wait) == ("animate.s002", 2, True, 0.0)
    state, decided = settle(apply(state, done("animate.s002", attempt=2, make="x")), NOW)
    (order,) = decided
    assert isinstance(order, Order)
    assert (order.task.task, order.task.attempt, order.wait) == ("compose", 2, 0.0)
    assert isinstance(order.task.body, Compose)
    assert order.task.body.clips[1].blob == blob("clip s002x")
    assert state.stage is State.COMPOSING


def test_all_clips_may_be_missing_one_after_the_other() -> None:
    state, _ = after(*(done(task) for task in TASKS[:5]))
    for number, scene in enumerate(("s001", "s002", "s003"), start=1):
        state, decided = settle(apply(state, missing("compose", f"clip {scene}", attempt=number)), NOW)
        assert orders(decided) == [(f"animate.{scene}", 2)]
        state, decided = settle(apply(state, done(f"animate.{scene}", attempt=2)), NOW)
        assert orders(decided) == [("compose", number + 1)]
    assert state.ending is None


def test_shots_that_missed_the_same_input_wait_for_it_once() -> None:
    state, _ = after(done("analyze"), done("plan"))
    state, decided = settle(apply(state, missing("animate.s001", "analysis")), NOW)
    assert orders(decided) == [("analyze", 2)]
    state, decided = settle(apply(state, missing("animate.s002", "analysis")), NOW)
    assert decided == []
    state, decided = settle(apply(state, done("analyze", attempt=2)), NOW)
    assert orders(decided) == [("animate.s001", 2), ("animate.s002", 2)]
    state, decided = settle(apply(state, missing("animate.s003", "analysis")), NOW)
    assert orders(decided) == [("animate.s003", 2)]
    assert state.stage is State.GENERATING


def test_a_result_that_is_lost_again_and_again_fails_the_run() -> None:
    state, _ = after(*(done(task) for task in TASKS[:5]))
    for number in range(1, REMAKES + 1):
        state, _ = settle(apply(state, missing("compose", "clip s002", attempt=number)), NOW)
        state, _ = settle(apply(state, done("animate.s002", attempt=number + 1)), NOW)
    state, _ = settle(apply(state, missing("compose", "clip s002", attempt=REMAKES + 1)), NOW)
    assert state.stage is State.FAILED
    assert state.error is not None
    assert state.error.code == "input_missing"


def test_a_missing_upload_fails_the_run() -> None:
    state, _ = after(missing("analyze", "song"))
    assert state.error is not None
    assert (state.error.code, state.error.task) == ("input_missing", "analyze")


def test_a_missing_blob_that_nobody_made_is_an_ordinary_failure() -> None:
    _, decided = after(missing("analyze", "who knows"))
    (order,) = decided
    assert isinstance(order, Order)
    assert order.wait >= WAITS[0]


def test_what_is_made_again_has_three_tries_of_its_own() -> None:
    state, _ = after(broke("analyze"), broke("analyze", attempt=2), done("analyze", attempt=3))
    state, decided = settle(apply(state, missing("plan", "analysis")), NOW)
    assert orders(decided) == [("analyze", 4)]
    state, decided = settle(apply(state, broke("analyze", attempt=4)), NOW)
    assert orders(decided) == [("analyze", 5)]
    state, decided = settle(apply(state, broke("analyze", attempt=5)), NOW)
    assert orders(decided) == [("analyze", 6)]
    state, _ = settle(apply(state, broke("analyze", attempt=6)), NOW)
    assert state.stage is State.FAILED


# Ends and webhooks.


def test_cancel_ends_the_run_and_tells_the_workers() -> None:
    state, _ = after(done("analyze"))
    state, decided = settle(state, NOW, cancel(state, NOW, "enough"))
    ended, control = decided
    assert isinstance(ended, Fact)
    assert ended.body == JobCancelled(reason="enough")
    assert control == Control(job_id="j1", ended_run=1, state="cancelled", at=NOW)
    assert state.stage is State.CANCELLED
    assert cancel(state, NOW) == []
    assert settle(apply(state, done("plan")), NOW)[1] == []


def test_a_newer_run_takes_over() -> None:
    state, _ = after()
    assert supersede(state, NOW) == [Control(job_id="j1", ended_run=1, state="superseded", at=NOW)]


@pytest.mark.parametrize(
    ("last", "event", "status", "path", "code"),
    [
        (done("compose"), "job_completed", "completed", "/api/v1/jobs/j1/download", ""),
        (broke("compose", code="timeout", retryable=False), "job_failed", "failed", "", "timeout"),
        (fact("", JobCancelled(), attempt=0), "job_cancelled", "cancelled", "", "job_cancelled"),
    ],
)
def test_whoever_asked_is_told_of_the_end(last: Fact, event: str, status: str, path: str, code: str) -> None:
    _, decided = after(*(done(task) for task in TASKS[:5]), last, callback_url=URL)
    order = decided[-1]
    assert isinstance(order, Order)
    body = order.task.body
    assert isinstance(body, Notify)
    assert (body.event, body.status, body.url, body.video_path, body.error_code) == (event, status, URL, path, code)
    assert body.webhook_id == "msg_j1_1"


def test_a_webhook_is_tried_ten_times_and_never_changes_the_run() -> None:
    state, _ = after(*(done(task) for task in TASKS), callback_url=URL)
    ids = set()
    for number in range(1, retrying.TRIES):
        state, decided = settle(apply(state, broke("notify", attempt=number)), NOW)
        (order,) = decided
        assert isinstance(order, Order)
        assert isinstance(order.task.body, Notify)
        ids.add(order.task.body.webhook_id)
    state, decided = settle(apply(state, broke("notify", attempt=retrying.TRIES)), NOW)
    (letter,) = decided
    assert isinstance(letter, GiveUp)
    assert (letter.letter.kind, letter.letter.attempt) == ("notify", 10)
    assert state.stage is State.COMPLETED
    assert decide(state, NOW) == []
    state, decided = settle(state, NOW, notify_again(state, NOW, "notify"))
    (order,) = decided
    assert isinstance(order, Order)
    assert (order.task.attempt, order.anew) == (11, True)
    assert isinstance(order.task.body, Notify)
    assert ids == {order.task.body.webhook_id}
    state, decided = settle(apply(state, broke("notify", attempt=11)), NOW)
    assert orders(decided) == [("notify", 12)]
    state, decided = settle(apply(state, done("notify", attempt=12)), NOW)
    assert decided == []


def test_a_try_that_found_the_receiver_busy_is_none() -> None:
    state, _ = after(*(done(task) for task in TASKS), callback_url=URL)
    for number in range(1, 30):
        state, decided = settle(
            apply(state, broke("notify", attempt=number, code="receiver_busy", retry_after=10)), NOW
        )
        (order,) = decided
        assert isinstance(order, Order)
        assert 10 <= order.wait <= 20
    state, decided = settle(apply(state, broke("notify", attempt=30)), NOW)
    assert orders(decided) == [("notify", 31)]


def test_who_has_gone_is_not_told_again() -> None:
    state, _ = after(*(done(task) for task in TASKS), callback_url=URL)
    assert notify_again(state, NOW, "notify.e1") == []
    assert notify_again(msgspec.structs.replace(state, targets=()), NOW, "notify") == []


def test_a_receiver_is_told_of_all_that_was_made() -> None:
    _, decided = after(*(done(task) for task in TASKS), callback_url=URL)
    (order,) = (it for it in decided if isinstance(it, Order))
    body = order.task.body
    assert isinstance(body, Notify)
    assert body.video == blob("video")
    assert [(file.path, file.blob) for file in body.videos] == [
        (f"/api/v1/jobs/j1/files/clips/{scene}.mp4", blob(f"clip {scene}")) for scene in ("s001", "s002", "s003")
    ]
    assert [(file.path, file.blob) for file in body.images] == [
        ("/api/v1/jobs/j1/files/poster.jpg", blob("poster")),
        ("/api/v1/jobs/j1/files/sheet.jpg", blob("sheet")),
    ]


def test_nobody_is_told_who_did_not_ask() -> None:
    _, decided = after(*(done(task) for task in TASKS))
    assert orders(decided) == []


def test_a_wrong_kind_of_result_is_none() -> None:
    later: datetime = NOW + timedelta(seconds=1)
    state, _ = settle(apply(after()[0], fact("analyze", result("compose"))), later)
    assert state.stage is State.ANALYZING
