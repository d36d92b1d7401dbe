"""Data exports as a user sees them: asked for, looked at, downloaded, deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.artifacts.store import ArtifactStore
from libs.contracts.errors import InputMissing, Permanent
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.accounts.tables import users
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.my_data.archive import Archive, Manifest
from services.ingest.my_data.exporting import erase_folder, manifest_key
from services.ingest.my_data.tables import data_exports

MOST = 5
"""Data exports of one user at once."""
AT_ONCE = 1 << 16
"""Bytes up to which small pieces are joined before they are sent."""

Status = Literal["waiting", "ready", "failed"]


class DataExport(msgspec.Struct, frozen=True, kw_only=True):
    """One, as its row stands."""

    id: str
    owner: str
    status: Status
    created_at: datetime
    ready_at: datetime | None
    expires_at: datetime | None
    claim: str
    code: str | None
    digest: str | None
    size: int | None
    files: int | None
    missing: int | None


_SHOWN = [data_exports.c[name] for name in DataExport.__struct_fields__]


class Exports:
    """All data exports. Errors of a database that is away are `Retryable("ledger_unavailable")`."""

    def __init__(self, database: Database, store: ArtifactStore, clock: Callable[[], datetime]) -> None:
        self._database, self._store, self._clock = database, store, clock

    async def ask(self, caller: Caller, owner: str) -> DataExport:
        """A new one, or the one that is being made. Raises Permanent("too_many_data_exports")."""
        c = data_exports.c
        mine = sa.select(c.id, c.status).where(c.owner == owner).order_by(c.id)
        ordered = new_id()

        async def order(connection: AsyncConnection) -> str:
            await connection.execute(sa.select(users.c.id).where(users.c.id == owner).with_for_update())
            standing = (await connection.execute(mine)).all()
            for row in standing:
                if row.status == "waiting":
                    return str(row.id)
            if len(standing) >= MOST:
                raise Permanent("too_many_data_exports")
            now = self._clock()
            values = {"id": ordered, "owner": owner, "status": "waiting", "created_at": now}
            await connection.execute(sa.insert(data_exports).values(**values))
            await note(connection, caller, "data_export.asked", ordered, now)
            return ordered

        return await self.get(owner, await self._database.transact(order))

    async def page(self, owner: str) -> list[DataExport]:
        """All of a user's, the newest first."""
        query = sa.select(*_SHOWN).where(data_exports.c.owner == owner).order_by(data_exports.c.id.desc())
        async with self._database.read() as connection:
            return [DataExport(**row) for row in (await connection.execute(query)).mappings()]

    async def get(self, owner: str, export_id: str) -> DataExport:
        """One. Raises Permanent("data_export_not_found")."""
        c = data_exports.c
        query = sa.select(*_SHOWN).where(c.id == export_id, c.owner == owner)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise Permanent("data_export_not_found")
        return DataExport(**row)

    async def remove(self, caller: Caller, owner: str, export_id: str) -> None:
        """Delete one, also while it is made. Raises Permanent("data_export_not_found")."""
        await self.get(owner, export_id)
        await erase_folder(self._store, export_id)
        gone = sa.delete(data_exports).where(data_exports.c.id == export_id, data_exports.c.owner == owner)

        async def forget(connection: AsyncConnection) -> None:
            await connection.execute(gone)
            await note(connection, caller, "data_export.deleted", export_id, self._clock())

        await self._database.transact(forget)

    async def open(self, export: DataExport) -> Archive:
        """The archive. Raises Permanent: data_export_not_ready, data_export_expired; InputMissing."""
        if export.expires_at is not None and export.expires_at <= self._clock():
            raise Permanent("data_export_expired")
        if export.status != "ready":
            raise Permanent("data_export_not_ready")
        key = manifest_key(export.id, export.claim)
        data = await self._store.get_bytes(key)
        if data is None:
            raise InputMissing(key)
        return Archive(msgspec.json.decode(data, type=Manifest))

    async def read(self, archive: Archive, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes of the archive from `start` up to `end`, excluded. Raises InputMissing when a file is gone."""
        small = b""
        for piece in archive.pieces(start, end):
            if isinstance(piece, bytes):
                small += piece
            else:
                left = piece.end - piece.start
                async for chunk in self._store.read_range(piece.key, piece.start, piece.end):
                    left -= len(chunk)
                    small += chunk
                    if len(small) >= AT_ONCE:
                        yield small
                        small = b""
                if left:
                    raise InputMissing(piece.key)
            if len(small) >= AT_ONCE:
                yield small
                small = b""
        if small:
            yield small
