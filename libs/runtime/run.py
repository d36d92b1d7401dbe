"""Runs a service until it is told to stop: SIGTERM or SIGINT let it finish, a second signal ends it at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec
import uvicorn
from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from libs.contracts.errors import BeatloomError, Permanent
from libs.runtime.app import Check, tell_of_stop, vital_checks, watch
from libs.runtime.settings import load
from libs.telemetry import logging as logging_setup
from libs.telemetry import tracing

T = TypeVar("T", bound=msgspec.Struct)

HTTP_GRACE_S = 3.0
"""Seconds that open requests get at a stop."""

_LIFESPAN_SLACK_S = 2.0
_BACKLOG = 2048

_log = logging.getLogger(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 chooses a free one. Raises Permanent("port_in_use")."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named; without it, answers wait some 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise Permanent("port_in_use", f"Port {port} on {host} is taken.") from error
        raise Permanent("bad_setting", f"Can't listen on {host}, port {port}: {error.strerror}.") from error
    return sock


async def serve(
    app: ASGIApp,
    sock: socket.socket,
    *,
    stop: asyncio.Event,
    vital: Mapping[str, Check],
    on_ready: Callable[[int], None] | None = None,
    on_stop: Callable[[], None] | None = None,
    grace: float | None = None,
) -> bool:
    """Serve `app` on `sock` until `stop` is set or something vital dies. Takes no signals.

    vital: see `service_app`. on_ready: told the port once requests are taken. on_stop: called as the stop begins,
    to end answers that would not end by themselves. grace: seconds that the app's lifespan has to end, with a
    little slack; then it is cancelled. None: as long as it takes. Stopped before it is up, it is cancelled at
    once.
    Returns True after an ordered stop; False when the app did not come up, something vital died, or the grace
    was not enough. The socket is closed at the end.
    """
    port: int = sock.getsockname()[1]
    life: list[asyncio.Task[Any]] = []

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if str(scope["type"]) == "lifespan" and task is not None:
            life.append(task)
        await app(scope, receive, send)

    server = _Server(
        uvicorn.Config(
            noted,
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # whom to believe is a setting: libs.runtime.proxies
            lifespan="on",
            timeout_graceful_shutdown=int(HTTP_GRACE_S),
        )
    )
    serving = asyncio.create_task(server.serve([sock]))
    stopping = asyncio.create_task(stop.wait())
    coming_up = asyncio.create_task(server.up.wait())
    tasks: set[asyncio.Task[Any]] = {serving, stopping, coming_up}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if coming_up.done():
            tasks = {serving, stopping, asyncio.create_task(watch(vital))}
            if on_ready is not None:
                on_ready(port)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ordered = stop.is_set()
        if on_stop is not None:
            on_stop()
        server.should_exit = True
        if not coming_up.done():
            _cancel(life)
        limit = None if grace is None else HTTP_GRACE_S + grace + _LIFESPAN_SLACK_S
        _, late = await asyncio.wait({serving}, timeout=limit)
        if late:
            _log.critical("the stop takes too long; what is left is cancelled")
            _cancel(life)
        await serving
        return ordered and not late
    finally:
        await _cancelled({*tasks, coming_up})
        sock.close()


def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


async def _cancelled(tasks: set[asyncio.Task[Any]]) -> None:
    _cancel(tasks)
    await asyncio.wait(tasks)


def run(
    app: Litestar, host: str, port: int, grace: float = 20.0, *, on_ready: Callable[[int], None] | None = None
) -> int:
    """Run a service in this process until SIGTERM or SIGINT. Returns the exit code: 0, or 1 when it died.

    grace: seconds that the app's lifespan may take to finish what is in flight; beyond that and a little slack
    the process ends by force. Raises Permanent("port_in_use").
    """
    sock = listen(host, port)
    return asyncio.run(_run(app, sock, grace, on_ready))


def start(service: str, kind: type[T], create_app: Callable[[T], Litestar]) -> None:
    """The whole of a service's `__main__`: settings from the environment, logs and traces, run, exit.

    kind: the service's settings struct, with the fields `shared`, `host` and `port`. Exit codes: 0 after an ordered
    stop, 1 when it died, 2 with one line on stderr for settings that are wrong or a port that is taken.
    """

    try:
        settings: Any = load(kind, service, os.environ)
        logging_setup.configure(service, settings.shared.log_level)
        tracing.configure(service)
        code = run(create_app(settings), settings.host, settings.port, settings.shared.shutdown_grace_s)
    except BeatloomError as error:
        sys.stderr.write(f"{error} {error.hint}\n")
        code = 2
    sys.exit(code)


async def _run(app: Litestar, sock: socket.socket, grace: float, on_ready: Callable[[int], None] | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ready(chosen: int) -> None:
        _log.info("ready", extra={"port": chosen})
        if on_ready is not None:
            on_ready(chosen)

    with _signals(loop, stop.set):
        ordered = await serve(
            app,
            sock,
            stop=stop,
            vital=vital_checks(app),
            on_ready=ready,
            on_stop=lambda: tell_of_stop(app),
            grace=grace,
        )
    loop.call_later(_LIFESPAN_SLACK_S, os._exit, 1)  # should something not let itself be cancelled
    return 0 if ordered else 1


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, told: Callable[[], None]) -> Iterator[None]:
    """The first signal calls `told`; the second ends the process at once, and its children with it."""
    seen: list[int] = []

    def take(number: int) -> None:
        if seen:
            os._exit(128 + number)
        seen.append(number)
        _log.info("stopping", extra={"signal": signal.Signals(number).name})
        told()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, take, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers, which exit by raising the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().serve(sockets)
        except SystemExit:
            if not self.should_exit:
                _log.error("the service did not come up")
