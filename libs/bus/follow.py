"""Following chatter on core NATS: progress and wakes. What comes while the server is away is lost."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from libs.bus.connection import TRANSIENT, Bus
from libs.contracts import subjects
from libs.contracts.errors import Malformed, Retryable
from libs.contracts.messages import Progress, decode

log = logging.getLogger(__name__)


class Following:
    """A subscription that lives over reconnects until `stop`, or until its bus is closed."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def stop(self) -> None:
        """End it."""
        try:
            await self._subscription.unsubscribe()
        except TRANSIENT as error:
            log.debug("unsubscribing: %s", error)


async def follow_progress(bus: Bus, on_progress: Callable[[Progress], None]) -> Following:
    """Call `on_progress` with all progress of all jobs from now on. Returns at once."""

    async def take(message: Msg) -> None:
        try:
            progress = decode(message.data, Progress)
        except Malformed as error:
            log.debug("progress that can't be read: %s", error)
            return
        on_progress(progress)

    return await subscribed(bus, subjects.PROGRESS_SUBJECTS, take)


async def follow_wakes(bus: Bus, on_wake: Callable[[str], None]) -> Following:
    """Call `on_wake` with the id of each job that has new events. Returns at once."""

    async def take(message: Msg) -> None:
        on_wake(message.subject.rpartition(".")[2])

    return await subscribed(bus, subjects.WAKE_SUBJECTS, take)


async def subscribed(bus: Bus, subject: str, take: Callable[[Msg], Awaitable[None]]) -> Following:
    """Call `take` with each message from now on. Raises Retryable("bus_unavailable")."""
    try:
        subscription = await bus.client.subscribe(subject, cb=take)
        # nats-py sends its ping before what is buffered: only the second answer comes after the subscription.
        await bus.client.flush()
        await bus.client.flush()
    except TRANSIENT as error:
        raise Retryable("bus_unavailable", f"Not subscribed: {error}") from error
    return Following(subscription)
