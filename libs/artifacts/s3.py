"""Artifacts in any S3 server. Calls block, so they run in threads of the store's own, each with timeouts.

An object is written by one PUT that carries its SHA-256, in the signature too, so that the server refuses what
arrives damaged; a record by one with `If-None-Match: *`, of which exactly one succeeds.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.error import MinioException, S3Error
from minio.signer import sign_v4_s3

from libs.artifacts.bucket_rules import set_rules
from libs.artifacts.presign import Grant, Signature, presign
from libs.artifacts.store import CHUNK, StoredObject, checked_key, checked_prefix, digest_of, is_key
from libs.contracts.artifacts import Blob, blob_key
from libs.contracts.errors import InputMissing, Retryable
from libs.runtime.disk import full_disk_is_retryable
from libs.runtime.scratch import Scratch

T = TypeVar("T")

_CONNECT_S = 3.0
_READ_S = 30.0
_THREADS = 8
_RANGE = 4 * CHUNK
_FRESH = timedelta(minutes=1)
_RACES = 5
_ABSENT = frozenset({"NoSuchKey", "NoSuchObject", "NotFound"})
_FULL = frozenset({"XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "EntityTooLarge"})
_LOST = frozenset({409, 412})


class S3Store:
    """An `ArtifactStore` in one bucket, which must exist."""

    def __init__(
        self,
        *,
        host: str,
        bucket: str,
        access_key: str,
        secret_key: str,
        secure: bool = True,
        region: str = "us-east-1",
        scratch: Scratch | None = None,
    ) -> None:
        self._bucket = bucket
        self._region = region
        self._address = f"{'https' if secure else 'http'}://{host}"
        self._host = host
        self._credentials = Credentials(access_key, secret_key)
        self._signature = Signature(access_key, secret_key, region)
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            maxsize=_THREADS,
            retries=urllib3.Retry(total=2, backoff_factor=0.2, redirect=False, status=0),
        )
        self._client = Minio(
            host, access_key=access_key, secret_key=secret_key, secure=secure, region=region, http_client=self._http
        )
        self._folder = _temporary_folder if scratch is None else scratch.folder
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    async def put_file(self, path: Path, media_type: str) -> Blob:
        """Copy a file in; see `ArtifactStore`. A cancelled copy stops soon."""
        stop = threading.Event()
        try:
            return await self._in_thread(self._put_file, path, media_type, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    async def put_bytes(self, data: bytes, media_type: str) -> Blob:
        """Store bytes; see `ArtifactStore`."""
        return await self._in_thread(self._put_bytes, data, media_type)

    async def put_at(self, key: str, path: Path, media_type: str) -> None:
        """Copy a file in; see `ArtifactStore`. A cancelled copy stops soon."""
        stop = threading.Event()
        try:
            await self._in_thread(self._put_at, checked_key(key), path, media_type, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    def presigned(self, grant: Grant, *, endpoint: str) -> str | None:
        """An address of the bucket; see `ArtifactStore`."""
        checked_key(grant.key)
        return presign(grant, self._signature, endpoint=endpoint, bucket=self._bucket, now=datetime.now(UTC))

    @asynccontextmanager
    async def local(self, blob: Blob) -> AsyncIterator[Path]:
        """A copy in a folder of its own, checked against its digest; see `ArtifactStore`."""
        stop = threading.Event()
        async with self._folder() as folder:
            try:
                path = folder / blob.sha256
                await self._in_thread(self._download, blob, path, stop)
                yield path
            finally:
                stop.set()

    async def get_bytes(self, key: str) -> bytes | None:
        """An object's bytes; see `ArtifactStore`."""
        return await self._in_thread(self._get, checked_key(key))

    async def put_if_absent(self, key: str, data: bytes) -> bytes:
        """Store unless there; see `ArtifactStore`."""
        return await self._in_thread(self._put_if_absent, checked_key(key), data)

    async def has(self, key: str) -> bool:
        """Whether it is there; see `ArtifactStore`."""
        return await self._in_thread(self._stat, checked_key(key)) is not None

    async def stat(self, key: str) -> StoredObject | None:
        """What is there; see `ArtifactStore`."""
        return await self._in_thread(self._stat, checked_key(key))

    async def read_range(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes start..end; see `ArtifactStore`. Each chunk is a request of its own, so nothing is left open."""
        checked_key(key)
        while start < end:
            chunk = await self._in_thread(self._get, key, start, min(_RANGE, end - start))
            if chunk is None:
                raise InputMissing(digest_of(key))
            if not chunk:
                return
            start += len(chunk)
            yield chunk

    async def delete(self, key: str) -> None:
        """Remove it; see `ArtifactStore`."""
        await self._in_thread(self._client.remove_object, self._bucket, checked_key(key))

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        """What is there; see `ArtifactStore`."""
        for stored in await self._in_thread(self._list, checked_prefix(prefix)):
            yield stored

    async def remove_by_itself(self, prefix: str, days: int) -> str:
        """Rules of the bucket; see `ArtifactStore`."""
        return await self._in_thread(set_rules, self._client, self._bucket, checked_prefix(prefix), days)

    async def check(self) -> None:
        """Whether the bucket is there; see `ArtifactStore`."""
        if not await self._in_thread(self._client.bucket_exists, self._bucket):
            raise Retryable("store_unavailable", f"The bucket {self._bucket} does not exist.")

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        def translated() -> T:
            with _translated():
                return work(*args)

        return await asyncio.get_running_loop().run_in_executor(self._threads, translated)

    def _put_at(self, key: str, path: Path, media_type: str, stop: threading.Event) -> None:
        with path.open("rb") as file:
            digest, size = _digest(file, stop)
            file.seek(0)
            self.put_object(key, file, size, digest.digest(), media_type)

    def _put_file(self, path: Path, media_type: str, stop: threading.Event) -> Blob:
        with path.open("rb") as file:
            digest, size = _digest(file, stop)
            blob = Blob(sha256=digest.hexdigest(), size=size, media_type=media_type)
            if not self._is_fresh(blob):
                file.seek(0)
                self.put_object(blob.key, file, size, digest.digest(), media_type)
        return blob

    def _put_bytes(self, data: bytes, media_type: str) -> Blob:
        digest = hashlib.sha256(data)
        blob = Blob(sha256=digest.hexdigest(), size=len(data), media_type=media_type)
        if not self._is_fresh(blob):
            self.put_object(blob.key, data, len(data), digest.digest(), media_type)
        return blob

    def _put_if_absent(self, key: str, data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()
        for _ in range(_RACES):
            standing = self._get(key)
            if standing is not None:
                return standing
            if self.put_object(key, data, len(data), digest, if_absent=True):
                return data
        raise Retryable("store_unavailable", "The artifact store neither takes a record nor shows the one it has.")

    def _is_fresh(self, blob: Blob) -> bool:
        """True when the object stands there whole, and is too new to be swept before it is referred to."""
        found = self._stat(blob.key)
        return found is not None and found.size == blob.size and datetime.now(UTC) - found.modified < _FRESH

    def _stat(self, key: str) -> StoredObject | None:
        try:
            found = self._client.stat_object(self._bucket, key)
        except S3Error as error:
            if error.code in _ABSENT:
                return None
            raise
        return StoredObject(key=key, size=found.size or 0, modified=found.last_modified or datetime.now(UTC))

    def _get(self, key: str, offset: int = 0, length: int = 0) -> bytes | None:
        """The bytes of an object, or of a part; a length of 0 means up to the end. None when it isn't there."""
        try:
            response = self._client.get_object(self._bucket, key, offset, length)
        except S3Error as error:
            if error.code in _ABSENT:
                return None
            if error.code == "InvalidRange":
                return b""
            raise
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def _download(self, blob: Blob, path: Path, stop: threading.Event) -> None:
        digest, offset = hashlib.sha256(), 0
        with path.open("wb") as file:
            while offset < blob.size:
                if stop.is_set():
                    raise InterruptedError
                chunk = self._get(blob.key, offset, min(_RANGE, blob.size - offset))
                if not chunk:
                    raise InputMissing(blob.sha256)
                digest.update(chunk)
                file.write(chunk)
                offset += len(chunk)
        if offset == 0 and self._stat(blob_key(blob.sha256)) is None:
            raise InputMissing(blob.sha256)
        if digest.hexdigest() != blob.sha256:
            raise Retryable("store_unavailable", f"The artifact {blob.sha256[:12]}... came back damaged.")

    def _list(self, prefix: str) -> Sequence[StoredObject]:
        return [
            StoredObject(key=found.object_name or "", size=found.size or 0, modified=found.last_modified)
            for found in self._client.list_objects(self._bucket, prefix, recursive=True)
            if found.last_modified is not None and is_key(found.object_name or "")
        ]

    def put_object(
        self,
        key: str,
        body: bytes | BinaryIO,
        size: int,
        digest: bytes,
        media_type: str = "application/json",
        *,
        if_absent: bool = False,
    ) -> bool:
        """One signed PUT; blocks. False when `if_absent` and there is one already.

        digest: the SHA-256 of the body; the server refuses a body of another. Done here because the client's own
        method can't send a condition, and reads a file whole into memory.
        """
        url = urlsplit(f"{self._address}/{self._bucket}/{key}")
        now = datetime.now(UTC)
        headers: dict[str, str | list[str] | tuple[str]] = {
            "Host": self._host,
            "Content-Length": str(size),
            "Content-Type": media_type,
            "x-amz-content-sha256": digest.hex(),
            "x-amz-checksum-sha256": base64.b64encode(digest).decode(),
            "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        }
        if if_absent:
            headers["If-None-Match"] = "*"
        signed = sign_v4_s3(
            method="PUT",
            url=url,
            region=self._region,
            headers=headers,
            credentials=self._credentials,
            content_sha256=digest.hex(),
            date=now,
        )
        response = self._http.urlopen("PUT", url.geturl(), body=body, headers=signed)
        if response.status in (200, 204):
            return True
        if if_absent and response.status in _LOST:
            return False
        reason = _reason(response.data)
        if response.status == 507 or reason in _FULL:
            raise Retryable("no_space", "The artifact store is full.")
        raise Retryable("store_unavailable", f"The artifact store answered {response.status} {reason}.")


def _digest(file: BinaryIO, stop: threading.Event) -> tuple[hashlib._Hash, int]:
    """The SHA-256 of a file, and its size. Raises InterruptedError once `stop` is set."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        if stop.is_set():
            raise InterruptedError
        digest.update(chunk)
        size += len(chunk)
    return digest, size


@asynccontextmanager
async def _temporary_folder() -> AsyncIterator[Path]:
    folder = tempfile.TemporaryDirectory(prefix="beatloom-", ignore_cleanup_errors=True)
    try:
        yield Path(folder.name)
    finally:
        await asyncio.to_thread(folder.cleanup)


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the client and of the wire, in the words of the contracts."""
    try:
        with full_disk_is_retryable():
            yield
    except S3Error as error:
        code = "no_space" if error.code in _FULL else "store_unavailable"
        raise Retryable(code, f"The artifact store answered {error.code}.") from error
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise Retryable("store_unavailable") from error


def _reason(body: bytes) -> str:
    """The code in an S3 error's XML, found without a parser of XML."""
    with contextlib.suppress(IndexError):
        return body.split(b"<Code>", 1)[1].split(b"</Code>", 1)[0][:60].decode("ascii", "replace")
    return ""
