"""What a handler may tell while it works."""

from __future__ import annotations

import asyncio

from libs.bus.handler import TaskContext
from libs.contracts.artifacts import Blob
from libs.contracts.messages import Progress
from libs.contracts.tasks import Analyze, Task

TASK = Task(
    job_id="j1",
    run=1,
    task="analyze",
    attempt=1,
    owner="me",
    body=Analyze(song=Blob(sha256="a" * 64, size=1, media_type="audio/mpeg")),
)


async def test_the_first_goes_out_at_once_and_the_latest_follows() -> None:
    sent: list[Progress] = []
    context = TaskContext(TASK, sent.append)
    for step in range(10):
        context.progress(step / 10, str(step))
    assert [progress.message for progress in sent] == ["0"]
    await asyncio.sleep(0.3)
    assert [progress.message for progress in sent] == ["0", "9"]


async def test_fractions_are_kept_within_the_task() -> None:
    sent: list[Progress] = []
    TaskContext(TASK, sent.append).progress(1.5)
    TaskContext(TASK, sent.append).progress(-1.0)
    assert [progress.fraction for progress in sent] == [1.0, 0.0]


async def test_nothing_is_sent_after_the_end() -> None:
    sent: list[Progress] = []
    context = TaskContext(TASK, sent.append)
    context.progress(0.1)
    context.progress(0.2)
    context.close()
    context.progress(0.3)
    await asyncio.sleep(0.3)
    assert len(sent) == 1


def test_a_context_without_listeners_only_counts() -> None:
    context = TaskContext(TASK)
    context.progress(0.5)
    context.spend(1.0)
    context.spend(0.5)
    context.mark_reused()
    assert (context.cpu_seconds, context.reused) == (1.5, True)
