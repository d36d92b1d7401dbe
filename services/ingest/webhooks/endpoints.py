"""Webhook endpoints: registered, changed, tested, forgotten."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent, Retryable
from libs.seal import Keyring
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.webhooks.pings import send_ping
from services.ingest.webhooks.records import Delivery, Endpoint, Event, Target
from services.ingest.webhooks.rows import drop_deliveries, renew_tries, task_of
from services.ingest.webhooks.tables import deliveries, webhook_endpoints

log = logging.getLogger(__name__)

MOST = 50
"""Endpoints that one owner may have."""
OLD_SIGNS_FOR = timedelta(hours=24)
"""How long the secret before a rotation signs too."""

_SHOWN = [webhook_endpoints.c[name] for name in Endpoint.__struct_fields__]


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What is registered. The URL has been checked."""

    url: str
    description: str = ""
    events: tuple[Event, ...]
    strict: bool = False


class Endpoints:
    """All endpoints of all owners; each method looks at those of one.

    wake: called when the outbox has something new. Every method raises Permanent("endpoint_not_found") for an
    endpoint that is another's or none, and `Retryable("ledger_unavailable")`.
    """

    def __init__(
        self, database: Database, keyring: Keyring, *, clock: Callable[[], datetime], wake: Callable[[], None]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._wake = wake

    async def register(self, owner: str, new: NewEndpoint) -> tuple[Endpoint, str]:
        """A new endpoint, and its secret, which nobody is told again.

        Raises Permanent: no_secret_key, too_many_endpoints.
        """
        secret, sealed = self._new_secret()
        now = self._clock()
        row = {
            **msgspec.structs.asdict(new),
            "id": new_id(),
            "owner": owner,
            "active": True,
            "secret": sealed,
            "created_at": now,
            "updated_at": now,
        }

        async def insert(connection: AsyncConnection) -> Endpoint:
            c = webhook_endpoints.c
            count = sa.select(sa.func.count()).where(c.owner == owner)
            if (await connection.execute(count)).scalar_one() >= MOST:
                raise Permanent("too_many_endpoints")
            await connection.execute(sa.insert(webhook_endpoints).values(**row))
            return await _read(connection, owner, str(row["id"]))

        return await self._database.transact(insert), secret

    async def get(self, owner: str, endpoint_id: str) -> Endpoint:
        """One of them."""
        async with self._database.read() as connection:
            return await _read(connection, owner, endpoint_id)

    async def page(self, owner: str, *, limit: int, before: str = "") -> list[Endpoint]:
        """The newest first; `before` is the last id of the page before."""
        c = webhook_endpoints.c
        query = sa.select(*_SHOWN).where(c.owner == owner).order_by(c.id.desc()).limit(limit)
        if before:
            query = query.where(c.id < before)
        async with self._database.read() as connection:
            return [Endpoint(**row) for row in (await connection.execute(query)).mappings()]

    async def update(self, owner: str, endpoint_id: str, changes: dict[str, Any]) -> Endpoint:
        """Change some fields. What waits to be sent goes where the endpoint is now; once it is switched off,
        what waits is dropped.
        """

        async def change(connection: AsyncConnection) -> Endpoint:
            await self._write(connection, owner, endpoint_id, changes)
            if changes.get("active") is False:
                await drop_deliveries(connection, endpoint_id, self._clock())
            return await _read(connection, owner, endpoint_id)

        return await self._database.transact(change)

    async def delete(self, owner: str, endpoint_id: str) -> None:
        """Forget it. What was sent stays on the list of deliveries; what waits is dropped."""

        async def remove(connection: AsyncConnection) -> None:
            c = webhook_endpoints.c
            await _read(connection, owner, endpoint_id)
            await connection.execute(sa.delete(webhook_endpoints).where(c.id == endpoint_id))
            await drop_deliveries(connection, endpoint_id, self._clock())

        await self._database.transact(remove)

    async def rotate(self, owner: str, endpoint_id: str) -> tuple[Endpoint, str]:
        """A new secret; the one before it signs too for 24 hours. Raises Permanent("no_secret_key")."""
        secret, sealed = self._new_secret()

        async def change(connection: AsyncConnection) -> Endpoint:
            old = {
                "old_secret": webhook_endpoints.c.secret,
                "old_until": self._clock() + OLD_SIGNS_FOR,
            }
            await self._write(connection, owner, endpoint_id, {**old, "secret": sealed})
            return await _read(connection, owner, endpoint_id)

        return await self._database.transact(change), secret

    async def reseal(self) -> int:
        """Seal with the newest key what older ones have sealed, so that these can be taken away.

        What can't be opened is left as it is: its key may come back. Returns how many endpoints were changed.
        """

        async def change(connection: AsyncConnection) -> int:
            c = webhook_endpoints.c
            count = 0
            for row in (await connection.execute(sa.select(c.id, c.secret, c.old_secret))).all():
                try:
                    secret = self._keyring.renewed(row.secret)
                    old = row.old_secret and self._keyring.renewed(row.old_secret)
                except Retryable:
                    log.warning("the secret of a webhook endpoint can't be opened", extra={"endpoint_id": row.id})
                    continue
                if (secret, old) != (row.secret, row.old_secret):
                    query = sa.update(webhook_endpoints).where(c.id == row.id)
                    await connection.execute(query.values(secret=secret, old_secret=old))
                    await renew_tries(connection, await _target(connection, row.id, ""), self._clock())
                    count += 1
            return count

        return await self._database.transact(change) if self._keyring.has_key else 0

    async def ping(self, owner: str, endpoint_id: str) -> Delivery:
        """Send a test, once. Raises Permanent("endpoint_inactive")."""
        delivery_id = new_id()

        async def send(connection: AsyncConnection) -> Delivery:
            if not (await _read(connection, owner, endpoint_id)).active:
                raise Permanent("endpoint_inactive")
            target = await _target(connection, endpoint_id, f"msg_{delivery_id}")
            await send_ping(
                connection, target, delivery_id=delivery_id, owner=owner, endpoint_id=endpoint_id, now=self._clock()
            )
            shown = [deliveries.c[name] for name in Delivery.__struct_fields__]
            row = await connection.execute(sa.select(*shown).where(deliveries.c.id == delivery_id))
            return Delivery(**row.mappings().one())

        sent = await self._database.transact(send)
        self._wake()
        return sent

    def _new_secret(self) -> tuple[str, str]:
        """A secret for its owner, and sealed for the ledger."""
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        return secret, self._keyring.seal(secret.encode())

    async def _write(
        self, connection: AsyncConnection, owner: str, endpoint_id: str, values: dict[str, Any]
    ) -> None:
        """Change the row, and the tries that wait to be sent with it."""
        c, now = webhook_endpoints.c, self._clock()
        query = sa.update(webhook_endpoints).where(c.id == endpoint_id, c.owner == owner)
        if (await connection.execute(query.values(**values, updated_at=now))).rowcount != 1:
            raise Permanent("endpoint_not_found")
        await renew_tries(connection, await _target(connection, endpoint_id, ""), now)


async def _read(connection: AsyncConnection, owner: str, endpoint_id: str) -> Endpoint:
    c = webhook_endpoints.c
    query = sa.select(*_SHOWN).where(c.id == endpoint_id, c.owner == owner)
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        raise Permanent("endpoint_not_found")
    return Endpoint(**row)


async def _target(connection: AsyncConnection, endpoint_id: str, webhook_id: str) -> Target:
    c = webhook_endpoints.c
    query = sa.select(c.url, c.strict, c.secret, c.old_secret, c.old_until).where(c.id == endpoint_id)
    row = (await connection.execute(query)).one()
    return Target(
        task=task_of(endpoint_id),
        webhook_id=webhook_id,
        url=row.url,
        strict=row.strict,
        secret=row.secret,
        old_secret=row.old_secret or "",
        old_until=row.old_until,
    )
