"""The lease: which prompt stands for a piece of work, and on which server. Written before the prompt is sent.

Whoever takes the work up again, in this process or another, finds the prompt by it instead of sending another. The
prompt's id follows from the work and the number of the attempt, which counts attempts that have ended, never
deliveries. Pure but for `Leases`, which keeps them in the bus's bucket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

import msgspec

from libs.bus.connection import Bus
from libs.bus.handler import Bill
from libs.bus.records import Held, Records
from libs.contracts.errors import Retryable
from libs.money.amounts import Micros, micros_of

LIFETIME_S = 2 * 86400.0
"""A lease that nobody has written for so long is forgotten."""
BUS_S = 120.0
"""How long the bus is waited for."""
AGAIN_S = 0.5

T = TypeVar("T")

_NAMESPACE = UUID("8f1c5e0a-0a57-5b51-9a86-2f5d3a4f7d21")


class EndedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that gave nothing."""

    server: str
    workflow: str
    profile: str
    vram: int
    """Bytes of the server's GPU memory."""
    code: str
    message: str
    at: datetime
    gpu_seconds: float = 0.0
    cost: float = 0.0
    """What it has taken all the same; cost in the currency of the budget."""
    infrastructure: bool = False
    """The server's fault, not the order's."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt that stands, and those before it."""

    work: str
    """What it is for: the task's message id, and the piece of the clip."""
    workflow: str
    profile: str
    seed: int
    server: str
    epoch: str
    """The server's, when the prompt was sent: another one says that it has lost its queue since."""
    request: str = ""
    """A digest of what was asked for: graph, values, seed and inputs; "" where it was not told."""
    prompt_id: str
    sent_at: datetime
    open: bool = True
    """False once the attempt has ended."""
    ended: tuple[EndedAttempt, ...] = ()

    @property
    def attempt(self) -> int:
        """The number of the attempt that stands, or stood last: from 1."""
        return len(self.ended) + (1 if self.open else 0)


def prompt_id_of(work: str, attempt: int) -> str:
    """The id of an attempt's prompt: the same whoever sends it."""
    return str(uuid5(_NAMESPACE, f"{work}#{attempt}"))


def opened(
    before: Lease | None,
    *,
    work: str,
    workflow: str,
    profile: str,
    seed: int,
    server: str,
    epoch: str,
    at: datetime,
    request: str = "",
) -> Lease:
    """The next attempt. Raises ValueError while one stands."""
    if before is not None and before.open:
        raise ValueError(f"attempt {before.attempt} of {work} still stands")
    ended = () if before is None else before.ended
    return Lease(
        work=work,
        workflow=workflow,
        profile=profile,
        seed=seed,
        server=server,
        epoch=epoch,
        request=request,
        prompt_id=prompt_id_of(work, len(ended) + 1),
        sent_at=at,
        ended=ended,
    )


def bill_of(attempts: Sequence[EndedAttempt], *, seconds: float = 0.0, cost: Micros = 0) -> Bill:
    """What attempts have cost, with the one that runs."""
    return Bill(
        gpu_seconds=seconds + sum(one.gpu_seconds for one in attempts),
        cost=cost + sum(micros_of(one.cost) for one in attempts),
    )


def closed(lease: Lease, end: EndedAttempt) -> Lease:
    """The lease when its attempt has ended badly."""
    return msgspec.structs.replace(lease, open=False, ended=(*lease.ended, end))


class Leases(Records[Lease]):
    """The leases of all generators, by work."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus, "lease", Lease, lifetime_s=LIFETIME_S)

    async def get(self, work: str) -> Held[Lease] | None:
        """The lease as it stands. Raises Retryable("bus_unavailable")."""
        return await _patiently(lambda: self.read(work))

    async def put(self, lease: Lease, over: Held[Lease] | None) -> Held[Lease]:
        """Write a lease over the one that was read. Raises Outrun, Retryable("bus_unavailable").

        Outrun may be raised for our own write, when its answer was lost: what stands says so.
        """
        return await _patiently(lambda: self.write(lease.work, lease, over))


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """What the call gives. While the bus is away, the prompts on the servers go on: so it is waited for."""
    until = time.monotonic() + BUS_S
    while True:
        try:
            return await call()
        except Retryable:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(AGAIN_S)
