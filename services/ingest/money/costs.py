"""What work has cost, read from its charges: in all, by kind, by scene."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.money.amounts import Micros, amount_of
from services.ingest.money.budgets import Key
from services.ingest.money.tables import budgets, charges


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over charges."""

    spent: Micros = 0
    gpu_seconds: float = 0.0
    tokens: int = 0
    characters: int = 0


class CostView(msgspec.Struct, frozen=True, kw_only=True):
    """What some work has cost."""

    cost: Annotated[float, Meta(description="In the currency of the settings.")] = 0.0
    gpu_seconds: Annotated[float, Meta(description="On GPU servers, attempts that gave nothing included.")] = 0.0
    tokens: Annotated[int, Meta(description="Of language models.")] = 0
    characters: Annotated[int, Meta(description="That were spoken.")] = 0


class CostsView(CostView, frozen=True, kw_only=True):
    """What a job has cost in all its runs, or a project in all its jobs."""

    reserved: Annotated[float, Meta(description="What work that is under way may still cost.")] = 0.0
    cap: Annotated[
        float | None,
        Meta(
            description="What may be spent, with what was approved; null without a cap, and until anything costs."
        ),
    ] = None
    kinds: Annotated[
        dict[str, CostView], Meta(description="By what was made: `animate`, `imagine`, `voice`, `score`.")
    ] = {}
    scenes: Annotated[dict[str, CostView], Meta(description="By scene or still. Of a job only.")] = {}


_SUMS = (
    sa.func.coalesce(sa.func.sum(charges.c.spent), 0).label("spent"),
    sa.func.coalesce(sa.func.sum(charges.c.gpu_seconds), 0.0).label("gpu_seconds"),
    sa.func.coalesce(sa.func.sum(charges.c.tokens), 0).label("tokens"),
    sa.func.coalesce(sa.func.sum(charges.c.characters), 0).label("characters"),
)


async def read_totals(connection: AsyncConnection, job_id: str) -> Totals:
    """What a job has cost in all its runs."""
    row = (await connection.execute(sa.select(*_SUMS).where(charges.c.job_id == job_id))).one()
    return _totals(row)


def read_job_costs(connection: sa.Connection, job_id: str) -> CostsView:
    """The same with its parts."""
    c = charges.c
    query = sa.select(c.kind, c.scene, *_SUMS).where(c.job_id == job_id).group_by(c.kind, c.scene)
    rows = connection.execute(query).all()
    return _whole(connection, Key("job", job_id), rows, scenes=True) if rows else CostsView()


def read_project_costs(connection: sa.Connection, project_id: str) -> CostsView:
    """What all jobs over a project have cost."""
    c = charges.c
    query = sa.select(c.kind, *_SUMS).where(c.project_id == project_id).group_by(c.kind)
    rows = connection.execute(query).all()
    return _whole(connection, Key("project", project_id), rows) if rows else CostsView()


def _whole(connection: sa.Connection, key: Key, rows: Iterable[Any], *, scenes: bool = False) -> CostsView:
    kinds, places, total = dict[str, Totals](), dict[str, Totals](), Totals()
    for row in rows:
        one = _totals(row)
        total = _sum(total, one)
        kinds[row.kind] = _sum(kinds.get(row.kind, Totals()), one)
        if scenes and row.scene:
            places[row.scene] = _sum(places.get(row.scene, Totals()), one)
    b = budgets.c
    query = sa.select(b.cap, b.approved, b.reserved).where(b.scope == key.scope, b.subject == key.subject)
    budget = connection.execute(query).one_or_none()
    return CostsView(
        **_told(total),
        reserved=amount_of(budget.reserved) if budget is not None else 0.0,
        cap=amount_of(budget.cap + budget.approved) if budget is not None and budget.cap is not None else None,
        kinds={kind: CostView(**_told(found)) for kind, found in sorted(kinds.items())},
        scenes={scene: CostView(**_told(found)) for scene, found in sorted(places.items())},
    )


def _totals(row: Any) -> Totals:
    return Totals(
        spent=int(row.spent),
        gpu_seconds=float(row.gpu_seconds),
        tokens=int(row.tokens),
        characters=int(row.characters),
    )


def _sum(one: Totals, other: Totals) -> Totals:
    return Totals(**{name: getattr(one, name) + getattr(other, name) for name in Totals.__struct_fields__})


def _told(found: Totals) -> dict[str, Any]:
    fields = msgspec.structs.asdict(found)
    cost = amount_of(fields.pop("spent"))
    return {**fields, "gpu_seconds": round(found.gpu_seconds, 3), "cost": cost}
