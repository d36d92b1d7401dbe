"""The whole of Beatloom in one process: nats-server as a child, one pool of worker processes, six services.

The services are built by their own composition roots; the stack only tells them where their parts are.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path

from litestar import Litestar
from litestar.types import ASGIApp

from libs.contracts.errors import BeatloomError, Retryable
from libs.runtime.app import Check, tell_of_stop, vital_checks
from libs.runtime.run import listen, serve
from libs.runtime.settings import load
from libs.runtime.together import together
from libs.runtime.workers import WorkerPool
from services.standalone.data_dir import DataDir, hold
from services.standalone.environment import SERVICES, environment
from services.standalone.front_door import FrontDoor
from services.standalone.nats_child import NatsChild, find_nats_server
from services.standalone.settings import StandaloneSettings
from services.standalone.settings_table import SETTINGS
from services.standalone.warm import APPS, read

log = logging.getLogger(__name__)


class Stack:
    """One run of the stack over a data directory that is held already.

    environ: the user's variables; what the stack has to decide is put over them. pool: None for one of its own.
    """

    def __init__(
        self,
        place: DataDir,
        settings: StandaloneSettings,
        environ: Mapping[str, str],
        sock: socket.socket,
        *,
        pool: WorkerPool | None = None,
    ) -> None:
        self.url = _address(sock)
        self._place = place
        self._environ = environ
        self._sock = sock
        self._pool = pool
        self._vital: dict[str, Check] = {}
        self._apps: Mapping[str, Litestar] = {}
        self._nats = NatsChild(
            place.nats,
            binary=find_nats_server(settings.nats_server),
            max_store_bytes=settings.nats_store_mb << 20,
        )
        self._workers = settings.shared.workers
        self._grace = settings.shared.shutdown_grace_s

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> bool:
        """Until `stop` is set or something vital dies. True after an ordered stop.

        Raises what kept it from coming up.
        """
        door = FrontDoor(self._live, {"nats-server": self._nats.check})

        def ready(_port: int) -> None:
            self._place.announce(self.url)
            on_ready()

        ordered = await serve(
            door,
            self._sock,
            stop=stop,
            vital=self._vital,
            on_ready=ready,
            on_stop=self._tell_of_stop,
            grace=self._grace,
        )
        if door.failure is not None and not stop.is_set():
            raise door.failure
        return ordered

    @asynccontextmanager
    async def _live(self) -> AsyncIterator[Mapping[str, ASGIApp]]:
        async with AsyncExitStack() as parts:
            await asyncio.to_thread(_empty, self._place.scratch)
            await together(asyncio.to_thread(read, APPS), parts.enter_async_context(self._nats))
            pool = self._pool
            if pool is None:
                pool = await parts.enter_async_context(WorkerPool(self._workers))
            self._apps = apps = self._build(pool)
            await parts.enter_async_context(_alive(apps))
            for name, app in apps.items():
                self._vital.update({f"{name}: {what}": check for what, check in vital_checks(app).items()})
            log.info("the stack is up", extra={"url": self.url, "data_dir": str(self._place.root)})
            yield apps

    def _tell_of_stop(self) -> None:
        for app in self._apps.values():
            tell_of_stop(app)

    def _build(self, pool: WorkerPool) -> dict[str, Litestar]:
        told = environment(
            self._environ,
            nats_url=self._nats.url,
            nats_token=self._nats.token,
            ledger=self._place.ledger,
            artifacts=self._place.artifacts,
            scratch=self._place.scratch,
            webhook_secret=self._place.secret("webhook", "whsec_"),
            secret_key=self._place.secret("sealing"),
            public_url=self.url,
            host=self._sock.getsockname()[0],
        )
        return {
            name: import_module(f"services.{name}.app").create_app(load(SETTINGS[name], name, told), pool=pool)
            for name in SERVICES
        }


@asynccontextmanager
async def _alive(apps: Mapping[str, Litestar]) -> AsyncIterator[None]:
    """The lives of all applications side by side: a stop takes as long as the slowest, not as all together."""
    stop, all_up = asyncio.Event(), asyncio.Event()
    waiting = set(apps)

    async def live(name: str, app: Litestar) -> None:
        async with app.lifespan():
            waiting.discard(name)
            if not waiting:
                all_up.set()
            await stop.wait()

    lives = [asyncio.create_task(live(name, app), name=f"life of {name}") for name, app in apps.items()]
    came_up = asyncio.create_task(all_up.wait())
    try:
        await asyncio.wait({*lives, came_up}, return_when=asyncio.FIRST_COMPLETED)
        if all_up.is_set():
            yield
    finally:
        came_up.cancel()
        stop.set()
        if not all_up.is_set():
            for life in lives:
                life.cancel()
        ends = await asyncio.shield(asyncio.gather(*lives, return_exceptions=True))
    failed = [end for end in ends if isinstance(end, Exception)]
    if failed:
        raise _cause(failed[0])
    if not all_up.is_set():
        raise Retryable("unexpected", "A service ended as it came up.")


def _cause(error: Exception) -> Exception:
    """What really failed: a lifespan wraps what is raised in it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def running(
    data_dir: Path, settings: StandaloneSettings, environ: Mapping[str, str], *, pool: WorkerPool | None = None
) -> AsyncIterator[Stack]:
    """A stack on a free port for as long as the block lasts. Raises what keeps it from coming up.

    When it dies meanwhile, the block is cancelled and Retryable("unexpected") raised.
    """
    with hold(data_dir) as place:
        stack = Stack(place, settings, environ, listen("127.0.0.1", 0), pool=pool)
        stop, up = asyncio.Event(), asyncio.Event()
        block = asyncio.current_task()
        assert block is not None
        died = False
        life = asyncio.create_task(stack.run(stop, up.set), name="stack")

        def ended(_: asyncio.Task[bool]) -> None:
            nonlocal died
            if up.is_set() and not stop.is_set():
                died = True
                block.cancel()
            up.set()

        life.add_done_callback(ended)
        try:
            await up.wait()
            if life.done():
                raise life.exception() or Retryable("unexpected", "The stack did not come up.")
            yield stack
        except asyncio.CancelledError:
            if not died:
                raise
            block.uncancel()
            raise Retryable("unexpected", "The stack died; its log says why.") from None
        finally:
            stop.set()
            with suppress(BeatloomError):
                await asyncio.shield(life)


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _empty(folder: Path) -> None:
    """What killed processes left in work is of no use: the folder is ours alone."""
    for left in folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
