"""What is true of a prompt."""

from __future__ import annotations

import pytest

from services.generator.comfyui.answers import HistoryEntry, Job, Queue, read_history, read_job
from services.generator.comfyui.errors import ExecutionFailed, Interrupted, OutOfMemory
from services.generator.comfyui.truth import (
    Done,
    Failed,
    Lost,
    Queued,
    Running,
    Sighting,
    Standing,
    Unknown,
    ended,
    standing,
)
from tests.unit.generator.comfyui.captures import captured, only_history

EMPTY = Queue()


def look(
    queue: Queue = EMPTY,
    history: HistoryEntry | None = None,
    job: Job | None = None,
    *,
    same_epoch: bool = True,
    seen_before: bool = True,
    absent_s: float = 0.0,
) -> Standing:
    """What is true of the prompt `p`."""
    sighting = Sighting(queue=queue, history=history, job=job)
    return standing("p", sighting, same_epoch=same_epoch, seen_before=seen_before, absent_s=absent_s)


def test_what_the_history_holds_has_ended_whatever_else_is_said() -> None:
    entry = HistoryEntry(prompt_id="p", status="success")
    assert look(Queue(running=("p",)), entry) == Done(entry)
    assert look(EMPTY, entry, same_epoch=False, absent_s=1000) == Done(entry)


def test_what_the_queue_holds_is_alive_also_after_a_restart() -> None:
    assert look(Queue(running=("p",)), same_epoch=False) == Running()
    assert look(Queue(running=("a",), pending=("b", "p")), absent_s=1000) == Queued(ahead=2)


def test_a_prompt_that_is_nowhere_gets_a_grace() -> None:
    assert look(absent_s=0) == Unknown()
    assert look(absent_s=9.9) == Unknown()
    vanished = look(absent_s=10)
    assert isinstance(vanished, Lost)
    assert vanished.error.reason == "vanished"
    assert not vanished.error.infrastructure


def test_a_prompt_that_never_arrived_is_told_from_one_that_vanished() -> None:
    lost = look(seen_before=False, absent_s=10)
    assert isinstance(lost, Lost)
    assert lost.error.reason == "never_arrived"


def test_a_restart_loses_what_is_nowhere_at_once() -> None:
    lost = look(same_epoch=False)
    assert isinstance(lost, Lost)
    assert lost.error.reason == "restarted"
    assert lost.error.infrastructure


def test_a_neighbour_in_the_queue_proves_nothing() -> None:
    assert look(Queue(running=("q",), pending=("r",))) == Unknown()


def test_a_job_is_as_good_as_queue_and_history() -> None:
    assert look(job=Job("p", "in_progress")) == Running()
    assert look(job=Job("p", "pending")) == Queued(ahead=0)
    done = look(job=read_job(captured("job_video")))
    assert isinstance(done, Done)
    assert done.entry.files("20", (".mp4",))


@pytest.mark.parametrize(
    ("name", "error"),
    [("history_error", ExecutionFailed), ("history_oom", OutOfMemory), ("history_interrupt_by_id", Interrupted)],
)
def test_what_failed_says_why(name: str, error: type[Exception]) -> None:
    prompt_id, body = only_history(name)
    entry = read_history(body, prompt_id)
    assert entry is not None
    failed = ended(entry)
    assert isinstance(failed, Failed)
    assert type(failed.error) is error
    assert "2" in str(failed.error)


def test_an_error_names_the_node_and_what_it_said() -> None:
    prompt_id, body = only_history("history_error")
    entry = read_history(body, prompt_id)
    assert entry is not None
    failed = ended(entry)
    assert isinstance(failed, Failed)
    assert str(failed.error) == "node 2 (MVProbeSampler): RuntimeError: boom in node"
    assert not failed.error.infrastructure
