"""Traces: one spans a job across services. The context rides in message headers as W3C `traceparent`.

Without `configure`, spans do nothing and `inject` passes on the context that was extracted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from libs.contracts.errors import code_of
from libs.telemetry import names

_TRACER = "beatloom"
_HEADERS = ("traceparent", "tracestate")


def configure(service: str, exporter: SpanExporter | None = None) -> TracerProvider:
    """Build the process's one provider, or give the one that stands an exporter more.

    exporter: where ended spans go, at once (tests). Without one spans only lend their ids to logs and headers.
    """
    standing = trace.get_tracer_provider()
    if isinstance(standing, TracerProvider):
        provider = standing
    else:
        provider = TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)
        trace.set_tracer_provider(provider)
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def inject(headers: dict[str, str]) -> dict[str, str]:
    """Add the current trace's context to `headers`, and return them."""
    TraceContextTextMapPropagator().inject(headers)
    return headers


def extract(headers: Mapping[str, str] | None) -> Context:
    """The context that `headers` carry, in any case of letters; an empty one when they carry none."""
    carrier = {key.lower(): value for key, value in (headers or {}).items() if key.lower() in _HEADERS}
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


@contextmanager
def span(
    name: str,
    *,
    parent: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str | int | float | bool] | None = None,
) -> Iterator[Span]:
    """A span around a block. `attributes` get the prefix `beatloom.`; an exception marks it with its code.

    parent: what `extract` gave; None means the span around this one.
    """
    tracer = trace.get_tracer(_TRACER)
    named = {names.attribute(key): value for key, value in (attributes or {}).items()}
    with tracer.start_as_current_span(
        name, context=parent, kind=kind, attributes=named, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            code = code_of(error)
            current.set_attribute(names.attribute(names.CODE), code)
            current.set_status(Status(StatusCode.ERROR, code))
            raise
