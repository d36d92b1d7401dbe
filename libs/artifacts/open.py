"""Which store an address means."""

from __future__ import annotations

import contextlib
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from libs.artifacts.folder import FolderStore
from libs.artifacts.store import ArtifactStore
from libs.contracts.errors import Permanent
from libs.runtime.scratch import Scratch

_FORMS = "file:///folder or s3://KEY:SECRET@host:port/bucket?secure=0"


def open_store(url: str, *, scratch: Scratch | None = None) -> ArtifactStore:
    """The store at an address.

    `file:///folder` (or `file:folder`, from the working folder), or `s3://KEY:SECRET@host:port/bucket`, with
    `?secure=0` for plain HTTP and `&region=NAME` where the server wants another than us-east-1; key and secret
    are percent-encoded. scratch: where copies of S3's objects lie while they are read, open by then; None: in the
    system's temporary folder. Opening S3 does no I/O. Raises Permanent("bad_setting"); the address is not repeated.
    """
    folder = folder_of(url)
    if folder is not None:
        return FolderStore(folder)
    parts = urlsplit(url)
    bucket = parts.path.strip("/")
    if parts.scheme == "s3" and parts.hostname and bucket and "/" not in bucket:
        from libs.artifacts.s3 import S3Store  # noqa: PLC0415  (its package is slow to import)

        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        with contextlib.suppress(ValueError):  # a port that is none, no key, no secret
            return S3Store(
                host=parts.netloc.rpartition("@")[2],
                bucket=bucket,
                access_key=unquote(parts.username or ""),
                secret_key=unquote(parts.password or ""),
                secure=options.get("secure", "1") != "0",
                region=options.get("region", "us-east-1"),
                scratch=scratch,
            )
    raise Permanent("bad_setting", f"The artifact store's address is not of the form {_FORMS}.")


def folder_of(url: str) -> Path | None:
    """The folder that an address means; None for S3 and for what is no address."""
    parts = urlsplit(url)
    here = parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path
    return Path(unquote(parts.path)) if here else None
