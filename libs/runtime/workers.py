"""CPU work in child processes: one pool a process, sized by the cores.

A child is started when it is first needed and stays, for the sake of its imports. It is niced, has one thread
for each numeric library, dies with this process (kill -9 included), and is replaced after some calls or when it
has grown. A call that is cancelled or too slow is ended by killing the child's whole process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from libs.contracts.errors import Retryable
from libs.runtime import channel
from libs.runtime.channel import HEADER, Kind
from libs.runtime.spawn import Limits, command, kill_group

T = TypeVar("T")
Progress = Callable[[float, str], None]

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
"""Bytes must not depend on the number of cores, and the pool already uses all of them."""

MAX_CALLS = 50
MAX_RESIDENT_BYTES = 1_500_000_000
_NICE = 5
_GROUP_GONE_S = 1.0
_LARGE = 1 << 20


class Work(msgspec.Struct, Generic[T], frozen=True):
    """What a call gave, and the CPU seconds that it took, its own ended children included."""

    value: T
    cpu_seconds: float


class WorkerPool:
    """Runs module-level functions in child processes. An async context manager; made and used in one loop.

    size: how many calls run at once; 0 means one a core. Build it on a thread that lives as long as the pool
    does (the loop's), since the children die with the thread that started them.
    """

    def __init__(
        self, size: int = 0, *, max_calls: int = MAX_CALLS, max_resident_bytes: int = MAX_RESIDENT_BYTES
    ) -> None:
        self.size = size or len(os.sched_getaffinity(0))
        self._max_calls = max_calls
        self._max_resident = max_resident_bytes
        self._slots = asyncio.Semaphore(self.size)
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._endings: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def run(
        self, fn: Callable[..., T], *args: Any, timeout_s: float, on_progress: Progress | None = None
    ) -> Work[T]:
        """Call `fn(*args)` in a child. fn: importable by its module and name; args and result can be pickled.

        timeout_s counts from when a child takes the call, not while it waits for a free one. on_progress is
        called in the loop with what the function reports (`libs.runtime.worker.report`).
        Raises what fn raised when it is a BeatloomError; Retryable("no_space") for a full disk;
        Retryable("timeout"); Retryable("unexpected") when the child died; CallFailed for anything else.
        """
        if fn.__module__ == "__main__":
            raise ValueError(f"{fn.__qualname__} can't be imported by a child: it lives in __main__")
        order = await asyncio.to_thread(channel.dumps, (fn, args))
        async with self._slots:
            if self._closed:
                raise Retryable("unexpected", "The worker pool is closed.")
            child = self._take()
            try:
                async with asyncio.timeout(timeout_s) as limit:
                    answer = await child.call(order, on_progress)
            except BaseException as error:
                await self._end(child)
                if isinstance(error, TimeoutError) and limit.expired():
                    raise Retryable("timeout", f"The work took longer than {timeout_s:g} s.") from None
                raise
            self._give_back(child, answer)
        if answer.kind is Kind.FAILURE:
            raise channel.unpack(answer.payload)
        value = await _loads(answer.payload)
        return Work(value, answer.cpu_seconds)

    async def close(self) -> None:
        """Kill every child and wait until they are gone. Calls in flight fail."""
        self._closed = True
        self._idle.clear()
        for child in list(self._all):
            self._begin_end(child)
        while self._endings:
            await asyncio.gather(*self._endings)

    def _take(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self._begin_end(child)
        child = _Child()
        self._all.add(child)
        return child

    def _give_back(self, child: _Child, answer: _Answer) -> None:
        if self._closed or child.calls >= self._max_calls or answer.resident_bytes > self._max_resident:
            self._begin_end(child)
        else:
            self._idle.append(child)

    async def _end(self, child: _Child) -> None:
        """Kill and wait. A second cancellation stops the waiting, not the ending, which `close` sees through."""
        await asyncio.shield(self._begin_end(child))

    def _begin_end(self, child: _Child) -> asyncio.Task[None]:
        child.kill()
        self._all.discard(child)
        ending = asyncio.create_task(child.bury())
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        return ending


class _Answer(msgspec.Struct, frozen=True):
    kind: Kind
    payload: bytes
    cpu_seconds: float
    resident_bytes: int


class _Child:
    """One process and our end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                command(
                    [sys.executable, "-m", "libs.runtime.worker", str(theirs.fileno())], limits=Limits(nice=_NICE)
                ),
                stdin=subprocess.DEVNULL,
                stdout=2,  # what libraries print belongs to the log
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **ONE_THREAD},
                process_group=0,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._sock: socket.socket | None = ours
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.calls = 0

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    async def call(self, order: bytes, on_progress: Progress | None) -> _Answer:
        """Send an order and wait for its answer. Raises Retryable("unexpected") when the child dies on it."""
        self.calls += 1
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(sock=self._sock, limit=_LARGE)
                self._sock = None
            reader, writer = self._streams
            writer.write(HEADER.pack(Kind.CALL, len(order)))
            writer.write(order)
            await writer.drain()
            result: tuple[Kind, bytes] | None = None
            while True:
                kind, payload = await _read(reader)
                if kind is Kind.PROGRESS:
                    if on_progress is not None:
                        on_progress(*channel.loads(payload))
                elif kind is Kind.USAGE and result is not None:
                    cpu, resident = channel.loads(payload)
                    return _Answer(*result, cpu, resident)
                else:
                    result = (kind, payload)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Retryable("unexpected", "A worker process died.") from error

    def kill(self) -> None:
        """SIGKILL to the child and all that it started."""
        if self._process.returncode is None:
            kill_group(self._process.pid)

    async def bury(self) -> None:
        """Wait until the child and its group are gone, and close the socket."""
        await asyncio.to_thread(self._process.wait)
        deadline = time.monotonic() + _GROUP_GONE_S
        while time.monotonic() < deadline and await asyncio.to_thread(_group_exists, self._process.pid):
            kill_group(self._process.pid)
            await asyncio.sleep(0.005)
        if self._sock is not None:
            self._sock.close()
        if self._streams is not None:
            writer = self._streams[1]
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    kind, length = HEADER.unpack(await reader.readexactly(HEADER.size))
    return Kind(kind), await reader.readexactly(length)


async def _loads(payload: bytes) -> Any:
    """Small results at once, large ones without holding up the loop."""
    loads: Callable[[bytes], Any] = channel.loads
    if len(payload) < _LARGE:
        return loads(payload)
    result: Awaitable[Any] = asyncio.to_thread(loads, payload)
    return await result


def _group_exists(leader: int) -> bool:
    """Whether a process group has a member that still runs. Zombies, which nobody may ever reap, don't count."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, group, *_ = stat.read_text().rpartition(")")[2].split()
            if int(group) == leader and state not in "ZX":
                return True
    return False
