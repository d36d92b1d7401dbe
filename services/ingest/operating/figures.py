"""How good scenes became, and how long they took, by what made them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import fmean, median

import msgspec
import sqlalchemy as sa

from libs.contracts.facts import Usage
from services.ingest import tables as t
from services.ingest.database import Database

MOST = 5000
"""Takes that are looked at, the newest."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A take that was made anew, with what it cost and what is thought of it."""

    backend: str
    workflow: str
    usage: Usage
    quality: float | None
    score: float | None


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """The scenes of one backend and workflow. Scores are 0..1; null: nobody has judged one."""

    backend: str
    workflow: str
    """"" where the backend has none."""
    scenes: int
    median_seconds: float
    """Of a worker, from when it took the task: waiting for a GPU server included."""
    median_gpu_seconds: float
    average_quality: float | None
    """As it was reviewed."""
    average_score: float | None
    """As people have scored it."""


class FiguresView(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and what they were made of."""

    days: int
    takes: int
    """At most 5,000, the newest."""
    average_quality: float | None
    average_score: float | None
    by: tuple[Figure, ...]


class _Said(msgspec.Struct):
    usage: Usage = Usage()


async def figures_view(database: Database, now: datetime, days: int) -> FiguresView:
    """Of the takes of the last days. Raises Retryable("ledger_unavailable")."""
    take, fact = t.takes.c, t.facts.c
    query = (
        sa.select(take.backend, take.workflow, take.quality_score, take.user_score, fact.message)
        .join(
            t.facts,
            (fact.job_id == take.job_id)
            & (fact.run == take.run)
            & (fact.task == take.task)
            & (fact.attempt == take.attempt)
            & (fact.name == "take.rendered"),
        )
        .where(take.created_at >= now - timedelta(days=days), take.reused.is_(False), take.own.is_(False))
        .order_by(take.id.desc())
        .limit(MOST)
    )
    async with database.read() as connection:
        rows = (await connection.execute(query)).all()
    made = [
        Made(
            backend=row.backend,
            workflow=row.workflow,
            usage=msgspec.json.decode(row.message, type=_Said).usage,
            quality=row.quality_score,
            score=row.user_score,
        )
        for row in rows
    ]
    return FiguresView(
        days=days,
        takes=len(made),
        average_quality=_mean(one.quality for one in made),
        average_score=_mean(one.score for one in made),
        by=figures_of(made),
    )


def figures_of(made: Iterable[Made]) -> tuple[Figure, ...]:
    """By backend and workflow, in their order. Pure."""
    groups: dict[tuple[str, str], list[Made]] = defaultdict(list)
    for one in made:
        groups[one.backend, one.workflow].append(one)
    return tuple(
        Figure(
            backend=backend,
            workflow=workflow,
            scenes=len(group),
            median_seconds=median(one.usage.wall_seconds for one in group),
            median_gpu_seconds=median(one.usage.gpu_seconds for one in group),
            average_quality=_mean(one.quality for one in group),
            average_score=_mean(one.score for one in group),
        )
        for (backend, workflow), group in sorted(groups.items())
    )


def _mean(scores: Iterable[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return fmean(known) if known else None
