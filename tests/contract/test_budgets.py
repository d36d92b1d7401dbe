"""Money in the ledger, on SQLite and on a real PostgreSQL: nothing is spent that nobody allowed."""

import asyncio
import random
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from libs.contracts.errors import Permanent
from libs.contracts.facts import Fact
from libs.contracts.jobs import State
from libs.contracts.tasks import Animate, Task
from libs.money.amounts import amount_of
from services.ingest import tables as t
from services.ingest.access.callers import MACHINE, Caller
from services.ingest.access.tables import audit
from services.ingest.database import Database
from services.ingest.money.approving import Approvals
from services.ingest.money.budgets import Caps, Payer
from services.ingest.money.costs import read_job_costs, read_project_costs
from services.ingest.money.tables import budgets, charges
from services.ingest.projects.store import Projects
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.records import Standing
from tests.contract.tills import CEILING, CLIP, Till

USER = Caller(owner="local", means="token", scopes=frozenset({"read", "write", "account"}))
KEY = Caller(owner="local", means="key", scopes=frozenset({"read", "write"}))


def approvals_of(till: Till) -> Approvals:
    """What raises caps."""
    return Approvals(till.database, till.ledger, lambda: till.now)


async def state_of(till: Till, job_id: str) -> State:
    return (await till.ledger.snapshot(job_id)).state


async def test_a_job_pauses_at_its_cap_and_goes_on_when_more_is_approved(database: Database) -> None:
    till = Till(database, standing=Standing(url="http://127.0.0.1:9/"))
    job_id = await till.job(cap=2 * CLIP)
    first, second = await till.clips()
    for task in (first, second):
        assert isinstance(task.body, Animate) and task.body.ceiling == amount_of(CEILING)
    await till.done(first, 24_000)
    assert await state_of(till, job_id) is State.GENERATING  # what is reserved may yet come free
    await till.done(second, 20_000)
    assert await state_of(till, job_id) is State.AWAITING_FEEDBACK
    await till.check()
    (paused,) = await till.events(job_id, "budget_paused")
    assert (paused["scope"], paused["cap"], paused["spent"]) == ("job", amount_of(2 * CLIP), 0.044)
    assert len(await till.events(job_id, "budget_warning")) == 1
    assert (await till.events(job_id, "cost_update"))[-1]["cost"] == 0.044
    told = await Deliveries(database).page("local", limit=9)
    assert {delivery.event for delivery, _ in told} == {"budget_warning", "budget_paused"}
    raised = await approvals_of(till).job(USER, job_id, None)
    assert [one.scope for one in raised] == ["job"]
    (third,) = await till.clips()
    assert await state_of(till, job_id) is State.GENERATING
    await till.done(third, 25_000)
    await till.work(job_id)
    assert await state_of(till, job_id) is State.COMPLETED
    await till.check()
    (line,) = await till.rows(audit)
    assert (line.action, line.subject) == ("budget.approved", job_id)
    costs = await database.look(read_job_costs, job_id)
    assert (costs.cost, costs.reserved, costs.cap) == (0.069, 0.0, amount_of(4 * CLIP))
    assert {scene: one.cost for scene, one in costs.scenes.items()} == {"s001": 0.024, "s002": 0.02, "s003": 0.025}
    project = (await till.ledger.snapshot(job_id)).project_id
    assert (await database.look(read_project_costs, project)).kinds["animate"].gpu_seconds == 69.0
    with pytest.raises(Permanent, match="job_ended"):
        await approvals_of(till).job(USER, job_id, None)


async def test_a_month_is_one_for_all_jobs_and_another_one_begins(database: Database) -> None:
    till = Till(database, caps=Caps(month=3 * CLIP))
    approvals = approvals_of(till)
    one, two = await till.job(), await till.job()
    assert len(await till.clips()) == 3
    assert (await till.rows(t.runs))[1].waits_for == "money"
    for task in await till.clips(one):
        await till.done(task, 10_000)  # what they leave goes to the other, without anybody's word
    await till.check()
    assert len(await till.clips(two)) == 1
    await till.done((await till.clips(two))[0], 28_000)
    assert await state_of(till, two) is State.AWAITING_FEEDBACK
    with pytest.raises(Permanent, match="scope_missing"):
        await approvals.job(KEY, two, None)
    till.treasury.users_approve = False
    with pytest.raises(Permanent, match="approval_by_operator"):
        await approvals.month(USER, "local", None)
    with pytest.raises(Permanent, match="approval_by_operator"):
        await approvals.job(USER, two, None)
    await approvals.month(MACHINE, "local", CLIP)
    (task,) = await till.clips(two)
    await till.failed(task, 28_000)
    assert await state_of(till, two) is State.AWAITING_FEEDBACK
    till.later(days=10)
    await till.waiting.sweep()
    assert len(await till.clips(two)) == 2
    await till.check()
    assert {row.month for row in await till.rows(charges)} == {"2026-11", "2026-12"}
    await approvals.set_cap(MACHINE, "local", 0)
    assert (await approvals.standing("local")).room.left == 0
    assert await Till(database).job("stranger") != one  # nobody else's month is touched
    await till.check(exact=False)


async def test_a_ceiling_that_was_too_low_is_doubled_while_there_is_money(database: Database) -> None:
    till = Till(database)
    job_id = await till.job(cap=8 * CLIP)
    first, *others = await till.clips()
    for task in others:
        await till.done(task, 0)
    await till.failed(first, CLIP, "budget_exceeded")
    (again,) = await till.clips()
    assert isinstance(again.body, Animate) and again.body.ceiling == amount_of(2 * CEILING)
    await till.failed(again, 2 * CLIP, "budget_exceeded")
    (third,) = await till.clips()
    await till.failed(third, 3 * CLIP, "budget_exceeded")
    assert await till.clips() == []
    assert await state_of(till, job_id) is State.AWAITING_FEEDBACK
    await till.check()


async def test_without_a_cap_a_worker_s_own_limit_is_the_last_word(database: Database) -> None:
    till = Till(database)
    job_id = await till.job()
    first, *_ = await till.clips()
    assert isinstance(first.body, Animate) and first.body.ceiling is None
    await till.failed(first, 9_000, "budget_exceeded")
    assert await state_of(till, job_id) is State.FAILED
    assert (await database.look(read_job_costs, job_id)).cost == 0.009


async def test_what_an_ended_run_holds_is_let_go_when_nobody_answers(database: Database) -> None:
    till = Till(database, caps=Caps(month=3 * CLIP))
    one, two = await till.job(), await till.job()
    called_off, lost, _ = await till.clips(one)
    assert await till.clips(two) == []
    await till.ledger.cancel(one)
    assert await till.clips(two) == []  # its workers may yet tell what they have cost
    fact = await till.failed(called_off, 4_000, "job_cancelled")
    await till.ledger.apply(fact)
    await till.failed(lost, 1_000, "worker_lost")
    await till.check()
    till.later(minutes=31)
    await till.waiting.sweep()
    await till.check()
    assert len(await till.clips(two)) == 2
    await till.done(lost, 5_000)  # real money, however late
    await till.check(exact=False)
    assert (await database.look(read_job_costs, one)).cost == 0.01


async def test_what_a_deleted_project_has_cost_stays_paid(database: Database) -> None:
    till = Till(database, caps=Caps(month=3 * CLIP))
    one, two = await till.job(), await till.job()
    done, late, lost = await till.clips(one)
    await till.done(done, 20_000)
    await till.ledger.cancel(one)
    await Projects(database).remove("local", (await till.ledger.snapshot(one)).project_id)
    await till.waiting.sweep()
    fact = await till.failed(late, 4_000, "job_cancelled")
    await till.ledger.apply(fact)
    await till.check()
    assert (await approvals_of(till).standing("local")).spent == 24_000
    assert len(await till.clips(two)) == 1
    till.later(minutes=31)
    payer = Payer(owner="local", project_id="", job_id=one)
    released = [await database.transact(lambda it: till.treasury.release(it, payer, till.now)) for _ in range(2)]
    assert released == [1, 0]
    await till.done(lost, 5_000)  # too late: nobody can tell by now whether it is told twice
    assert (await approvals_of(till).standing("local")).spent == 24_000


async def test_an_approval_is_enough_and_given_once(database: Database) -> None:
    till = Till(database, caps=Caps(job=3 * CLIP))
    job_id = await till.job()
    one, two, three = await till.clips()
    for task in (one, two):
        await till.done(task, CLIP)
    await till.failed(three, CLIP)
    raised = await approvals_of(till).job(MACHINE, job_id, 1_000)
    assert [amount.by for amount in raised] == [1_000]
    assert await state_of(till, job_id) is State.AWAITING_FEEDBACK
    till.treasury.caps = Caps(job=CLIP)
    await till.waiting.sweep()
    assert len(await approvals_of(till).job(MACHINE, job_id, None)) == 1
    assert await state_of(till, job_id) is State.GENERATING, "although more was spent than the cap is by now"
    await till.check()


async def test_letting_go_leaves_a_cap_as_it_was_ordered(database: Database) -> None:
    till = Till(database, caps=Caps(job=100 * CLIP))
    job_id = await till.job(cap=5 * CLIP)
    one, two, three = await till.clips()
    await till.failed(three, 0, "worker_lost")
    for task in (one, two):
        await till.done(task, 2 * CLIP)
    till.later(minutes=61)
    await till.waiting.sweep()
    await till.done((await till.clips())[0], 1)
    assert len(await till.events(job_id, "budget_warning")) == 1
    await till.check(exact=False)


async def test_where_nothing_costs_anything_nothing_is_kept(database: Database) -> None:
    till = Till(database)
    till.treasury._figures = _nothing
    await till.job()
    (task, *_) = await till.clips()
    await till.done(task, 0)
    assert await till.rows(charges) == [] and await till.rows(budgets) == []


async def _nothing(connection: object, now: datetime) -> None:
    return None


@pytest.mark.parametrize("again", range(2))
async def test_two_reservations_at_the_cap(postgres_url: str, again: int) -> None:
    """Two replicas order at the same moment, for two jobs of one user; there is money for one clip."""
    databases = [Database(postgres_url), Database(postgres_url)]
    await databases[0].migrate()
    tills = [Till(database, caps=Caps(month=CLIP)) for database in databases]
    try:
        jobs = await asyncio.gather(*(till.job() for till in tills))
        assert len(await tills[0].clips()) == 1
        await tills[0].check()
        (first,) = await tills[0].clips()
        await asyncio.gather(*(tills[again % 2].ledger.cancel(job) for job in jobs), tills[1].done(first, 100))
        await tills[0].check()
    finally:
        for database in databases:
            await database.close()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["done", "failed", "exceeded", "lost", "late", "twice", "cancel", "retry", "approve", "wait"]
        ),
        st.integers(0, 11),
        st.integers(0, 100),
    ),
    min_size=8,
    max_size=24,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database."""
    path = tmp_path_factory.mktemp("template") / "ledger.db"

    async def make() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        await database.migrate()
        await database.close()

    asyncio.run(make())
    return path


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # a few dozen steps are read sooner than they are shrunk
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
def test_no_order_of_events_spends_too_much_or_loses_a_millionth(
    template: Path, tmp_path: Path, steps: list[tuple[str, int, int]]
) -> None:
    path = tmp_path / f"{random.Random(repr(steps)).getrandbits(64):x}.db"
    path.write_bytes(template.read_bytes())

    async def live() -> None:
        database = Database(f"sqlite+aiosqlite:///{path}")
        try:
            await _live(Till(database, caps=Caps(job=3 * CLIP, month=5 * CLIP)), steps)
        finally:
            await database.close()

    asyncio.run(live())


async def _live(till: Till, steps: list[tuple[str, int, int]]) -> None:
    jobs = [await till.job(), await till.job(), await till.job(cap=2 * CLIP)]
    told: list[Fact] = []
    lost: list[Task] = []
    given_up: set[str] = set()
    approvals = approvals_of(till)
    for step, which, share in steps:
        open_ = [task for task in await till.clips() if task.message_id not in given_up]
        task = open_[which % len(open_)] if open_ else None
        job = jobs[which % len(jobs)]
        try:
            match step:
                case "done" | "failed" | "exceeded" | "lost" if task is not None:
                    told.append(await _answer(till, task, step, share))
                    if step == "lost":
                        lost.append(task)
                case "late" if lost:
                    task = lost.pop(which % len(lost))
                    told.append(await _answer(till, task, "done", share))
                case "twice" if told:
                    await till.ledger.apply(told[which % len(told)])
                case "cancel":
                    await till.ledger.cancel(job)
                case "retry":
                    await till.ledger.retry(job)
                case "approve":
                    await approvals.job(MACHINE, job, share * 1000 + 1)
                case "wait":
                    given_up |= {task.message_id for task in await till.clips()}
                    lost.clear()
                    till.later(minutes=31)
                    await till.waiting.sweep()
        except Permanent as error:
            assert error.code in ("job_ended", "job_running", "no_cap")
        for one in jobs:
            await till.work(one)
        await till.check()


async def _answer(till: Till, task: Task, step: str, share: int) -> Fact:
    """A worker's answer, which has cost a part of what is reserved."""
    cost = await _reserved(till, task) * share // 100
    code = {"failed": "unexpected", "exceeded": "budget_exceeded", "lost": "worker_lost"}.get(step)
    return await till.done(task, cost) if code is None else await till.failed(task, cost, code)


async def _reserved(till: Till, task: Task) -> int:
    (row,) = [
        row
        for row in await till.rows(charges)
        if (row.job_id, row.run, row.task, row.attempt) == (task.job_id, task.run, task.task, task.attempt)
    ]
    return int(row.reserved - (row.spent or 0))
