"""Money in the ledger's transaction: the purse that a run decides with, and what becomes of the budgets.

Where nothing costs anything no row is read or locked for it. Else a run is decided twice: once as if there were
money for all, to see whether any is needed, and then with its budgets locked: job, project, month, in this order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.facts import Fact
from libs.money.amounts import Micros, micros_of
from services.ingest.database import Database
from services.ingest.decide import Decision, Order, settle
from services.ingest.money import telling
from services.ingest.money.budgets import (
    Budget,
    Caps,
    Key,
    Payer,
    add_to,
    approve,
    keys_of,
    month_of,
    open_budgets,
    open_month,
    write_budget,
)
from services.ingest.money.charges import Moved, answer, consumed, let_go, payer_of, reserve
from services.ingest.money.costs import read_totals
from services.ingest.money.figures import Figures
from services.ingest.money.purse import SCOPES, Purse
from services.ingest.narration import Told
from services.ingest.state import RunState
from services.ingest.webhooks.announce import announce
from services.ingest.webhooks.records import Standing

FigureSource = Callable[[AsyncConnection, datetime], Awaitable[Figures | None]]
"""What was learned of costs, as of now; None where nothing costs anything."""


async def no_figures(connection: AsyncConnection, now: datetime) -> Figures | None:
    """Nothing costs anything."""
    return None


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, and the budgets that it is paid from, before it is."""

    after: RunState
    decided: list[Decision]
    moved: Moved | None = None
    budgets: dict[Key, Budget] = {}


class Treasury:
    """What things cost and who may spend how much. Each method works within the caller's transaction.

    figures: what was learned of costs. caps: what holds where nobody has said otherwise. currency: as in `USD`.
    standing: the endpoint of the settings, which is told of budgets as well. users_approve: whether a user may
    raise the cap of their own month.
    """

    def __init__(
        self,
        database: Database,
        *,
        figures: FigureSource = no_figures,
        caps: Caps | None = None,
        currency: str = "USD",
        standing: Standing | None = None,
        users_approve: bool = True,
    ) -> None:
        self._database = database
        self._figures = figures
        self.caps = caps or Caps()
        self.currency = currency
        self.users_approve = users_approve
        self._standing = standing

    async def settle(
        self,
        connection: AsyncConnection,
        project_id: str,
        state: RunState,
        now: datetime,
        *,
        first: list[Decision] | None = None,
        fact: Fact | None = None,
    ) -> Settled:
        """`decide.settle`, with what there is money for. fact: what was heard just now; `state` has it already."""
        payer = _payer(state, project_id)
        figures = await self._figures(connection, now)
        asks = fact is not None and (figures is not None or consumed(fact.usage))
        moved = await answer(connection, payer, fact, now) if fact is not None and asks else None
        free = msgspec.structs.replace(state, purse=Purse(figures=figures))
        after, decided = settle(free, now, first)
        if not (moved and (moved.spent or moved.held)) and not _cost_of(decided):
            return Settled(after=after, decided=decided, moved=moved)
        budgets = await self._open(connection, state, payer, now, [moved] if moved else [])
        rooms = {key.scope: budgets[key].room for key in keys_of(payer, [month_of(now)])}
        purse = Purse(**{scope: rooms[scope] for scope in SCOPES}, figures=figures)
        after, decided = settle(msgspec.structs.replace(state, purse=purse), now, first)
        return Settled(after=after, decided=decided, moved=moved, budgets=budgets)

    async def book(
        self, connection: AsyncConnection, project_id: str, before: RunState | None, settled: Settled, now: datetime
    ) -> list[Told]:
        """Write charges and budgets; what is to be told of them in the job's events. Webhooks are opened here."""
        after, told = settled.after, list[Told]()
        payer = _payer(after, project_id)
        orders = [it for it in settled.decided if isinstance(it, Order)]
        reserved = await reserve(self._database, connection, payer, orders, now)
        month = month_of(now)
        if settled.moved is not None:
            totals = await read_totals(connection, payer.job_id)
            room = settled.budgets[Key("job", payer.job_id)].room if settled.budgets else None
            told.append(telling.updated(after, totals, room, self.currency, now))
        for key, budget in settled.budgets.items():
            current = key.month in ("", month)
            changed = msgspec.structs.replace(budget, reserved=budget.reserved + (reserved if current else 0))
            news = telling.news(changed, payer, self.currency)
            if current and news is not None:
                changed, events, hooks = telling.flagged(changed, before, after, now)
                told += [telling.event(event, after.run, news, now) for event in events]
                for hook in hooks:
                    await announce(connection, payer.owner, hook, news, now, standing=self._standing)
            await write_budget(connection, changed)
        return told

    async def raise_cap(
        self, connection: AsyncConnection, project_id: str, state: RunState, amount: Micros | None, now: datetime
    ) -> tuple[Key, Micros] | None:
        """Allow a run to spend more: raise the cap that it is paused by, or else the job's. Which, and by how much;
        None: there is no such cap.

        amount: None: as much as the cap, or what is lacking where that is more.
        """
        payer = _payer(state, project_id)
        settled = await self.settle(connection, project_id, state, now)
        after, budgets = settled.after, settled.budgets or await self._open(connection, state, payer, now, [])
        key = next(key for key in keys_of(payer, [month_of(now)]) if key.scope == (after.paused or "job"))
        budget = budgets[key]
        if budget.cap is None:
            return None
        lacking = after.lacks + budget.spent + budget.reserved - budget.cap - budget.approved
        by = max(budget.cap, lacking, 1) if amount is None else amount
        await write_budget(connection, approve(budget, by))
        return key, by

    async def raise_month(
        self, connection: AsyncConnection, owner: str, amount: Micros | None, now: datetime
    ) -> Budget | None:
        """Allow a user to spend more this month; None: there is no cap. amount: None: as much as the cap."""
        budget = await open_month(self._database, connection, owner, month_of(now), self.caps)
        if budget.cap is None:
            return None
        raised = approve(budget, budget.cap if amount is None else amount)
        await write_budget(connection, raised)
        return raised

    async def release(self, connection: AsyncConnection, payer: Payer, now: datetime) -> int:
        """Let go of what attempts hold that won't tell any more what they have cost; how many. The job's row has
        to be locked, if it is still there."""
        moved = await let_go(connection, payer, now)
        await _add_up(connection, payer, moved)
        return len(moved)

    async def answer_late(self, connection: AsyncConnection, fact: Fact, now: datetime) -> str | None:
        """Book what an attempt has cost whose job was deleted meanwhile; whose money it was. None: nobody's."""
        payer = await payer_of(self._database, connection, fact)
        if payer is None:
            return None
        moved = await answer(connection, payer, fact, now)
        await _add_up(connection, payer, [moved] if moved is not None else [])
        return payer.owner

    async def _open(
        self,
        connection: AsyncConnection,
        state: RunState,
        payer: Payer,
        now: datetime,
        moved: Sequence[Moved],
    ) -> dict[Key, Budget]:
        """The budgets, with what an answer changes in them."""
        wish = state.brief.options.budget_cap_usd
        found = await open_budgets(
            self._database,
            connection,
            payer,
            [month_of(now), *(one.month for one in moved)],
            self.caps,
            job_cap=None if wish is None else micros_of(wish),
        )
        for one in moved:
            for key in keys_of(payer, [one.month]):
                budget = found[key]
                sums = {"spent": budget.spent + one.spent, "reserved": budget.reserved + one.held}
                found[key] = msgspec.structs.replace(budget, **sums)
        return found


def _payer(state: RunState, project_id: str) -> Payer:
    return Payer(owner=state.brief.owner, project_id=project_id, job_id=state.brief.job_id)


async def _add_up(connection: AsyncConnection, payer: Payer, moved: Sequence[Moved]) -> None:
    """Put into the budgets what became of attempts; their rows are there since money was set aside."""
    for key in keys_of(payer, [one.month for one in moved]) if moved else ():
        here = [one for one in moved if key.month in ("", one.month)]
        spent, held = sum(one.spent for one in here), sum(one.held for one in here)
        await add_to(connection, key, spent=spent, reserved=held)


def _cost_of(decided: Sequence[Decision]) -> Micros:
    return sum(it.price.reserved for it in decided if isinstance(it, Order) and it.price is not None)
