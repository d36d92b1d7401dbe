"""Webhooks in hours that pass at once: a ledger whose clock the test moves, and the notifier's own handler.

Only the bus between them is left out: what the outbox publishes is handed over by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from libs.bus.handler import TaskContext
from libs.bus.settle import failure_of
from libs.contracts.facts import Fact, FactBody
from libs.contracts.messages import Control, DeadLetter
from libs.contracts.tasks import Notify, Task
from libs.runtime.settings import Shared
from libs.seal import Keyring
from libs.telemetry.metrics import DeliveryMetrics
from services.ingest import tables as t
from services.ingest.access.callers import LOCAL
from services.ingest.columns import Moment
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.outbox import KINDS, Outbox
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.endpoints import Endpoints, NewEndpoint
from services.ingest.webhooks.records import EVENTS, Attempt, Delivery, Standing
from services.notifier.handlers import make_handlers
from services.notifier.settings import NotifierSettings
from tests.unit.ingest.story import new_job

KEY = "bWFpbiBrZXkgb2YgdGhlIHRlc3RzLCAzMiBieXRlcyE="
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class PostOffice:
    """Jobs end, and their webhooks go out."""

    def __init__(
        self,
        database: Database,
        *,
        standing: Standing | None = None,
        timeout_s: float = 5.0,
        keys: tuple[str, ...] = (KEY,),
    ) -> None:
        self.now = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
        self.sent: list[Task] = []
        self.letters: list[DeadLetter] = []
        self.ledger = Ledger(database, clock=self._clock, standing=standing)
        self.endpoints = Endpoints(database, Keyring(keys), clock=self._clock, wake=lambda: None)
        self.deliveries = Deliveries(database)
        self._database = database
        self._outbox = Outbox(database, self, refused=self.ledger.apply, clock=self._clock)
        settings = NotifierSettings(
            shared=Shared(secret_key=keys), secret=SECRET, allow_hosts=("*",), timeout_s=timeout_s
        )
        self._notify = make_handlers(settings, DeliveryMetrics(CollectorRegistry()))["notify"]
        self._inbox: list[Task] = []

    def _clock(self) -> datetime:
        return self.now

    # The bus that it stands for.

    async def publish_task(self, task: Task) -> None:
        """Webhooks come in; other work lies where it is."""
        if isinstance(task.body, Notify):
            self._inbox.append(task)

    async def publish_fact(self, fact: Fact) -> None:
        """Nobody listens."""

    async def publish_control(self, control: Control) -> None:
        """Nobody listens."""

    async def publish_dead(self, letter: DeadLetter) -> None:
        """Keep it."""
        self.letters.append(letter)

    # What a test does.

    async def register(self, url: str, **wishes: object) -> tuple[str, str]:
        """A new endpoint's id and secret."""
        order = msgspec.structs.replace(NewEndpoint(url=url, events=EVENTS), **wishes)
        endpoint, secret = await self.endpoints.register(LOCAL, order)
        return endpoint.id, secret

    async def ended_job(self, callback_url: str = "", **wishes: object) -> str:
        """The id of a job that was cancelled as soon as it was there."""
        order = msgspec.structs.replace(new_job(callback_url), **wishes)
        job_id = (await self.ledger.accept(order)).job_id
        await self.ledger.cancel(job_id)
        return job_id

    async def deliver(self) -> list[Task]:
        """Send what is due now, each once, and tell the ledger what came of it."""
        await self._publish()
        due, self._inbox = self._inbox, []
        await asyncio.gather(*(self._carry(task) for task in due))
        await self._publish()
        return due

    async def _publish(self) -> None:
        for kind in KINDS:
            await self._outbox.publish_due(kind)

    async def lose(self) -> int:
        """Lose what is due now on its way; how many."""
        await self._publish()
        lost, self._inbox = self._inbox, []
        return len(lost)

    async def pass_time(self, **span: float) -> int:
        """Let time pass, and send whatever comes due on the way; how often something was sent."""
        end, sent = self.now + timedelta(**span), 0
        while True:
            sent += len(await self.deliver())
            due = await self._next_due()
            if due is None or due > end:
                self.now = end
                return sent
            self.now = max(due, self.now)

    async def only_delivery(self) -> tuple[Delivery, list[Attempt]]:
        """The one that there is, with its tries."""
        (told,) = await self.deliveries.page(LOCAL, limit=10)
        return told

    async def _carry(self, task: Task) -> None:
        self.sent.append(task)
        try:
            bodies: list[FactBody] = [*await self._notify(task, TaskContext(task))]
        except Exception as error:
            bodies = [failure_of(error)]
        for body in bodies:
            fact = Fact(
                job_id=task.job_id, run=task.run, task=task.task, attempt=task.attempt, at=self.now, body=body
            )
            await self.ledger.apply(fact)

    async def _next_due(self) -> datetime | None:
        c = t.outbox.c
        query = sa.select(sa.func.min(c.not_before, type_=Moment())).where(c.kind == "task", c.sent_at.is_(None))
        async with self._database.read() as connection:
            due: datetime | None = (await connection.execute(query)).scalar_one()
        return due


@asynccontextmanager
async def post_office(folder: Path, **wishes: object) -> AsyncIterator[PostOffice]:
    """A post office over a ledger in this folder."""
    database = Database(f"sqlite+aiosqlite:///{folder}/ledger.db")
    await database.migrate()
    try:
        yield PostOffice(database, **wishes)  # type: ignore[arg-type]
    finally:
        await database.close()
