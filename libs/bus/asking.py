"""Questions to all processes that have an answer, on core NATS: who is away, or slow, is left out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec
from nats.aio.msg import Msg

from libs.bus.connection import TRANSIENT, Bus
from libs.bus.follow import Following, subscribed
from libs.contracts.errors import Retryable

T = TypeVar("T", bound=msgspec.Struct)

LONGEST_S = 1.0
QUIET_S = 0.3
"""When nothing has come for so long after the first answer, nothing is waited for."""

log = logging.getLogger(__name__)


async def answer(bus: Bus, subject: str, say: Callable[[], msgspec.Struct]) -> Following:
    """Answer each question from now on with what `say` returns. Raises Retryable("bus_unavailable")."""

    async def take(message: Msg) -> None:
        if message.reply:
            try:
                await bus.client.publish(message.reply, msgspec.json.encode(say()))
            except TRANSIENT as error:
                log.debug("an answer is lost: %s", error)

    return await subscribed(bus, subject, take)


async def ask(bus: Bus, subject: str, kind: type[T]) -> list[T]:
    """All answers that come within a second; none at once where nobody listens.

    Raises Retryable("bus_unavailable").
    """
    if not bus.connected:
        raise Retryable("bus_unavailable", "nats-server is away.")
    came: asyncio.Queue[Msg] = asyncio.Queue()
    inbox = bus.client.new_inbox()
    following = await subscribed(bus, inbox, came.put)
    found: list[T] = []
    until = asyncio.get_running_loop().time() + LONGEST_S
    try:
        await bus.client.publish(subject, b"", inbox)
        while (left := until - asyncio.get_running_loop().time()) > 0:
            async with asyncio.timeout(min(left, QUIET_S) if found else left):
                message = await came.get()
            if (message.headers or {}).get("Status"):  # the server's own: nobody listens
                break
            try:
                found.append(msgspec.json.decode(message.data, type=kind))
            except msgspec.DecodeError as error:
                log.warning("an answer can't be read: %s", error)
    except TimeoutError:
        pass
    except TRANSIENT as error:
        raise Retryable("bus_unavailable", f"The question was not taken: {error}") from error
    finally:
        await following.stop()
    return found
