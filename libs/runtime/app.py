"""The HTTP shell of a service: health, metrics, problems, and one span and one observation a request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar, Response, get
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.openapi import OpenAPIConfig
from litestar.types import ASGIApp, ControllerRouterHandler, Message, Middleware, Receive, Scope, Send
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from libs.contracts.errors import BeatloomError, code_of
from libs.runtime.problems import exception_handlers
from libs.telemetry import names, requests, tracing
from libs.telemetry.metrics import HttpMetrics

Check = Callable[[], Awaitable[None]]
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[Any]]

CHECK_S = 2.0
"""How long one readiness check may take."""

_OWN_PATHS = ("/healthz/live", "/healthz/ready", "/metrics")
_METRICS_TYPE = CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8")  # Litestar adds it
_REQUEST_ID = requests.HEADER.lower().encode()
_VITAL = "beatloom_vital"
_ON_STOP = "beatloom_on_stop"

_log = logging.getLogger(__name__)


def service_app(
    name: str,
    *,
    route_handlers: Sequence[ControllerRouterHandler] = (),
    checks: Mapping[str, Check],
    vital: Mapping[str, Check] | None = None,
    on_stop: Callable[[], None] | None = None,
    lifespan: Sequence[Lifespan] = (),
    registry: CollectorRegistry,
    openapi: OpenAPIConfig | None = None,
    cors: CORSConfig | None = None,
    dependencies: Mapping[str, Provide] | None = None,
    middleware: Sequence[Middleware] = (),
    state: Mapping[str, Any] | None = None,
) -> Litestar:
    """A service as an ASGI app.

    checks: what must hold for the service to be ready, by name; each returns, or raises what is wrong.
    vital: what must hold for the process to live on, such as its consumers: asked each second by `run`, which
    ends the process with 1 when one raises. on_stop: called as a stop begins, before open answers are waited for:
    it ends those that would not end by themselves. lifespan: context managers around the app's life, in order.
    registry: the app's own metrics, shown at /metrics. openapi: None for no schema. cors: None lets no page of
    another origin call.
    """
    return _Service(
        route_handlers=[*_own_routes(name, checks, registry), *route_handlers],
        lifespan=list(lifespan),
        exception_handlers=exception_handlers(),
        middleware=[_telemetry(HttpMetrics(registry)), *middleware],
        openapi_config=openapi,
        cors_config=cors,
        dependencies=dict(dependencies or {}),
        state=State({**(state or {}), _VITAL: dict(vital or {}), _ON_STOP: on_stop}),
        logging_config=None,
        debug=False,
    )


class _Service(Litestar):
    """Gives every request an id, also those that no route takes."""

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """As Litestar's; an error of ours that keeps the app from starting is raised itself, not in a group."""
        try:
            async with super().lifespan():
                yield
        except ExceptionGroup as group:
            (first, *others) = group.exceptions
            raise first if isinstance(first, BeatloomError) and not others else group from None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI 3."""
        if scope["type"] != ScopeType.HTTP:
            await super().__call__(scope, receive, send)
            return
        brought = next((value for name, value in scope["headers"] if name == _REQUEST_ID), b"")
        chosen = requests.chosen_id(brought.decode("latin-1"))
        header = (_REQUEST_ID, chosen.encode())

        async def stamped(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
            await send(message)

        with requests.working_for(chosen):
            await super().__call__(scope, receive, stamped)


def vital_checks(app: Litestar) -> Mapping[str, Check]:
    """What `service_app` was told is vital."""
    checks: Mapping[str, Check] = app.state.get(_VITAL, {})
    return checks


def tell_of_stop(app: Litestar) -> None:
    """Call what `service_app` was told to call as a stop begins."""
    on_stop: Callable[[], None] | None = app.state.get(_ON_STOP)
    if on_stop is not None:
        on_stop()


async def readiness(checks: Mapping[str, Check]) -> dict[str, str]:
    """What is not ready: the name of each failed check with what is wrong. Empty when all is well."""
    results = await asyncio.gather(*(_asked(name, check) for name, check in checks.items()))
    return {name: problem for name, problem in zip(checks, results, strict=True) if problem}


async def _asked(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except TimeoutError:
        return f"timeout: no answer within {CHECK_S:g} s"
    except BeatloomError as error:
        return str(error)
    except Exception:
        _log.exception("the check %s failed unexpectedly", name)
        return "unexpected: see the log"
    return ""


def _own_routes(
    service: str, checks: Mapping[str, Check], registry: CollectorRegistry
) -> list[ControllerRouterHandler]:
    @get(_OWN_PATHS[0], include_in_schema=False, sync_to_thread=False)
    def live() -> dict[str, str]:
        return {"status": "live", "service": service}

    @get(_OWN_PATHS[1], include_in_schema=False)
    async def ready() -> Response[dict[str, Any]]:
        problems = await readiness(checks)
        body = {
            "status": "not_ready" if problems else "ready",
            "service": service,
            "checks": {name: problems.get(name, "ok") for name in checks},
        }
        return Response(body, status_code=503 if problems else 200)

    @get(_OWN_PATHS[2], include_in_schema=False, sync_to_thread=False)
    def metrics() -> Response[bytes]:
        return Response(generate_latest(registry), media_type=_METRICS_TYPE)

    return [live, ready, metrics]


def _telemetry(metrics: HttpMetrics) -> Middleware:
    """A span and an observation around each request, except for those that only watch us."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def observed(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] is ScopeType.WEBSOCKET or scope["path"] in _OWN_PATHS:
                await app(scope, receive, send)
                return
            began = time.perf_counter()
            route = str(scope.get("path_template", "")) or "unmatched"
            method = str(scope.get("method", ""))

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    metrics.answered(method, route, message["status"], time.perf_counter() - began)
                await send(message)

            carried = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
            with tracing.span(
                f"{names.SPAN_HTTP} {method} {route}", parent=tracing.extract(carried), kind=SpanKind.SERVER
            ):
                await app(scope, receive, noted)

        return observed

    return wrap


async def watch(checks: Mapping[str, Check], *, every_s: float = 1.0) -> str:
    """Ask vital checks for ever. Returns what is wrong once one of them fails."""
    while True:
        await asyncio.sleep(every_s)
        for name, check in checks.items():
            try:
                await check()
            except Exception as error:
                _log.critical("%s died", name, exc_info=error, extra={"code": code_of(error)})
                return f"{name}: {error}"
