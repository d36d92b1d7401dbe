"""The one protocol of the artifact store. Bytes live at `blob/<sha256>` and never change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from libs.artifacts.presign import Grant
from libs.contracts.artifacts import Blob

CHUNK = 1 << 20
"""Bytes that are read or written at once."""

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+")
_PREFIX = re.compile(r"([a-z0-9][a-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*/?)?")


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing says of an object."""

    key: str
    size: int
    """Bytes."""
    modified: datetime
    """When it was written, with its zone."""


class ArtifactStore(Protocol):
    """Where artifacts live. Every method may raise Retryable("store_unavailable"); those that write also
    Retryable("no_space")."""

    async def put_file(self, path: Path, media_type: str) -> Blob:
        """Copy a file in, under the digest of its bytes. Doing it again changes nothing."""
        ...

    async def put_bytes(self, data: bytes, media_type: str) -> Blob:
        """Store bytes under their digest. Doing it again changes nothing."""
        ...

    def local(self, blob: Blob) -> AbstractAsyncContextManager[Path]:
        """A path to read the blob from, valid within the context; never write there. Raises InputMissing."""
        ...

    async def put_at(self, key: str, path: Path, media_type: str) -> None:
        """Copy a file in at a key of its own, over what stands there: for what is no blob yet."""
        ...

    def presigned(self, grant: Grant, *, endpoint: str) -> str | None:
        """An address at which a client may do what `grant` says; None where the store has no such addresses.

        endpoint: where clients reach the store's server, as in `https://s3.example.com`.
        """
        ...

    async def get_bytes(self, key: str) -> bytes | None:
        """An object's bytes, whole; None when there is none."""
        ...

    async def put_if_absent(self, key: str, data: bytes) -> bytes:
        """Store `data` unless there is an object already. Returns what stands: ours, or the winner's."""
        ...

    async def has(self, key: str) -> bool:
        """True when there is such an object."""
        ...

    async def stat(self, key: str) -> StoredObject | None:
        """What a listing would say of it now; None when there is no such object."""
        ...

    def read_range(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`, excluded, in chunks; fewer when the object is shorter.

        Raises InputMissing when there is no such object.
        """
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is fine."""
        ...

    def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """The objects whose keys begin with `prefix`, in the order of their keys. What has no key of ours is left
        out: people put other files beside."""
        ...

    async def remove_by_itself(self, prefix: str, days: int) -> str:
        """Ask the store's own server to remove what is older below a prefix, and parts of uploads that were never
        finished. Why it does not, for people; "" when it does, or where there is no server."""
        ...

    async def check(self) -> None:
        """Return when the store can be used. Raises Retryable("store_unavailable") otherwise."""
        ...


def is_key(key: str) -> bool:
    """True for what can be the key of an artifact."""
    return _KEY.fullmatch(key) is not None


def checked_key(key: str) -> str:
    """The key itself. Raises ValueError for one that could mean another place than it says."""
    if not is_key(key):
        raise ValueError(f"not an artifact key: {key!r}")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself. Raises ValueError as `checked_key` does."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not a prefix of artifact keys: {prefix!r}")
    return prefix


def digest_of(key: str) -> str:
    """What a missing object is called: the digest of a blob, or the key of anything else."""
    return key.removeprefix("blob/")
