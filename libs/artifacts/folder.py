"""Artifacts in a folder. An object appears whole or not at all: temporary file, fsync, rename (or link), fsync.

Temporary files live in `.partial` beside the objects, so that the rename stays within one file system.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from libs.artifacts.presign import Grant
from libs.artifacts.store import CHUNK, StoredObject, checked_key, checked_prefix, digest_of, is_key
from libs.contracts.artifacts import Blob, blob_key
from libs.contracts.errors import InputMissing, Retryable
from libs.runtime.disk import is_full

T = TypeVar("T")

_PARTIAL = ".partial"
_STALE_S = 3600.0


class FolderStore:
    """An `ArtifactStore` in the folder `root`, which is made. Several processes may use one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._partial = self._root / _PARTIAL
        with _translated():
            self._partial.mkdir(parents=True, exist_ok=True)
            _remove_stale(self._partial)

    async def put_file(self, path: Path, media_type: str) -> Blob:
        """Copy a file in; see `ArtifactStore`. A cancelled copy stops soon and leaves nothing."""
        stop = threading.Event()
        try:
            sha256, size = await asyncio.to_thread(self._copy_in, path, stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        return Blob(sha256=sha256, size=size, media_type=media_type)

    async def put_bytes(self, data: bytes, media_type: str) -> Blob:
        """Store bytes; see `ArtifactStore`."""
        sha256 = await asyncio.to_thread(self._keep_bytes, data)
        return Blob(sha256=sha256, size=len(data), media_type=media_type)

    async def put_at(self, key: str, path: Path, media_type: str) -> None:
        """Copy a file in; see `ArtifactStore`. A folder keeps no media types."""
        target = self._path(key)
        stop = threading.Event()
        try:
            await asyncio.to_thread(self._copy_to, target, path, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def presigned(self, grant: Grant, *, endpoint: str) -> str | None:
        """None: nobody but us serves a folder."""
        return None

    @asynccontextmanager
    async def local(self, blob: Blob) -> AsyncIterator[Path]:
        """The object's own file; see `ArtifactStore`. One of the wrong size counts as missing."""
        path = self._path(blob.key)
        if await _in_thread(_size, path) != blob.size:
            raise InputMissing(blob.sha256)
        yield path

    async def get_bytes(self, key: str) -> bytes | None:
        """An object's bytes; see `ArtifactStore`."""
        return await _in_thread(_read, self._path(key))

    async def put_if_absent(self, key: str, data: bytes) -> bytes:
        """Store unless there; see `ArtifactStore`. Of many at once, in any process, exactly one wins."""
        return await asyncio.to_thread(self._link_if_absent, self._path(key), data)

    async def has(self, key: str) -> bool:
        """Whether it is there; see `ArtifactStore`."""
        return await _in_thread(_size, self._path(key)) is not None

    async def stat(self, key: str) -> StoredObject | None:
        """What is there; see `ArtifactStore`."""
        return await _in_thread(_stat, self._path(key), key)

    async def read_range(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes start..end; see `ArtifactStore`."""
        path = self._path(key)
        while start < end:
            chunk = await _in_thread(_read_part, path, start, min(CHUNK, end - start))
            if chunk is None:
                raise InputMissing(digest_of(key))
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    async def delete(self, key: str) -> None:
        """Remove it; see `ArtifactStore`."""
        await _in_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """What is there; see `ArtifactStore`."""
        checked_prefix(prefix)
        for stored in await _in_thread(lambda: sorted(self._walk(prefix), key=attrgetter("key"))):
            yield stored

    async def remove_by_itself(self, prefix: str, days: int) -> str:
        """A folder has no server; see `ArtifactStore`."""
        return ""

    async def check(self) -> None:
        """Whether files can be made here; see `ArtifactStore`."""
        try:
            await asyncio.to_thread(self._try_to_write)
        except OSError as error:
            raise Retryable("store_unavailable", f"The artifact folder can't be used: {error.strerror}.") from error

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _copy_in(self, source: Path, stop: threading.Event) -> tuple[str, int]:
        with source.open("rb") as reader, _translated(), self._new_file() as (writer, partial):
            sha256, size = _copy(reader, writer, stop)
            self._appear(writer, partial, blob_key(sha256), size)
        return sha256, size

    def _copy_to(self, target: Path, source: Path, stop: threading.Event) -> None:
        with source.open("rb") as reader, _translated(), self._new_file() as (writer, partial):
            _copy(reader, writer, stop)
            _become(writer, partial, target)

    def _keep_bytes(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        with _translated():
            if not _refresh(self._path(blob_key(sha256)), len(data)):
                with self._new_file() as (writer, partial):
                    writer.write(data)
                    self._appear(writer, partial, blob_key(sha256), len(data))
        return sha256

    def _appear(self, writer: BinaryIO, partial: Path, key: str, size: int) -> None:
        """Let a written file become the object, unless a good one stands there already."""
        target = self._path(key)
        if not _refresh(target, size):
            _become(writer, partial, target)

    def _link_if_absent(self, target: Path, data: bytes) -> bytes:
        with _translated():
            while (standing := _read(target)) is None:
                target.parent.mkdir(parents=True, exist_ok=True)
                with self._new_file() as (writer, partial):
                    writer.write(data)
                    _settle(writer)
                    with contextlib.suppress(FileExistsError):
                        os.link(partial, target)
                        _settle_folder(target.parent)
                        return data
            return standing

    @contextmanager
    def _new_file(self) -> Iterator[tuple[BinaryIO, Path]]:
        """A file in the making; what has not been renamed by the end is removed."""
        handle, name = tempfile.mkstemp(dir=self._partial)
        partial = Path(name)
        try:
            with open(handle, "wb") as writer:  # noqa: PTH123  (a handle, not a path)
                yield writer, partial
        finally:
            partial.unlink(missing_ok=True)

    def _walk(self, prefix: str) -> Iterator[StoredObject]:
        start = self._root / prefix.rpartition("/")[0]
        for folder, folders, files in os.walk(start):
            folders[:] = [name for name in folders if name != _PARTIAL]
            for name in files:
                path = Path(folder, name)
                key = path.relative_to(self._root).as_posix()
                stored = _stat(path, key) if key.startswith(prefix) and is_key(key) else None
                if stored is not None:  # or else it was deleted meanwhile
                    yield stored

    def _try_to_write(self) -> None:
        with self._new_file():
            pass


async def _in_thread(work: Callable[..., T], *args: Any) -> T:
    def translated() -> T:
        with _translated():
            return work(*args)

    return await asyncio.to_thread(translated)


@contextmanager
def _translated() -> Iterator[None]:
    """Trouble with the store's own files, in the words of the contracts."""
    try:
        yield
    except InterruptedError:
        raise
    except OSError as error:
        if is_full(error):
            raise Retryable("no_space") from error
        raise Retryable("store_unavailable", f"The artifact folder can't be used: {error.strerror}.") from error


def _remove_stale(folder: Path) -> None:
    """Remove what a crash has left; files of others that are in the making are younger."""
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                path.unlink()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


def _stat(path: Path, key: str) -> StoredObject | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return StoredObject(key=key, size=found.st_size, modified=datetime.fromtimestamp(found.st_mtime, UTC))


def _refresh(path: Path, size: int) -> bool:
    """True when the object stands there whole. It is as new as one just put, so that the sweeper lets it live."""
    if _size(path) != size:
        return False
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read_part(path: Path, offset: int, size: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _copy(reader: BinaryIO, writer: BinaryIO, stop: threading.Event) -> tuple[str, int]:
    """Copy a file; its SHA-256 and size. Raises InterruptedError once `stop` is set."""
    digest, size = hashlib.sha256(), 0
    while chunk := reader.read(CHUNK):
        if stop.is_set():
            raise InterruptedError
        digest.update(chunk)
        size += len(chunk)
        writer.write(chunk)
    return digest.hexdigest(), size


def _become(writer: BinaryIO, partial: Path, target: Path) -> None:
    """Let a written file appear at `target`, whole."""
    _settle(writer)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial.replace(target)
    _settle_folder(target.parent)


def _settle(writer: BinaryIO) -> None:
    writer.flush()
    os.fsync(writer.fileno())


def _settle_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
