"""Metrics, a class for each group, built on the registry of the app that they belong to.

There is no global registry: two apps in one process (standalone, tests) don't share or clash.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from libs.telemetry import names

_TASK_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800)
_HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class WorkMetrics:
    """What a worker does, by task kind."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tasks = Counter(
            names.TASKS,
            "Attempts that ended, by outcome: done, reused, an error code, cancelled, given_back.",
            (names.LABEL_KIND, names.LABEL_OUTCOME),
            registry=registry,
        )
        self._seconds = Histogram(
            names.TASK_SECONDS,
            "Wall time of an attempt.",
            (names.LABEL_KIND,),
            buckets=_TASK_BUCKETS,
            registry=registry,
        )
        self._cpu = Counter(names.TASK_CPU_SECONDS, "CPU time spent.", (names.LABEL_KIND,), registry=registry)
        self._in_work = Gauge(names.TASKS_IN_WORK, "Tasks in work now.", (names.LABEL_KIND,), registry=registry)
        self._redelivered = Counter(
            names.TASKS_REDELIVERED,
            "Tasks delivered again: a worker had died on them.",
            (names.LABEL_KIND,),
            registry=registry,
        )

    def started(self, kind: str, *, redelivered: bool = False) -> None:
        """A task of this kind is taken up."""
        self._in_work.labels(kind).inc()
        if redelivered:
            self._redelivered.labels(kind).inc()

    def ended(self, kind: str, outcome: str, *, wall_seconds: float, cpu_seconds: float) -> None:
        """It ended. outcome: done, reused, cancelled, given_back, or the code of the error."""
        self._in_work.labels(kind).dec()
        self._tasks.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(wall_seconds)
        self._cpu.labels(kind).inc(max(cpu_seconds, 0.0))


class BusMetrics:
    """What goes over the bus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._published = Counter(
            names.PUBLISHED,
            "Messages published, by stream and outcome (ok or an error code).",
            (names.LABEL_STREAM, names.LABEL_OUTCOME),
            registry=registry,
        )
        self._dead = Counter(
            names.DEAD_LETTERS, "Work given up.", (names.LABEL_KIND, names.LABEL_CODE), registry=registry
        )

    def published(self, stream: str, outcome: str = "ok") -> None:
        """A message went out, or didn't."""
        self._published.labels(stream, outcome).inc()

    def dead(self, kind: str, code: str) -> None:
        """A dead letter was written."""
        self._dead.labels(kind, code).inc()


class LedgerMetrics:
    """What the ledger sees."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._facts = Counter(
            names.FACTS,
            "Facts taken, by name and outcome (applied, duplicate, stale, failed).",
            (names.LABEL_NAME, names.LABEL_OUTCOME),
            registry=registry,
        )
        self._jobs = Counter(names.JOBS, "Runs that ended, by state.", (names.LABEL_STATE,), registry=registry)
        self._open = Gauge(names.JOBS_OPEN, "Jobs whose run has not ended.", registry=registry)
        self._outbox = Gauge(names.OUTBOX_WAITING, "Messages that wait to be published.", registry=registry)
        self._swept = Counter(
            names.TASKS_SWEPT, "Tasks published again by the sweeper.", (names.LABEL_KIND,), registry=registry
        )

    def fact(self, name: str, outcome: str) -> None:
        """A fact was taken."""
        self._facts.labels(name, outcome).inc()

    def ended(self, state: str) -> None:
        """A run ended in this state."""
        self._jobs.labels(state).inc()

    def open_jobs(self, count: int) -> None:
        """So many jobs are open now."""
        self._open.set(count)

    def outbox(self, waiting: int) -> None:
        """So many messages wait now."""
        self._outbox.set(waiting)

    def swept(self, kind: str) -> None:
        """The sweeper published a task again."""
        self._swept.labels(kind).inc()


class HttpMetrics:
    """What clients ask for, by route (its template, never the path)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            names.HTTP_REQUESTS,
            "Requests answered.",
            (names.LABEL_METHOD, names.LABEL_ROUTE, names.LABEL_STATUS),
            registry=registry,
        )
        self._seconds = Histogram(
            names.HTTP_SECONDS,
            "Seconds until the answer began.",
            (names.LABEL_METHOD, names.LABEL_ROUTE),
            buckets=_HTTP_BUCKETS,
            registry=registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request got an answer; seconds until its first byte."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)


class DeliveryMetrics:
    """What receivers of webhooks say."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Counter(
            names.DELIVERIES,
            "Webhook attempts by outcome: delivered or an error code.",
            (names.LABEL_OUTCOME,),
            registry=registry,
        )

    def attempted(self, outcome: str) -> None:
        """A webhook was sent, or failed."""
        self._deliveries.labels(outcome).inc()
