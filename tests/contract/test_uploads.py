"""Rows of uploads, on SQLite and on PostgreSQL: one owner's, once, until their time is over."""

from datetime import timedelta

import msgspec
import pytest

from libs.contracts.errors import Permanent
from services.ingest.ids import new_id
from services.ingest.my_data.deletions import Deletions
from services.ingest.uploads import records
from services.ingest.uploads.kinds import FileFacts
from services.ingest.uploads.records import Upload
from tests.contract.test_ledger import Books, books, sweeper

__all__ = ["books"]


def waiting(books: Books) -> Upload:
    """An announced song."""
    return Upload(
        id=new_id(),
        owner="ann",
        kind="audio",
        status="waiting",
        name="Söng.mp3",
        size=5_000_000_000,
        media_type="audio/mpeg",
        created_at=books.clock(),
        expires_at=books.clock() + timedelta(hours=1),
    )


async def test_an_upload_is_one_owners_and_becomes_ready_once(books: Books) -> None:
    upload = waiting(books)
    await records.insert(books.database, upload)
    assert await records.find(books.database, "ann", upload.id, books.clock()) == upload
    for owner, named in (("bob", upload.id), ("ann", "\0"), ("ann", "")):
        with pytest.raises(Permanent, match="upload_not_found"):
            await records.find(books.database, owner, named, books.clock())
    with pytest.raises(Permanent, match="deletion_not_found"):
        await Deletions(books.database, books.clock).get("\0")
    with pytest.raises(Permanent, match="upload_not_ready"):
        _ = upload.blob
    facts = FileFacts(duration=6.5, title="Ä")
    ready = msgspec.structs.replace(upload, status="ready", sha256="ab" * 32, size=7, facts=facts)
    await records.make_ready(books.database, ready)
    await records.make_ready(books.database, msgspec.structs.replace(ready, sha256="cd" * 32))
    assert await records.find(books.database, "ann", upload.id, books.clock()) == ready
    with pytest.raises(Permanent, match="upload_not_found"):
        await records.remove(books.database, "bob", upload.id)
    await records.remove(books.database, "ann", upload.id)
    with pytest.raises(Permanent, match="upload_not_found"):
        await records.remove(books.database, "ann", upload.id)


async def test_its_bytes_are_needed_a_little_longer_than_it_can_be_had(books: Books) -> None:
    """Who read it in its last moment has the time to refer to them."""
    upload = msgspec.structs.replace(waiting(books), status="ready", sha256="ab" * 32)
    await records.insert(books.database, upload)
    for hours, there, needed in ((0.9, True, True), (0.2, False, True), (1, False, False)):
        books.clock.forward(hours=hours)
        await sweeper(books).prune()
        try:
            await records.find(books.database, "ann", upload.id, books.clock())
            found = True
        except Permanent:
            found = False
        async with books.database.read() as connection:
            digests = await records.referred(connection, ["ab" * 32, "cd" * 32])
        assert (found, digests) == (there, {"ab" * 32} if needed else set())
