"""What work takes is learned in the ledger's transaction, and refuses what is too dear: on both databases."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import sqlalchemy as sa

from libs.contracts.errors import BudgetExceeded
from libs.contracts.facts import Fact, SourceFetched, TakeRendered, Usage
from libs.contracts.jobs import JobOptions, State
from libs.contracts.tasks import Fetch
from libs.money.amounts import amount_of, micros_of
from libs.money.prices import prices_of
from services.ingest import tables as t
from services.ingest.access.callers import Caller
from services.ingest.access.tables import audit
from services.ingest.brief import Given
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.money.figure_tables import figures
from services.ingest.money.learning import Learning
from services.ingest.money.treasury import Treasury
from tests.unit.ingest.story import SONG, broke, done, new_job

ADA = Caller(owner="ada", means="token")
PRICES = prices_of("*=3.60")
"""A thousandth of the currency a second."""


@pytest.fixture
def ledger(database: Database) -> Ledger:
    """A ledger of an installation whose GPUs have a price."""
    learning = Learning(database, PRICES)
    return Ledger(database, learning=learning, treasury=Treasury(database, figures=learning.figures))


def filmed(scene: int, seconds: float, *, attempt: int = 1, reused: bool = False) -> Fact:
    """A scene of a second that a GPU server has made in so many."""
    fact = done(f"animate.s{scene:03d}", attempt=attempt)
    assert isinstance(fact.body, TakeRendered)
    body = msgspec.structs.replace(fact.body, backend="comfyui", workflow="wan")
    return told(msgspec.structs.replace(fact, body=body), seconds, reused=reused)


def told(fact: Fact, seconds: float, *, reused: bool = False) -> Fact:
    usage = Usage(gpu_seconds=seconds, cost=amount_of(micros_of(seconds / 1000)), reused=reused)
    return msgspec.structs.replace(fact, usage=usage)


async def planned(ledger: Ledger) -> str:
    """A job with three scenes of a second each."""
    job_id = (await ledger.accept(new_job())).job_id
    for task in ("analyze", "plan"):
        await ledger.apply(msgspec.structs.replace(done(task), job_id=job_id))
    return job_id


async def tell(ledger: Ledger, job_id: str, *facts: Fact) -> None:
    for fact in facts:
        await ledger.apply(msgspec.structs.replace(fact, job_id=job_id))


async def learned(database: Database) -> dict[str, list[float]]:
    """By workflow: results, units and GPU seconds."""
    c = figures.c
    async with database.read() as connection:
        rows = await connection.execute(sa.select(c.workflow, c["count"], c.units, c.gpu_seconds))
        return {workflow: [float(one) for one in told] for workflow, *told in rows}


async def test_each_attempt_is_learned_once_and_what_was_found_never(ledger: Ledger, database: Database) -> None:
    job_id = await planned(ledger)
    cancelled = broke("animate.s003", code="job_cancelled")
    await tell(
        ledger,
        job_id,
        told(broke("animate.s001"), 10.0),
        filmed(1, 20.0, attempt=2),
        filmed(1, 20.0, attempt=2),
        filmed(2, 40.0, reused=True),
        told(cancelled, 7.0),
    )
    found = await learned(database)
    assert found["wan"] == [1, 1.0, 20.0]
    assert found[""] == pytest.approx([1, 1.0, 29.8]), "what gave nothing has cost something too"


async def test_jobs_side_by_side_lose_nothing(ledger: Ledger, database: Database) -> None:
    jobs = [await planned(ledger) for _ in range(4)]
    await asyncio.gather(*(tell(ledger, job, filmed(scene, 12.0)) for job in jobs for scene in (1, 2, 3)))
    found = await learned(database)
    faded = sum(0.98**n for n in range(12))
    assert found["wan"] == pytest.approx([12, faded, 12 * faded])


async def test_an_order_that_would_cost_too_much_is_refused_and_leaves_nothing(
    ledger: Ledger, database: Database
) -> None:
    dear = msgspec.structs.replace(new_job(), options=JobOptions(seed=7, budget_cap_usd=0.1))
    quote = await ledger.quote(dear)
    assert not quote.fits
    with pytest.raises(BudgetExceeded, match="estimated to cost"):
        await ledger.accept(dear, key="k", body_digest="d")
    async with database.read() as connection:
        for table in (t.jobs, t.projects, t.outbox, audit):
            assert (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one() == 0
    enough = amount_of(quote.estimate.total.cost)
    paid = msgspec.structs.replace(new_job(), options=JobOptions(seed=7, budget_cap_usd=enough))
    accepted = [await ledger.accept(paid, by=ADA, key="k", body_digest="another") for _ in range(2)]
    assert [one.created for one in accepted] == [True, False]
    job_id = accepted[0].job_id
    await ledger.cancel(job_id)
    await ledger.retry(job_id, ADA)
    async with database.read() as connection:
        noted = [
            tuple(row) for row in await connection.execute(sa.select(audit.c.actor, audit.c.action, audit.c.detail))
        ]
    assert noted == [
        ("ada", "job.ordered", f'{{"kind":"full","estimate":{enough}}}'),
        ("ada", "job.retried", '{"run":2}'),
    ]


@pytest.mark.parametrize(("seconds", "goes_on"), [(12.0, True), (600.0, False)])
async def test_a_song_that_turns_out_too_long_once_it_is_fetched(
    ledger: Ledger, *, seconds: float, goes_on: bool
) -> None:
    given = Given(source=Fetch(audio_url="https://example.com/song.mp3"))
    cap = amount_of((await ledger.quote(msgspec.structs.replace(new_job(), duration=60.0))).estimate.total.cost)
    options = JobOptions(seed=7, budget_cap_usd=cap)
    order = msgspec.structs.replace(new_job(), song=None, duration=0.0, given=given, options=options)
    job_id = (await ledger.accept(order)).job_id
    body = SourceFetched(song=SONG, song_name="song.mp3", duration=seconds)
    await tell(ledger, job_id, msgspec.structs.replace(done("analyze"), task="fetch", body=body))
    standing = await ledger.snapshot(job_id)
    if goes_on:
        assert standing.state is State.ANALYZING
        return
    assert standing.state is State.FAILED
    assert standing.error is not None
    assert (standing.error.code, standing.error.task) == ("budget_exceeded", "fetch")


async def test_where_clips_are_drawn_after_all_the_estimate_falls(ledger: Ledger) -> None:
    before = (await ledger.quote(new_job())).estimate.total.gpu_seconds
    job_id = await planned(ledger)
    await tell(ledger, job_id, *(done(f"animate.s00{scene}") for scene in (1, 2, 3)))
    assert (await ledger.quote(new_job())).estimate.total.gpu_seconds < before
