"""Pulling from one consumer: one request at a time, without losing a message that comes late.

nats-py's `fetch` can't ask for one message without waiting, and mixes up the answers of requests that were
given up. Here each request has its own reply subject under one inbox, so a status belongs to a request,
while a message is welcome whichever request it answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import Any, cast

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from libs.bus.connection import TRANSIENT, Bus
from libs.contracts.errors import Retryable

ANSWER_S = 2.0
"""How long an answer may take beyond the wait that was asked for."""

_NOTHING = ("404", "408")  # no messages; the request's time is over
_ALIVE = "100"
_NO_RESPONDERS = "503"
_STATUS = "Status"
_DESCRIPTION = "Description"


class PullFailed(Retryable):
    """The server did not serve the request. `gone`: the consumer is not there and must be made again."""

    def __init__(self, message: str, *, gone: bool) -> None:
        super().__init__("bus_unavailable", message)
        self.gone = gone


class Puller:
    """The client's side of one pull consumer. One `pull` at a time."""

    def __init__(self, bus: Bus, stream: str, consumer: str, *, hoard_s: float = 0.0) -> None:
        """hoard_s: how long a message that came beyond what was taken may wait here for the next pull; one that
        waited longer is dropped, since the server delivers it again. 0: such a message is given back at once.
        """
        self._bus = bus
        self._name = f"{stream}/{consumer}"
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._hoard_s = hoard_s
        self._inbox = ""
        self._number = 0
        self._subscription: Subscription | None = None
        self._arrived: deque[tuple[float, Msg]] = deque()
        self._status: tuple[str, str] | None = None
        self._changed = asyncio.Event()
        self._interrupted = False
        self._pulling = False
        self._closed = False
        self._forget = bus.on_reconnect(self._interrupt)

    async def pull(self, *, wait_s: float = 0.0, batch: int = 1) -> list[Msg]:
        """Up to `batch` messages; none when there are none within `wait_s` (0: none now).

        Raises PullFailed when the server doesn't serve the request or the connection was renewed meanwhile,
        and the errors of nats-py.
        """
        if self._subscription is None and not self._closed:
            self._inbox = self._bus.client.new_inbox()
            self._subscription = await self._bus.client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        here = self._take(batch)
        if here or self._closed:
            return here
        if not self._bus.connected:
            raise PullFailed("nats-server is away.", gone=False)
        self._number += 1
        self._status = None
        self._interrupted = False
        self._pulling = True
        try:
            await self._ask(batch, wait_s)
            return await self._answer(batch, time.monotonic() + wait_s + ANSWER_S)
        finally:
            self._pulling = False
            await self._give_back_surplus()

    def give_up(self) -> None:
        """End the pull in progress; it returns what has come. What comes later is given back."""
        self._pulling = False
        self._changed.set()

    async def _ask(self, batch: int, wait_s: float) -> None:
        request: dict[str, object] = {"batch": batch}
        if wait_s > 0:
            request["expires"] = int(wait_s * 1e9)
        else:
            request["no_wait"] = True
        await self._bus.client.publish(
            self._request_subject, json.dumps(request).encode(), f"{self._inbox}.{self._number}"
        )

    async def _answer(self, batch: int, deadline: float) -> list[Msg]:
        while True:
            here = self._take(batch)
            if here or self._closed or not self._pulling:
                return here
            if self._status is not None:
                status, description = self._status
                if status in _NOTHING:
                    return []
                gone = status == _NO_RESPONDERS or "deleted" in description.lower()
                raise PullFailed(f"{self._name}: {status} {description}".strip(), gone=gone)
            if self._interrupted:
                raise PullFailed(f"{self._name}: the connection was renewed.", gone=False)
            left = deadline - time.monotonic()
            if left <= 0:
                raise PullFailed(f"{self._name}: no answer.", gone=False)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def close(self) -> list[Msg]:
        """End the pull in progress, which returns nothing. Returns what arrived and was not taken."""
        self._closed = True
        self._changed.set()
        self._forget()
        if self._subscription is not None and self._bus.connected:
            # `drain` has the server forget our requests, then lets in what was on its way.
            with contextlib.suppress(*TRANSIENT):
                async with asyncio.timeout(1.0):
                    await cast(Any, self._subscription).drain()
        left = [message for _, message in self._arrived]
        self._arrived.clear()
        return left

    def _take(self, batch: int) -> list[Msg]:
        if self._closed:
            return []
        oldest = time.monotonic() - self._hoard_s
        taken: list[Msg] = []
        while self._arrived and len(taken) < batch:
            arrived_at, message = self._arrived.popleft()
            if self._hoard_s == 0 or arrived_at >= oldest:
                taken.append(message)
        return taken

    async def _give_back_surplus(self) -> None:
        while self._arrived and self._hoard_s == 0 and not self._closed:
            _, message = self._arrived.popleft()
            with contextlib.suppress(*TRANSIENT):
                await message.nak()

    def _interrupt(self) -> None:
        self._interrupted = True
        self._changed.set()

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get(_STATUS)
        if status is None:
            self._arrived.append((time.monotonic(), message))
            if not self._pulling and not self._closed:
                await self._give_back_surplus()
        elif status != _ALIVE and message.subject == f"{self._inbox}.{self._number}":
            self._status = (status, (message.headers or {}).get(_DESCRIPTION, ""))
        self._changed.set()
