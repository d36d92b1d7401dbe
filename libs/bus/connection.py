"""The connection to nats-server, and everything that is published over it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NoStreamResponseError

from libs.bus import headers as head
from libs.bus.headers import Origin
from libs.bus.topology import Topology, ensure_topology
from libs.contracts import subjects
from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.contracts.facts import Fact
from libs.contracts.messages import Control, DeadLetter, Progress, encode
from libs.contracts.tasks import Task
from libs.telemetry.metrics import BusMetrics
from libs.telemetry.tracing import inject

log = logging.getLogger(__name__)

REQUEST_S = 5.0
PUBLISH_S = 3.0
"""How long a confirmation may take. Publishing again is harmless: the stream swallows what it has."""
CHECK_S = 2.0
POLL_S = 0.05
# nats-py declares these as whole seconds and passes them to asyncio.sleep, which takes fractions.
RECONNECT_WAIT_S: Any = 0.2
PING_INTERVAL_S = 5
MAX_SILENT_PINGS = 2

TRANSIENT = (nats.errors.Error, OSError, TimeoutError)
"""What nats-py raises when the server is away, slow or not ready; the same call may succeed later."""


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 0.1, 0.2, ... at most 3."""
    return float(min(0.1 * 2 ** max(failures - 1, 0), 3.0))


class Bus:
    """One connection. It reconnects for ever, and makes the topology again each time that it does."""

    def __init__(self, topology: Topology, name: str, metrics: BusMetrics | None = None) -> None:
        self.topology = topology
        self.client = Client()
        self.js: JetStreamContext = self.client.jetstream(timeout=REQUEST_S)
        self._name = name
        self._metrics = metrics
        self._connected = False
        self._closing = False
        self._restoring: asyncio.Task[None] | None = None
        self._making = asyncio.Lock()
        self._listeners: set[Callable[[], None]] = set()

    @classmethod
    async def connect(
        cls,
        url: str,
        token: str = "",
        *,
        name: str,
        ack_wait_s: float = 15.0,
        replicas: int = 1,
        max_tasks: int = 100_000,
        timeout_s: float = 30.0,
        metrics: BusMetrics | None = None,
    ) -> Bus:
        """Connect to `url` (several, separated by commas, in a cluster).

        name: what nats-server shows for this connection. timeout_s: how long the server may take to appear.
        Raises Retryable("bus_unavailable") when it doesn't, or when it refuses the token.
        """
        topology = Topology(ack_wait_s=ack_wait_s, replicas=replicas, max_tasks=max_tasks)
        urls = [part.strip() for part in url.split(",") if part.strip()]
        deadline = time.monotonic() + timeout_s
        while True:
            await _wait_for_port(urls, deadline)
            bus = cls(topology, name, metrics)
            try:
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + REQUEST_S):
                    await bus._open(urls, token)
            except TRANSIENT as error:
                await bus._discard()
                if "authorization" in str(error).lower():
                    raise Retryable("bus_unavailable", "nats-server refused the token.") from error
                if time.monotonic() > deadline:
                    raise Retryable("bus_unavailable", "nats-server does not let us in.") from error
                await asyncio.sleep(POLL_S)
            else:
                return bus

    async def _open(self, urls: list[str], token: str) -> None:
        await self.client.connect(
            servers=urls,
            token=token or None,
            name=self._name,
            error_cb=self._on_error,
            disconnected_cb=self._on_disconnected,
            reconnected_cb=self._on_reconnected,
            closed_cb=self._on_closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_WAIT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=MAX_SILENT_PINGS,
        )
        self._connected = True

    async def _discard(self) -> None:
        self._closing = True
        with contextlib.suppress(Exception):
            await self.client.close()

    # What nats-py tells us.

    async def _on_error(self, error: Exception) -> None:
        if not self._connected:
            raise error  # ends nats-py's own first attempts; `connect` above has its own
        log.warning("nats: %s", error or type(error).__name__)

    async def _on_disconnected(self) -> None:
        if not self._closing:
            log.warning("nats-server is gone; reconnecting")

    async def _on_closed(self) -> None:
        if not self._closing:
            log.error("the connection to nats-server is closed for good")
            self._tell()

    async def _on_reconnected(self) -> None:
        log.info("connected to nats-server again")
        if self._restoring is not None:
            self._restoring.cancel()
        self._restoring = asyncio.create_task(self._restore(), name="bus-restore")

    async def _restore(self) -> None:
        """After a reconnect the server may have an older store, or an empty one."""
        failures = 0
        while not self._closing:
            try:
                await self.ensure_topology()
            except Retryable as error:
                failures += 1
                log.warning("the topology can't be made yet: %s", error)
                await asyncio.sleep(backoff(failures))
            else:
                self._tell()
                return

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each reconnect, when the topology stands again. Returns what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    # What the services call.

    @property
    def ack_wait_s(self) -> float:
        """Seconds without a heartbeat after which work is given to another worker."""
        return self.topology.ack_wait_s

    @property
    def connected(self) -> bool:
        """True while the server answers."""
        return self.client.is_connected

    async def ensure_topology(self) -> None:
        """Make what is missing, change what differs. Raises Retryable("bus_unavailable")."""
        try:
            async with self._making:
                await ensure_topology(self.js, self.topology)
        except TRANSIENT as error:
            raise Retryable("bus_unavailable", f"The streams can't be made: {error}") from error

    async def publish_task(self, task: Task) -> None:
        """Order work; confirmed by the stream. Raises Retryable("bus_unavailable"), also when it is full."""
        origin = Origin(job_id=task.job_id, run=task.run, task=task.task, attempt=task.attempt)
        await self._publish(subjects.TASKS, subjects.subject_of_task(task), encode(task), task.message_id, origin)

    async def publish_fact(self, fact: Fact) -> None:
        """Tell what happened; confirmed by the stream. Raises Retryable("bus_unavailable")."""
        origin = Origin(job_id=fact.job_id, run=fact.run, task=fact.task, attempt=fact.attempt)
        await self._publish(subjects.FACTS, subjects.subject_of_fact(fact), encode(fact), fact.message_id, origin)

    async def publish_control(self, control: Control) -> None:
        """Announce that runs have ended; confirmed by the stream. Raises Retryable("bus_unavailable")."""
        message_id = f"{control.job_id}/{control.ended_run}/{control.state}"
        subject = subjects.control_subject(control.job_id)
        await self._publish(subjects.CONTROL, subject, encode(control), message_id, None)

    async def publish_dead(self, letter: DeadLetter) -> None:
        """Keep a copy of work that was given up. Raises Retryable("bus_unavailable")."""
        origin = Origin(job_id=letter.job_id, run=letter.run, task=letter.task, attempt=letter.attempt)
        await self._publish(subjects.DEAD, subjects.dead_subject(letter.kind), encode(letter), letter.id, origin)
        if self._metrics is not None:
            self._metrics.dead(letter.kind, letter.code)

    async def publish_progress(self, progress: Progress) -> None:
        """Chatter: lost while the server is away. Never raises."""
        await self._chat(subjects.progress_subject(progress.job_id), encode(progress))

    async def wake(self, job_id: str) -> None:
        """Tell ingest's replicas that a job has new events. Never raises."""
        await self._chat(subjects.wake_subject(job_id), b"")

    async def _chat(self, subject: str, data: bytes) -> None:
        if not self.client.is_connected:
            return
        try:
            await self.client.publish(subject, data)
        except TRANSIENT as error:
            log.debug("chatter lost: %s", error)

    async def _publish(
        self, stream: str, subject: str, data: bytes, message_id: str, origin: Origin | None
    ) -> None:
        try:
            await self._send(subject, data, inject(head.write(message_id, origin)))
        except BeatloomError as error:
            if self._metrics is not None:
                self._metrics.published(stream, error.code)
            raise
        if self._metrics is not None:
            self._metrics.published(stream)

    async def _send(self, subject: str, data: bytes, header: dict[str, str]) -> None:
        if not self.client.is_connected:
            raise Retryable("bus_unavailable", "nats-server is away.")
        size = len(data) + head.size(header)
        if size > self.client.max_payload:  # nats-py forgets the headers, and the server hangs up
            raise Permanent("unexpected", f"A message of {size} bytes is larger than nats-server takes.")
        try:
            await self.js.publish(subject, data, timeout=PUBLISH_S, headers=header)
        except NoStreamResponseError as error:
            await self.ensure_topology()
            raise Retryable("bus_unavailable", "The stream was gone; it is made again.") from error
        except TRANSIENT as error:
            raise Retryable("bus_unavailable", f"The message was not taken: {error}") from error

    async def check(self) -> None:
        """Readiness. Raises Retryable("bus_unavailable") unless JetStream answers."""
        if not self.client.is_connected:
            raise Retryable("bus_unavailable", "nats-server is away.")
        try:
            async with asyncio.timeout(CHECK_S):
                await self.js.stream_info(subjects.TASKS)
        except TRANSIENT as error:
            raise Retryable("bus_unavailable", f"JetStream does not answer: {error}") from error

    async def close(self) -> None:
        """Send what is buffered, then close. Doesn't wait for a server that is away."""
        self._closing = True
        if self._restoring is not None:
            self._restoring.cancel()
            await asyncio.gather(self._restoring, return_exceptions=True)
        if self.client.is_connected:
            with contextlib.suppress(*TRANSIENT):
                await self.client.flush(timeout=1)
        if not self.client.is_closed:
            with contextlib.suppress(*TRANSIENT):  # nats-py tries to send what is left, on a broken pipe too
                await self.client.close()


async def _wait_for_port(urls: list[str], deadline: float) -> None:
    """Return when one of the servers takes connections: a failed first try of nats-py costs two seconds."""
    while True:
        for url in urls:
            parts = urlsplit(url if "://" in url else f"nats://{url}")
            try:
                async with asyncio.timeout(2.0):
                    _, writer = await asyncio.open_connection(parts.hostname, parts.port or 4222)
            except OSError:
                continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return
        if time.monotonic() > deadline:
            raise Retryable("bus_unavailable", "nats-server does not answer.")
        await asyncio.sleep(POLL_S)
