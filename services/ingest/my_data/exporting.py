"""Making a data export: what there is, listed into a manifest. The archive itself is computed when it is sent."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch
from services.ingest.database import Database
from services.ingest.my_data import pages
from services.ingest.my_data.archive import Archive, Entry, Manifest, unique
from services.ingest.my_data.claims import Claim
from services.ingest.my_data.collecting import Collected, Wanted, collect
from services.ingest.my_data.tables import data_export_blobs, data_exports

KEPT = timedelta(days=7)
"""How long a data export can be downloaded."""
PREFIX = "export/"
"""Where manifests and documents of data exports stand in the store."""
ORPHANED = timedelta(hours=1)
"""After so long nobody writes any more for an export that was deleted while it was made."""
CHUNK = 200


class _FilesList(msgspec.Struct, frozen=True):
    """files.json: which file has which bytes."""

    files: dict[str, str]
    missing: tuple[str, ...]


def folder_of(export_id: str) -> str:
    """With what all keys of a data export begin."""
    return f"{PREFIX}{export_id}/"


def manifest_key(export_id: str, claim: str) -> str:
    """Where the manifest stands that the holder of a claim has made."""
    return f"{folder_of(export_id)}{claim}/manifest"


class Exporting:
    """Makes one data export after its row was claimed. Done again from the start, it does no harm."""

    def __init__(
        self, database: Database, store: ArtifactStore, scratch: Scratch, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._store, self._scratch, self._clock = database, store, scratch, clock

    async def make(self, claim: Claim) -> None:
        """Make it ready. Raises Lost, Retryable: store_unavailable, ledger_unavailable, no_space."""
        at, owner = self._clock(), claim.row["owner"]
        async with self._scratch.folder() as folder:
            with full_disk_is_retryable():
                found = await collect(self._database, owner, folder, claim.beat)
                await self._hold(claim, {*found.wanted, *found.unseen})
                media, missing = await self._media(claim, found)
                documents = self._documents(found, media, missing, at, folder)
                entries = await self._joined(claim, documents, folder)
                manifest = Manifest(made_at=at, entries=(*entries, *media))
                data = msgspec.json.encode(manifest)
                await asyncio.to_thread((folder / "manifest").write_bytes, data)
            await self._store.put_at(manifest_key(claim.id, claim.token), folder / "manifest", "application/json")

        async def ready(connection: AsyncConnection) -> None:
            await claim.hold(
                connection,
                status="ready",
                claimed_until=None,
                ready_at=at,
                expires_at=at + KEPT,
                digest=hashlib.sha256(data).hexdigest(),
                size=Archive(manifest).size,
                files=len(manifest.entries),
                missing=len(missing),
            )

        await self._database.transact(ready)

    async def _hold(self, claim: Claim, digests: Iterable[str]) -> None:
        """Note what the export needs, before it is looked for: from here on it stays."""
        rows = [{"export_id": claim.id, "sha256": digest} for digest in sorted(digests)]

        async def note(connection: AsyncConnection) -> None:
            await claim.hold(connection)
            await connection.execute(sa.delete(data_export_blobs).where(data_export_blobs.c.export_id == claim.id))
            for start in range(0, len(rows), CHUNK):
                await connection.execute(sa.insert(data_export_blobs), rows[start : start + CHUNK])

        await self._database.transact(note)

    async def _media(self, claim: Claim, found: Collected) -> tuple[list[Entry], list[str]]:
        """The blobs, with their checksums; and the digests of those that are gone."""
        wanted = [*found.wanted.values()]
        for digest in sorted(found.unseen):
            standing = await self._store.stat(f"blob/{digest}")
            size = 0 if standing is None else standing.size
            blob = Blob(sha256=digest, size=size, media_type="application/octet-stream")
            wanted.append(Wanted(f"files/{digest}.bin", blob))
        entries, missing = [], []
        for path, (_, blob) in zip(unique([one.path for one in wanted]), wanted, strict=True):
            await claim.beat()
            crc32 = await self._checksum(claim, blob)
            if crc32 is None:
                missing.append(blob.sha256)
            else:
                entries.append(Entry(path=path, size=blob.size, crc32=crc32, key=blob.key))
        return entries, missing

    async def _checksum(self, claim: Claim, blob: Blob) -> int | None:
        """CRC-32 of the bytes; None when they are gone, or not all there."""
        crc32 = size = 0
        try:
            async for chunk in self._store.read_range(blob.key, 0, blob.size + 1):
                crc32 = await asyncio.to_thread(zlib.crc32, chunk, crc32)
                size += len(chunk)
                await claim.beat()
        except InputMissing:
            return None
        return crc32 if size == blob.size else None

    def _documents(
        self, found: Collected, media: list[Entry], missing: list[str], at: datetime, folder: Path
    ) -> dict[str, Path]:
        """What people read, before what the ledger says."""
        paths = {entry.key.rpartition("/")[2]: entry.path for entry in media}
        pages_of = {
            "README.txt": pages.readme(at, missing).encode(),
            "index.html": pages.index(at, found.projects, found.videos, paths).encode(),
            "files.json": msgspec.json.format(msgspec.json.encode(_FilesList(paths, tuple(missing)))),
        }
        documents = {}
        for name, text in pages_of.items():
            (folder / name).write_bytes(text)
            documents[name] = folder / name
        return documents | found.documents

    async def _joined(self, claim: Claim, documents: dict[str, Path], folder: Path) -> list[Entry]:
        """Entries of the documents, which stand in the store one after the other, in one object."""
        key = f"{folder_of(claim.id)}{claim.token}/documents"
        entries = await asyncio.to_thread(_join, documents, folder / "documents", key)
        await self._store.put_at(key, folder / "documents", "application/octet-stream")
        return entries


def _join(documents: dict[str, Path], target: Path, key: str) -> list[Entry]:
    entries, start = [], 0
    with target.open("wb") as whole:
        for name, path in documents.items():
            crc32 = size = 0
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    crc32, size = zlib.crc32(chunk, crc32), size + len(chunk)
                    whole.write(chunk)
            entries.append(Entry(path=name, size=size, crc32=crc32, key=key, start=start))
            start += size
    return entries


async def remove_expired(database: Database, store: ArtifactStore, now: datetime) -> None:
    """Forget data exports that have expired, with all that was stored for them, or for one that is gone."""
    c = data_exports.c
    query = sa.select(c.id).where(c.expires_at <= now)
    async with database.read() as connection:
        ids = (await connection.execute(query)).scalars().all()
    for export_id in ids:
        await erase_folder(store, export_id)
    if ids:
        gone = sa.delete(data_exports).where(c.id.in_(ids))
        await database.transact(lambda connection: connection.execute(gone))
    async for stored in store.list(PREFIX):
        if stored.modified < now - ORPHANED and not await _is_there(database, stored.key.split("/")[1]):
            await store.delete(stored.key)


async def _is_there(database: Database, export_id: str) -> bool:
    async with database.read() as connection:
        row = await connection.execute(sa.select(data_exports.c.id).where(data_exports.c.id == export_id))
        return row.first() is not None


async def erase_folder(store: ArtifactStore, export_id: str) -> None:
    """Delete what was stored for a data export."""
    async for stored in store.list(folder_of(export_id)):
        await store.delete(stored.key)
