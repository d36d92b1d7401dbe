"""What users have, in every place that keeps something: made as the pipeline makes it, searched for afterwards."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from nats.js.errors import NotFoundError

from libs.artifacts import ArtifactStore
from libs.artifacts.results import Made, find_or_make, keep_blob
from libs.bus.connection import Bus
from libs.bus.records import Records
from libs.contracts import subjects
from libs.contracts.artifacts import Blob, owner_tag, result_key
from libs.contracts.facts import Usage, VideoComposed, WorkFact
from libs.contracts.messages import DeadLetter
from libs.seal import Keyring
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.ledger import Ledger, utc_now
from services.ingest.outbox import KINDS, Outbox
from services.ingest.schema import metadata
from services.ingest.uploads import presign, records
from services.ingest.uploads.records import Upload
from services.ingest.webhooks.endpoints import Endpoints, NewEndpoint
from tests.integration.ingest.server import KEY
from tests.unit.ingest.story import blob, broke, fact, new_job, result

STREAMS = (subjects.TASKS, subjects.FACTS, subjects.CONTROL, subjects.DEAD, f"KV_{subjects.WORK_BUCKET}")
_TOKEN = re.compile(r"[0-9a-f]{20,64}")


class _Lease(msgspec.Struct, frozen=True):
    work: str


class Places(NamedTuple):
    """Everything that keeps something of users."""

    database: Database
    store: ArtifactStore
    bus: Bus
    ledger: Ledger


async def fill(
    places: Places, owner: str, *, jobs: int = 1, scenes: int = 3, segments: int = 2, video: Blob | None = None
) -> set[str]:
    """Give a user finished jobs, one that failed and one that runs, and something of everything else. video: what
    all of their jobs have come to; None: each to bytes of its own.

    Returns the ids and digests of what is theirs alone.
    """
    theirs = {owner_tag(owner)}
    for number in range(jobs):
        theirs |= await _finish(places, owner, await _order(places, owner), f" {owner} {number}", scenes, video)
    for number in range(segments):
        piece = await places.store.put_bytes(f"segment {owner} {number}".encode(), "video/mp4")
        await keep_blob(places.store, result_key("segment", "1", owner, {"number": number}), piece)
        theirs.add(piece.sha256)
    failed, running = await _order(places, owner), await _order(places, owner)
    await places.ledger.apply(broke("analyze", retryable=False, job_id=failed))
    theirs |= {failed, running} | await _upload(places, owner)
    endpoints = Endpoints(places.database, Keyring([KEY]), clock=utc_now, wake=lambda: None)
    new = NewEndpoint(url="http://127.0.0.1:9/", description="", events=("job_completed",), strict=False)
    endpoint, _ = await endpoints.register(owner, new)
    await endpoints.ping(owner, endpoint.id)
    theirs.add(endpoint.id)
    caller = Caller(owner=owner, means="token", address="192.0.2.7")
    await places.database.transact(lambda connection: note(connection, caller, "a.test", failed, utc_now()))
    await publish(places)
    letter = DeadLetter(
        id=f"{running}/1",
        kind="animate",
        job_id=running,
        run=1,
        task="a",
        attempt=1,
        code="unexpected",
        at=utc_now(),
    )
    await places.bus.publish_dead(letter)
    leases = Records(places.bus, "lease", _Lease, lifetime_s=3600)
    await leases.write(running, _Lease(work=f"{running}/1/animate.s001/1"), None)
    return theirs


async def publish(places: Places) -> None:
    """Send what the outbox holds."""
    outbox = Outbox(places.database, places.bus, refused=places.ledger.apply)
    for kind in KINDS:
        while await outbox.publish_due(kind):
            pass


async def _order(places: Places, owner: str) -> str:
    song = await places.store.put_bytes(b"everybody's song", "audio/mpeg")
    order = msgspec.structs.replace(new_job(), owner=owner, song=song)
    return (await places.ledger.accept(order)).job_id


async def _finish(places: Places, owner: str, job_id: str, make: str, scenes: int, video: Blob | None) -> set[str]:
    """Do all of a job's tasks. The bytes of each blob are its name."""
    animated = [f"animate.s{number:03}" for number in range(1, scenes + 1)]
    for task in ("analyze", "plan", *animated, "compose"):
        body = result(task, scenes=scenes, make=make)
        if video is not None and isinstance(body, VideoComposed):
            body = msgspec.structs.replace(body, video=video)
        key = result_key(task, "1", owner, {"make": make})

        async def made(body: WorkFact = body) -> Made:
            return Made([body], Usage())

        await find_or_make(places.store, key, made)
        done = fact(task, body, job_id=job_id)
        await places.ledger.apply(done)
        await places.bus.publish_fact(done)
    await places.store.put_at(f"output/{job_id}/voiceover.mp3", Path(__file__), "audio/mpeg")
    found = {job_id, (await places.ledger.snapshot(job_id)).project_id}
    names = ["analysis", "board", "report", "poster", "sheet", *([] if video else ["video"])]
    for name in [*names, *(f"clip {task.partition('.')[2]}" for task in animated)]:
        stored = await places.store.put_bytes((name + make).encode(), "text/plain")
        assert stored.sha256 == blob(name + make).sha256
        found.add(stored.sha256)
    return found


async def _upload(places: Places, owner: str) -> set[str]:
    kept: Blob = await places.store.put_bytes(f"upload {owner}".encode(), "image/png")
    upload = Upload(
        id=new_id(),
        owner=owner,
        kind="image",
        status="ready",
        name="me.png",
        size=kept.size,
        media_type=kept.media_type,
        sha256=kept.sha256,
        created_at=utc_now(),
        expires_at=utc_now() + timedelta(hours=1),
    )
    await records.insert(places.database, upload)
    await places.store.put_at(presign.incoming_key(upload.id), Path(__file__), "text/plain")
    return {upload.id, kept.sha256}


async def traces(places: Places, owner: str, theirs: set[str]) -> set[str]:
    """Which of these ids and digests are found anywhere, and the places that name the owner."""
    found: set[str] = set()
    async for where, text in _everything(places):
        found |= theirs & {*_TOKEN.findall(text)}
        if f'"{owner}"' in text or f"'{owner}'" in text or owner_tag(owner) in text:
            found.add(f"{where}: {owner}")
    return found


async def _everything(places: Places) -> AsyncIterator[tuple[str, str]]:
    """The text of every row, object and message."""
    async with places.database.read() as connection:
        for table in metadata.sorted_tables:
            for row in await connection.execute(sa.text(f'SELECT * FROM "{table.name}"')):
                yield f"table {table.name}", repr(tuple(row))
    async for stored in places.store.list(""):
        yield "store", stored.key
        if not stored.key.startswith("blob/"):
            yield f"store {stored.key}", repr(await places.store.get_bytes(stored.key))
    for stream in STREAMS:
        sequence = 0
        while True:
            try:
                message = await places.bus.js.get_msg(stream, seq=sequence + 1, subject=">", next=True)
            except NotFoundError:
                break
            sequence = message.seq or 0
            yield f"stream {stream}", f"{message.subject} {message.headers} {message.data!r}"
