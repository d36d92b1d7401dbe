"""Log lines, metrics and trace contexts."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from libs.contracts.errors import Retryable
from libs.telemetry import names, tracing
from libs.telemetry.logging import JsonFormatter, configure
from libs.telemetry.metrics import BusMetrics, DeliveryMetrics, HttpMetrics, LedgerMetrics, WorkMetrics


def line(message: str, *args: object, extra: dict[str, Any] | None = None, exc_info: Any = None) -> dict[str, Any]:
    record = logging.getLogger("test").makeRecord(
        "test", logging.WARNING, "file", 1, message, args, exc_info, extra=extra
    )
    text = JsonFormatter("tester").format(record)
    assert "\n" not in text
    decoded: dict[str, Any] = json.loads(text)
    return decoded


def test_a_line_is_one_json_object() -> None:
    got = line("hello %s\nworld", "you", extra={"job_id": "j1", "run": 2})
    assert got.pop("time").endswith("+00:00")
    assert got == {
        "level": "warning",
        "service": "tester",
        "logger": "test",
        "message": "hello you\nworld",
        "job_id": "j1",
        "run": 2,
    }


def test_an_exception_is_told_with_its_traceback() -> None:
    try:
        raise ValueError("no")
    except ValueError as error:
        got = line("it failed", exc_info=(type(error), error, error.__traceback__))
    assert got["exception"].startswith("Traceback")
    assert got["exception"].endswith("ValueError: no")


@pytest.mark.parametrize("value", [object(), {1: object()}, "\udcff", float("nan"), {"deep": {1, 2}}, 2**100])
def test_nothing_that_is_logged_breaks_the_line(value: object) -> None:
    assert line("odd", extra={"value": value})["message"]
    assert line("odd %s", value)["message"].strip("'").startswith("odd ")


def test_a_message_whose_arguments_do_not_fit_is_still_told() -> None:
    assert "only one" in line("%s and %s", "only one")["message"]


@pytest.fixture
def own_logging() -> Iterator[io.StringIO]:
    """What `configure` writes; the logging of the tests is put back afterwards."""
    root = logging.getLogger()
    handlers, level, show = list(root.handlers), root.level, warnings.showwarning
    levels = {name: logging.getLogger(name).level for name in ("nats", "uvicorn", "asyncio")}
    stream = io.StringIO()
    try:
        yield stream
    finally:
        logging.captureWarnings(False)
        warnings.showwarning = show
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, old in levels.items():
            logging.getLogger(name).setLevel(old)


def test_configure_replaces_what_was(own_logging: io.StringIO) -> None:
    configure("first", "error", own_logging)
    configure("tester", "info", own_logging)
    logging.getLogger("a").debug("unheard")
    logging.getLogger("nats").info("chatter")
    logging.getLogger("a").info("heard")
    assert [json.loads(text)["message"] for text in own_logging.getvalue().splitlines()] == ["heard"]


def test_metrics_of_each_group_can_be_made_again_on_another_registry() -> None:
    for _ in range(2):
        registry = CollectorRegistry()
        work, bus, ledger = WorkMetrics(registry), BusMetrics(registry), LedgerMetrics(registry)
        http, deliveries = HttpMetrics(registry), DeliveryMetrics(registry)
        work.started("plan", redelivered=True)
        work.started("plan")
        work.ended("plan", "done", wall_seconds=1.0, cpu_seconds=0.5)
        bus.published("BEATLOOM_TASKS")
        bus.dead("plan", "timeout")
        ledger.fact("track.analyzed", "applied")
        ledger.ended("completed")
        ledger.open_jobs(2)
        ledger.outbox(3)
        ledger.swept("plan")
        http.answered("GET", "/", 200, 0.1)
        deliveries.attempted("delivered")
    text = generate_latest(registry).decode()
    for expected in (
        'beatloom_tasks_in_work{kind="plan"} 1.0',
        'beatloom_tasks_total{kind="plan",outcome="done"} 1.0',
        'beatloom_tasks_redelivered_total{kind="plan"} 1.0',
        'beatloom_task_cpu_seconds_total{kind="plan"} 0.5',
        'beatloom_dead_letters_total{code="timeout",kind="plan"} 1.0',
        'beatloom_facts_total{name="track.analyzed",outcome="applied"} 1.0',
        "beatloom_jobs_open 2.0",
        "beatloom_outbox_waiting 3.0",
        'beatloom_deliveries_total{outcome="delivered"} 1.0',
    ):
        assert expected in text


def test_every_metric_is_named_after_us_and_in_the_table() -> None:
    registry = CollectorRegistry()
    for group in (WorkMetrics, BusMetrics, LedgerMetrics, HttpMetrics, DeliveryMetrics):
        group(registry)
    table = {value.removesuffix("_total") for value in vars(names).values() if isinstance(value, str)}
    for metric in registry.collect():
        assert metric.name.startswith("beatloom_")
        assert metric.name in table


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = tracing.configure("tester", exporter)
    assert tracing.configure("tester") is provider
    return exporter


def test_one_trace_spans_what_headers_join(spans: InMemorySpanExporter) -> None:
    spans.clear()
    with tracing.span("publish task", attributes={names.JOB_ID: "j1"}):
        headers = tracing.inject({"Beatloom-Job": "j1"})
    assert set(headers) == {"Beatloom-Job", "traceparent"}
    shouted = {key.upper(): value for key, value in headers.items()}
    with tracing.span("task plan", parent=tracing.extract(shouted)):
        inner = json.loads(JsonFormatter("t").format(logging.makeLogRecord({"msg": "within"})))
    first, second = spans.get_finished_spans()
    assert first.attributes == {"beatloom.job_id": "j1"}
    assert second.context.trace_id == first.context.trace_id
    assert second.parent is not None
    assert second.parent.span_id == first.context.span_id
    assert inner["trace_id"] == f"{first.context.trace_id:032x}"


def test_headers_without_a_context_begin_a_new_trace(spans: InMemorySpanExporter) -> None:
    spans.clear()
    for headers in (None, {}, {"traceparent": "nonsense"}):
        with tracing.span("outer"), tracing.span("task plan", parent=tracing.extract(headers)):
            pass
    finished = [span for span in spans.get_finished_spans() if span.name == "task plan"]
    assert [span.parent for span in finished] == [None] * 3


def test_a_failed_span_carries_the_code_and_no_text(spans: InMemorySpanExporter) -> None:
    spans.clear()
    with pytest.raises(Retryable), tracing.span("task plan"):
        raise Retryable("timeout", "with words of the user")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes == {"beatloom.code": "timeout"}
    assert "words" not in str(span.to_json())
