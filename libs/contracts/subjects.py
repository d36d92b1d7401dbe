"""Names of streams, subjects, consumers and headers on the bus. The one place that spells them."""

from __future__ import annotations

from libs.contracts.facts import Fact
from libs.contracts.tasks import Priority, Task, TaskKind

TASKS = "BEATLOOM_TASKS"
FACTS = "BEATLOOM_FACTS"
CONTROL = "BEATLOOM_CONTROL"
DEAD = "BEATLOOM_DEAD"
ADVISORIES = "BEATLOOM_ADVISORIES"
WORK_BUCKET = "beatloom_work"

TASK_SUBJECTS = "beatloom.task.>"
FACT_SUBJECTS = "beatloom.fact.>"
CONTROL_SUBJECTS = "beatloom.control.*"
DEAD_SUBJECTS = "beatloom.dead.*"
MAX_DELIVERIES_ADVISORIES = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{TASKS}.*"
PROGRESS_SUBJECTS = "beatloom.progress.*"
WAKE_SUBJECTS = "beatloom.wake.*"
POOL_QUESTION = "beatloom.pool"
"""Where generators are asked for their GPU servers (core NATS)."""

HEADER_JOB = "Beatloom-Job"
HEADER_RUN = "Beatloom-Run"
HEADER_TASK = "Beatloom-Task"
HEADER_ATTEMPT = "Beatloom-Attempt"


def task_subject(kind: TaskKind, priority: Priority) -> str:
    """Where tasks of a kind wait."""
    return f"beatloom.task.{kind}.{priority}"


def subject_of_task(task: Task) -> str:
    """Where this task waits."""
    return task_subject(task.kind, task.priority)


def subject_of_fact(fact: Fact) -> str:
    """Where this fact is published."""
    return f"beatloom.fact.{fact.job_id}.{fact.name}"


def facts_of(job_id: str) -> str:
    """Where all that happened to a job is published."""
    return f"beatloom.fact.{job_id}.>"


def control_subject(job_id: str) -> str:
    """Where the end of a job's runs is announced."""
    return f"beatloom.control.{job_id}"


def progress_subject(job_id: str) -> str:
    """Where a job's chatter goes (core NATS)."""
    return f"beatloom.progress.{job_id}"


def wake_subject(job_id: str) -> str:
    """Where ingest tells its replicas that a job has new events (core NATS; may be lost)."""
    return f"beatloom.wake.{job_id}"


def dead_subject(kind: str) -> str:
    """Where copies of given-up work go."""
    return f"beatloom.dead.{kind}"


def task_consumer(kind: TaskKind, priority: Priority) -> str:
    """The durable consumer of a kind's tasks."""
    return f"{kind}-{priority}"


LEDGER_CONSUMER = "ledger"
ADVISORY_CONSUMER = "advisories"
