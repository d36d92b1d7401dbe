"""Where clients get files without a login: signed addresses that end, of the API or of the S3 server itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from libs.artifacts.presign import Grant
from libs.artifacts.store import ArtifactStore
from libs.contracts.artifacts import Blob
from libs.seal.addresses import EXPIRES, GET, PUT, SIGNATURE, Addresses
from services.ingest.names import content_disposition


class Link(NamedTuple):
    """An address, and until when it is good."""

    url: str
    expires_at: datetime


class Published:
    """Makes addresses, and says which are good.

    public_url: the API, as clients reach it. s3_url: the S3 server, as they reach it; "": files go through the API.
    finals, uploads: how long an address of a job's files, or of an upload, is good.
    """

    def __init__(
        self,
        store: ArtifactStore,
        addresses: Addresses,
        *,
        public_url: str,
        s3_url: str = "",
        finals: timedelta = timedelta(hours=1),
        uploads: timedelta = timedelta(hours=24),
        clock: Callable[[], datetime],
    ) -> None:
        self._store, self._addresses = store, addresses
        self._public_url, self._s3_url = public_url.rstrip("/"), s3_url
        self.finals, self.uploads = finals, uploads
        self._clock = clock

    @property
    def signs(self) -> bool:
        """False when the settings name no key to sign with."""
        return self._addresses.signs

    def plain(self, path: str) -> str:
        """The whole address of a path of the API."""
        return self._public_url + path

    def link(self, blob: Blob, path: str, name: str, lasts: timedelta) -> Link:
        """Where a blob, which the API has at `path`, can be fetched, and saved under a name.

        Raises Permanent("no_secret_key").
        """
        until = self._clock() + lasts
        if self._s3_url:
            answer = {
                "content-disposition": content_disposition(name),
                "content-type": blob.media_type,
                "cache-control": "private, no-cache",
            }
            grant = Grant("GET", blob.key, int(lasts.total_seconds()), answer=answer)
            found = self._store.presigned(grant, endpoint=self._s3_url)
            if found is not None:
                return Link(found, until)
        return self.signed(path, lasts)

    def signed(self, path: str, lasts: timedelta) -> Link:
        """Where what the API has at `path` can be fetched. Raises Permanent("no_secret_key")."""
        until = self._clock() + lasts
        return Link(self._public_url + self._addresses.sign(path, until), until)

    def place_to_put(self, key: str, path: str, *, size: int, media_type: str, lasts: timedelta) -> Link:
        """Where a client can PUT `size` bytes of a media type: the store's own `key`, or a path of the API.

        Raises Permanent("no_secret_key").
        """
        until = self._clock() + lasts
        if self._s3_url:
            headers = {"content-length": str(size), "content-type": media_type}
            grant = Grant("PUT", key, int(lasts.total_seconds()), headers=headers)
            found = self._store.presigned(grant, endpoint=self._s3_url)
            if found is not None:
                return Link(found, until)
        signed = self._addresses.sign(path, until, method=PUT, bound=bound_to(size, media_type))
        return Link(self._public_url + signed, until)

    def check(self, path: str, expires: str, signature: str, *, method: str = GET, bound: str = "") -> None:
        """Return when a path is rightly signed. Raises Permanent: bad_signature, link_expired."""
        query = {EXPIRES: expires, SIGNATURE: signature}
        self._addresses.check(path, query, self._clock(), method=method, bound=bound)


def bound_to(size: int, media_type: str) -> str:
    """What an address for a PUT stands for besides its path."""
    return f"{size} {media_type}"
