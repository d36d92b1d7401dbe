"""References to artifacts, and their keys in the store. A key never contains text from a user."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

BLOBS = "blob"
"""The folder of the store, or the first part of a key, where bytes live."""

RESULTS = "result"
"""The first part of the keys of records of results."""

OUTPUTS = "output"
"""The folder of the store where files of narrated jobs stand by their names too, if the store is a folder."""


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes in the artifact store, named by their own digest."""

    sha256: str
    """Lower-case hex, 64 characters."""
    size: int
    """Bytes."""
    media_type: str

    @property
    def key(self) -> str:
        """The object's key in the store."""
        return blob_key(self.sha256)


def blob_key(sha256: str) -> str:
    """The key under which bytes with this digest live."""
    return f"{BLOBS}/{sha256}"


def result_key(kind: str, version: str, owner: str, inputs: Mapping[str, object]) -> str:
    """The key of the record of a result, from everything that determines it.

    kind: the task's kind or a finer step ("segment"). version: the version of the code that makes it,
    raised whenever its output changes. owner: the user, since results are never shared across users.
    inputs: whatever else determines the bytes, as JSON-encodable values with string keys.
    """
    document = msgspec.json.encode([kind, version, owner, inputs], order="deterministic")
    return f"{results_prefix(owner)}{hashlib.sha256(document).hexdigest()}"


def results_prefix(owner: str) -> str:
    """With what the keys of all records of a user begin, so that they can be listed."""
    return f"{RESULTS}/{owner_tag(owner)}/"


def owner_tag(owner: str) -> str:
    """What stands for a user in keys: it tells two apart, and says nothing of either."""
    return hashlib.sha256(f"owner {owner}".encode()).hexdigest()[:32]
