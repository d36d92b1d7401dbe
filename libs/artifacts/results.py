"""Exactly-once effect on top of at-least-once delivery: records of results that already exist.

A record stands at `result/<owner tag>/<digest of everything that determines the bytes>` (`result_key` in the
contracts).
It is written last, after all of its blobs, and only if absent: the loser of a race adopts the winner's facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import msgspec

from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.contracts.facts import Usage, WorkFact

R = TypeVar("R", bound=msgspec.Struct)

RECORD_VERSION = 1
_RACES = 5


class Made(msgspec.Struct, frozen=True):
    """What a handler made: its facts, and what making them cost. Its blobs are in the store already."""

    facts: list[WorkFact]
    usage: Usage
    lasting: bool = True
    """False when a later request of the same shall be made anew: it is not recorded."""


class Found(msgspec.Struct, frozen=True):
    """What stands: the facts, what they cost when they were made, and whether that was done before."""

    facts: list[WorkFact]
    usage: Usage
    reused: bool
    untold: bool = False
    """An earlier delivery of the same work made it, and what that has cost was perhaps never told."""


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    version: int = RECORD_VERSION
    facts: list[WorkFact]
    usage: Usage
    blobs: list[str]
    """Digests of every blob that the facts name."""
    work: str = ""
    """For which it was made."""


class _BlobRecord(msgspec.Struct, frozen=True, kw_only=True):
    version: int = RECORD_VERSION
    blob: Blob


async def find_or_make(
    store: ArtifactStore, key: str, make: Callable[[], Awaitable[Made]], *, work: str = ""
) -> Found:
    """The facts recorded at `key`, or those that `make` gives, recorded there. work: for which; "": not told.

    A record that can't be read, or names a blob that is gone or cut short, is made again and replaced. Two that
    make the same at once both return the facts of the one that recorded first.
    """
    stale = await store.get_bytes(key)
    if stale is not None:
        record = await _usable(store, stale)
        if record is not None:
            untold = bool(work) and record.work == work and _costly(record.usage)
            return Found(record.facts, record.usage, not untold, untold)
    made = await make()
    if not made.lasting:
        return Found(made.facts, made.usage, False)
    blobs = sorted({blob.sha256 for blob in _blobs(made.facts)})
    ours = _Record(facts=made.facts, usage=made.usage, blobs=blobs, work=work)
    data = msgspec.json.encode(ours)
    for _ in range(_RACES):
        if stale is not None:
            await _remove(store, key, stale)
        standing = await store.put_if_absent(key, data)
        if standing == data:
            break
        record = await _usable(store, standing)
        if record is not None:
            return Found(record.facts, record.usage, False)
        stale = standing
    return Found(made.facts, made.usage, False)


def _costly(usage: Usage) -> bool:
    return bool(usage.gpu_seconds or usage.cost or usage.characters or usage.tokens)


async def find_blob(store: ArtifactStore, key: str) -> Blob | None:
    """The blob recorded at `key` by `keep_blob`, when both record and blob are still there."""
    record = await find_record(store, key, _BlobRecord)
    return None if record is None else record.blob


async def keep_blob(store: ArtifactStore, key: str, blob: Blob) -> Blob:
    """Record a blob, which is in the store already, at `key`. Returns the blob to use: ours, or the winner's."""
    return (await keep_record(store, key, _BlobRecord(blob=blob))).blob


async def find_record(store: ArtifactStore, key: str, kind: type[R]) -> R | None:
    """What `keep_record` has put at `key`, when all blobs that it names are still there."""
    data = await store.get_bytes(key)
    if data is None:
        return None
    try:
        record = msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError:
        return None
    return record if await _all_whole(store, record) else None


async def keep_record(store: ArtifactStore, key: str, record: R) -> R:
    """Put a struct at `key`; the blobs that it names are in the store already. Returns ours, or the winner's."""
    data = msgspec.json.encode(record)
    for _ in range(_RACES):
        standing = await store.put_if_absent(key, data)
        if standing == data:
            return record
        winner = await find_record(store, key, type(record))
        if winner is not None:
            return winner
        await _remove(store, key, standing)
    return record


async def _usable(store: ArtifactStore, data: bytes) -> _Record | None:
    """The record in `data`, when it can be read and all of its blobs are there."""
    try:
        record = msgspec.json.decode(data, type=_Record)
    except msgspec.DecodeError:
        return None
    if record.version != RECORD_VERSION:
        return None
    return record if await _all_whole(store, record.facts) else None


async def _all_whole(store: ArtifactStore, value: Any) -> bool:
    """True when all blobs that the value names are there."""
    return all(await asyncio.gather(*(_whole(store, blob) for blob in set(_blobs(value)))))


async def _whole(store: ArtifactStore, blob: Blob) -> bool:
    """True when the blob is there in its full length, as `local` wants it."""
    found = await store.stat(blob.key)
    return found is not None and found.size == blob.size


async def _remove(store: ArtifactStore, key: str, stale: bytes) -> None:
    """Remove a record that is of no use, unless somebody has replaced it meanwhile.

    Between the look and the removal a good record may still be lost; then the same work is only done once more.
    """
    if await store.get_bytes(key) == stale:
        await store.delete(key)


def _blobs(value: Any) -> Iterator[Blob]:
    """All blobs within facts, however deep."""
    if isinstance(value, Blob):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _blobs(getattr(value, name))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _blobs(item)
    elif isinstance(value, dict):
        yield from _blobs(list(value.values()))
