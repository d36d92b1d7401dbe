"""The websocket of one server, held open: it comes back by itself, and says so each time.

Servers send no heartbeat, so we ping: a connection that died without a word is found within `PING_S` and
`PONG_S` together. A zombie answers pings and tells nothing, since another socket took its client id or the server
forgot it; only whoever reconciles sees that prompts go on, and calls `renew`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from services.generator.comfyui.address import Address
from services.generator.comfyui.errors import brief
from services.generator.comfyui.events import HELLO, Connected, Disconnected, Event, read
from services.generator.comfyui.transport import tls

PING_S = 10.0
PONG_S = 10.0
OPEN_S = 10.0
LONGEST_PAUSE_S = 15.0
STEADY_S = 5.0
"""A connection that lived this long was a good one: the next pause is short again."""
LARGEST_MESSAGE = 32_000_000
MESSAGES_AHEAD = 4
"""So many are read before the first is dealt with."""

Listener = Callable[[Event], None]
"""Told every event, in order, in the loop's thread; it must not block. What it raises is logged, no more."""

log = logging.getLogger(__name__)
_wire = log.getChild("wire")
_wire.setLevel(logging.INFO)  # below that it tells headers, and passwords in them


class _ConnectHere(connect):
    """Connects to the server that was named, and to no other one that it names."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Nowhere else."""
        return exc


class EventStream:
    """The events of the server at `address` for the prompts submitted under `client_id`.

    An async context manager; made and used in one loop. On each (re)connect the listener is told Connected.
    """

    def __init__(
        self,
        address: Address,
        client_id: str,
        listener: Listener,
        *,
        ping_s: float = PING_S,
        pong_s: float = PONG_S,
    ) -> None:
        self.address = address
        self._uri = address.socket(client_id)
        self._listener = listener
        self._ping_s, self._pong_s = ping_s, pong_s
        self._spread = 0.5 + zlib.crc32(client_id.encode()) / 2**33  # so that not all come back at once
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._heard_at = 0.0

    @property
    def connected(self) -> bool:
        """Whether a socket stands now."""
        return self._socket is not None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep(), name=f"events of {self.address.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def quiet_s(self) -> float:
        """Seconds since the last message, or since the socket stands; 0 without one.

        A prompt of ours that runs while this grows may mean a zombie: `renew` costs nothing that was not lost.
        """
        return 0.0 if self._socket is None else time.monotonic() - self._heard_at

    def renew(self) -> None:
        """Drop the socket, if there is one, and connect anew at once."""
        self._hurry.set()
        if self._socket is not None:
            self._socket.transport.abort()

    async def _keep(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            try:
                reason = await self._session()
            except (OSError, WebSocketException, TimeoutError) as error:
                reason = brief(str(error) or type(error).__name__, 200)
            except Exception as error:  # whatever it is: nobody would listen to the server any more
                log.exception("the events of %s ended", self.address.name)
                reason = type(error).__name__
            failures = 1 if time.monotonic() - began > STEADY_S else failures + 1
            if self._socket is not None:
                self._socket = None
                self._tell(Disconnected(reason))
            await self._pause(failures, reason)

    async def _session(self) -> str:
        """One connection, to its end. Returns why it ended."""
        async with _ConnectHere(
            self._uri,
            additional_headers=self.address.headers,
            logger=_wire,
            ssl=tls() if self.address.secure else None,
            proxy=None,
            compression=None,
            user_agent_header=None,
            open_timeout=OPEN_S,
            ping_interval=self._ping_s,
            ping_timeout=self._pong_s,
            close_timeout=1.0,
            max_size=LARGEST_MESSAGE,
            max_queue=MESSAGES_AHEAD,
        ) as socket:
            await socket.send(HELLO)
            self._socket, self._heard_at = socket, time.monotonic()
            self._hurry.clear()
            self._tell(Connected())
            async for message in socket:
                self._heard_at = time.monotonic()
                for event in read(message):
                    self._tell(event)
            return f"closed with {socket.close_code}"

    def _tell(self, event: Event) -> None:
        try:
            self._listener(event)
        except Exception:
            log.exception("a listener of %s failed", self.address.name)

    async def _pause(self, failures: int, reason: str) -> None:
        pause = min(LONGEST_PAUSE_S, 0.1 * 2 ** min(failures, 10)) * self._spread
        log.info("no events from %s (%s), again in %.1f s", self.address.name, reason, pause)
        try:
            async with asyncio.timeout(pause):
                await self._hurry.wait()
        except TimeoutError:
            return
        finally:
            self._hurry.clear()
