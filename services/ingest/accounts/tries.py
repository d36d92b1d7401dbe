"""How often something is tried, counted in the ledger: for all replicas, whatever becomes of a cache."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Retryable
from services.ingest.accounts.tables import login_tries
from services.ingest.database import Database
from services.ingest.limits.limits import address_key


class Limit(NamedTuple):
    """What is counted, and how often it may be within a time that begins with the first try."""

    key: str
    most: int
    within: timedelta


def by_account(what: str, email: str, most: int, within: timedelta) -> Limit:
    """A limit for one account, whether there is such an account or not."""
    digest = hashlib.sha256(email.encode()).hexdigest()[:32]
    return Limit(f"{what}/account/{digest}", most, within)


def by_address(what: str, address: str, most: int, within: timedelta) -> Limit:
    """A limit for one network address."""
    return Limit(f"{what}/{address_key(address)}", most, within)


async def count_try(database: Database, now: datetime, *limits: Limit) -> None:
    """Count one try before it is made, against all of these. Tries at once are all counted.

    Raises Retryable("too_many_logins") with the wait.
    """

    async def count(connection: AsyncConnection) -> list[timedelta]:
        # Always in one order, so that two tries never wait for each other.
        return [await _count(database, connection, now, limit) for limit in sorted(limits)]

    wait = max(await database.transact(count), default=timedelta())
    if wait > timedelta():
        raise Retryable("too_many_logins", after=wait.total_seconds())


async def forgive_try(connection: AsyncConnection, *limits: Limit) -> None:
    """Take one try back: it was no wrong one."""
    c = login_tries.c
    for limit in sorted(limits):
        query = sa.update(login_tries).where(c.key == limit.key, c.count > 0)
        await connection.execute(query.values(count=c.count - 1))


async def forget_tries(connection: AsyncConnection, keys: Collection[str]) -> None:
    """Begin anew."""
    await connection.execute(sa.delete(login_tries).where(login_tries.c.key.in_(keys)))


async def _count(database: Database, connection: AsyncConnection, now: datetime, limit: Limit) -> timedelta:
    """How long to wait; none when this try is within the limit."""
    c = login_tries.c
    build = postgresql.insert if database.locks_rows else sqlite.insert
    insert = build(login_tries).values(key=limit.key, count=1, until=now + limit.within)
    over = c.until <= now
    query = insert.on_conflict_do_update(
        index_elements=[c.key],
        set_={
            "count": sa.case((over, 1), else_=c.count + 1),
            "until": sa.case((over, insert.excluded.until), else_=c.until),
        },
    ).returning(c.count, c.until)
    count, until = (await connection.execute(query)).one()
    return until - now if count > limit.most else timedelta()
