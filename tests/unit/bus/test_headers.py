"""Headers say whose work a message is."""

from __future__ import annotations

import pytest

from libs.bus import headers as head
from libs.bus.connection import backoff
from libs.bus.consumer import retry_after
from libs.bus.topology import Topology, consumers, streams
from libs.contracts import subjects
from libs.contracts.tasks import TASK_KINDS

ORIGIN = head.Origin(job_id="j1", run=2, task="animate.s003", attempt=1)


def test_what_is_written_is_read() -> None:
    written = head.write("j1/2/animate.s003/1", ORIGIN)
    assert written[head.MESSAGE_ID] == "j1/2/animate.s003/1"
    assert head.read(written) == ORIGIN


def test_without_an_origin_only_the_identity_is_written() -> None:
    assert head.write("x", None) == {head.MESSAGE_ID: "x"}


@pytest.mark.parametrize(
    "change",
    [
        {subjects.HEADER_JOB: ""},
        {subjects.HEADER_RUN: "two"},
        {subjects.HEADER_TASK: ""},
        {subjects.HEADER_ATTEMPT: ""},
    ],
)
def test_headers_that_name_nobody(change: dict[str, str]) -> None:
    assert head.read({**head.write("x", ORIGIN), **change}) is None


def test_no_headers() -> None:
    assert head.read(None) is None
    assert head.read({}) is None


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        ("beatloom.task.compose.high", "compose"),
        ("beatloom.task.compose", "unknown"),
        ("other.task.compose.high", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_kind_in_a_subject(subject: str, kind: str) -> None:
    assert head.kind_of_subject(subject) == kind


def test_waits_grow_and_stay_bounded() -> None:
    assert [backoff(n) for n in (0, 1, 2, 3, 50)] == [0.1, 0.1, 0.2, 0.4, 3.0]
    assert [retry_after(n) for n in (0, 1, 2, 3, 10**6)] == [0.25, 0.25, 0.5, 1.0, 10.0]


def test_every_kind_has_a_consumer_for_each_priority_and_none_overlap() -> None:
    table = consumers(Topology())
    filters = [config.filter_subject for stream, config in table if stream == subjects.TASKS]
    assert len(filters) == len(set(filters)) == 2 * len(TASK_KINDS)
    assert all(config.backoff is None for _, config in table)


def test_replicas_reach_every_stream() -> None:
    assert {config.num_replicas for config in streams(Topology(replicas=3))} == {3}
