"""What operators look at and switch, on both databases, while the bus is away."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from libs.bus.connection import Bus
from libs.bus.drains import Drains
from libs.bus.topology import Topology
from libs.contracts.errors import BeatloomError, Retryable
from libs.contracts.facts import Usage
from services.ingest.access.callers import MACHINE
from services.ingest.database import Database
from services.ingest.ledger import Ledger, utc_now
from services.ingest.money.tables import charges
from services.ingest.operating.draining import Draining
from services.ingest.operating.figures import figures_view
from services.ingest.operating.intake import Intake
from services.ingest.operating.journal import Asked, lines
from services.ingest.operating.queues import queues_view
from services.ingest.operating.spending import spending
from tests.unit.ingest.story import done, new_job

AWAY = Bus(Topology(), "never connected")


async def test_switches_outlive_everybody_and_are_thrown_once(database: Database) -> None:
    intake, ledger = Intake(database, utc_now), Ledger(database)
    running = (await ledger.accept(new_job(), key="known", body_digest="d")).job_id
    draining = Draining(database, Drains(AWAY), utc_now)
    told = await asyncio.gather(*(draining.drain(MACHINE, f"gpu-{number % 2}:1") for number in range(6)))
    assert not any(told), "the bus is away"
    assert [one.server for one in await draining.servers()] == ["gpu-0:1", "gpu-1:1"]
    await asyncio.gather(*(intake.pause(MACHINE, f"reason {number}", 60) for number in range(4)))
    with pytest.raises(Retryable) as refused:
        await ledger.accept(new_job())
    assert (refused.value.code, refused.value.after) == ("intake_paused", 60)
    assert (await ledger.accept(new_job(), key="known", body_digest="d")).job_id == running
    await ledger.apply(msgspec.structs.replace(done("analyze"), job_id=running))
    await ledger.cancel(running)
    with pytest.raises(BeatloomError):
        await ledger.retry(running)
    await asyncio.gather(*(intake.resume(MACHINE) for _ in range(4)))
    assert await ledger.retry(running) == 2
    thrown = [line.action for line in await lines(database, Asked(), limit=100, before=None)]
    assert (thrown.count("server.drained"), thrown.count("intake.resumed")) == (2, 1)


async def test_what_was_made_and_spent_is_summed(database: Database) -> None:
    ledger = Ledger(database)
    job_id = (await ledger.accept(new_job())).job_id
    for task in ("analyze", "plan"):
        await ledger.apply(msgspec.structs.replace(done(task), job_id=job_id))
    waits = await queues_view(database, AWAY, utc_now())
    assert waits.lanes is None
    assert {one.kind: one.count for one in waits.open}["animate"] == 3
    assert (waits.running_jobs, waits.waiting_jobs) == (1, 0)
    assert waits.outbox.waiting > 0
    assert waits.outbox.oldest_at is not None
    assert utc_now() - waits.outbox.oldest_at < timedelta(minutes=1)
    for scene, seconds in ((1, 4.0), (2, 2.0), (3, 9.0)):
        fact = msgspec.structs.replace(done(f"animate.s{scene:03d}"), job_id=job_id)
        usage = Usage(wall_seconds=seconds, reused=scene == 3)
        await ledger.apply(msgspec.structs.replace(fact, usage=usage, at=utc_now()))
    found = await figures_view(database, utc_now(), 1)
    assert [(one.scenes, one.median_seconds) for one in found.by] == [(2, 3.0)]

    charge = {
        "job_id": job_id,
        "run": 1,
        "attempt": 1,
        "owner": "ann",
        "project_id": "p1",
        "scene": "",
        "at": utc_now(),
    }
    rows = [
        {"task": "a", "kind": "animate", "month": "2026-11", "reserved": 900_000, "spent": 400_000, "tokens": 3},
        {
            "task": "b",
            "kind": "voice",
            "month": "2026-11",
            "reserved": 500_000,
            "spent": 1,
            "settled_at": utc_now(),
        },
        {"task": "c", "kind": "animate", "month": "2026-12", "reserved": 5, "spent": None},
    ]
    async with database.write() as connection:
        await connection.execute(sa.delete(charges))
        for row in rows:
            whole = {"gpu_seconds": 0.5, "tokens": 0, "characters": 7, **charge, **row}
            await connection.execute(sa.insert(charges).values(**whole))
    by_kind = await spending(database, month="2026-11", owner="", by="kind")
    assert [(one.kind, one.cost, one.reserved) for one in by_kind] == [
        ("animate", 0.4, 0.5),
        ("voice", 0.000001, 0.0),
    ]
    ((first, second),) = [await spending(database, month="", owner="ann", by="user")]
    assert (first.month, first.cost, first.gpu_seconds, first.tokens) == ("2026-11", 0.400001, 1.0, 3)
    assert (second.month, second.reserved, second.characters, second.email) == ("2026-12", 0.000005, 7, None)
    (job,) = await spending(database, month="2026-11", owner="", by="job")
    assert (job.job_id, job.cost, job.reserved) == (job_id, 0.400001, 0.5)
    assert await spending(database, month="", owner="bob", by="project") == []
