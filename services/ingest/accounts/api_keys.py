"""API keys: for programs, with a name, scopes and an end. Only their digests are kept."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.accounts.records import ApiKey, KeyScope
from services.ingest.accounts.tables import api_keys, users
from services.ingest.database import Database
from services.ingest.ids import new_id

PREFIX = "bl_"
SHOWN = len(PREFIX) + 5
"""Characters of a key that lists show."""
LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""A time that can be said with any offset."""
MOST = 50
"""Keys that one user may have."""

_SHOWN = [api_keys.c[name] for name in ApiKey.__struct_fields__]


class ApiKeys:
    """Keys of all users; each method looks at those of its caller."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def create(
        self, by: Caller, name: str, scopes: tuple[KeyScope, ...], expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        """A new key, and the secret itself, which nobody is told again. expires_at: None: never.

        Raises Permanent: operators_only (the scope admin), bad_options (an end that has passed, or is after
        `LATEST`), too_many_api_keys.
        """
        now = self._clock()
        if "admin" in scopes and not by.is_operator:
            raise Permanent("operators_only", "Only a key of an operator's can have the scope admin.")
        if expires_at is not None and expires_at <= now:
            raise Permanent("bad_options", "`expires_at` has passed.")
        if expires_at is not None and expires_at > LATEST:
            raise Permanent("bad_options", f"`expires_at` is after the year {LATEST.year}: leave it out.")
        secret = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        key = ApiKey(
            id=new_id(),
            owner=by.owner,
            name=name,
            prefix=secret[:SHOWN],
            scopes=tuple(sorted(set(scopes))),
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
        )

        async def add(connection: AsyncConnection) -> None:
            await connection.execute(sa.select(users.c.id).where(users.c.id == by.owner).with_for_update())
            count = sa.select(sa.func.count()).select_from(api_keys).where(api_keys.c.owner == by.owner)
            if (await connection.execute(count)).scalar_one() >= MOST:
                raise Permanent("too_many_api_keys")
            row = {field: getattr(key, field) for field in ApiKey.__struct_fields__}
            await connection.execute(sa.insert(api_keys).values(**row, digest=digest_of(secret)))
            await note(connection, by, "key.created", key.id, now, scopes=key.scopes)

        await self._database.transact(add)
        return key, secret

    async def list(self, by: Caller) -> list[ApiKey]:
        """All of the caller's, the newest first."""
        query = sa.select(*_SHOWN).where(api_keys.c.owner == by.owner).order_by(api_keys.c.id.desc())
        async with self._database.read() as connection:
            return [ApiKey(**row) for row in (await connection.execute(query)).mappings()]

    async def revoke(self, by: Caller, key_id: str) -> None:
        """Refuse a key from now on, and forget it. Raises Permanent("api_key_not_found")."""

        async def remove(connection: AsyncConnection) -> None:
            query = sa.delete(api_keys).where(api_keys.c.id == key_id, api_keys.c.owner == by.owner)
            if (await connection.execute(query)).rowcount != 1:
                raise Permanent("api_key_not_found")
            await note(connection, by, "key.revoked", key_id, self._clock())

        await self._database.transact(remove)


def digest_of(key: str) -> str:
    """What is kept of a key: it has 256 bits of chance, so that a plain digest is enough."""
    return hashlib.sha256(key.encode()).hexdigest()
