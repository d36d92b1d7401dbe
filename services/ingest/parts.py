"""What the routes work with, once everything is connected."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from libs.artifacts.store import ArtifactStore
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.ingest.ledger import Ledger
from services.ingest.streams import Hub

OWNER = "local"
"""The one user, until there are accounts."""


class Parts(NamedTuple):
    """The ledger, the artifacts, the children for probing, the streams, scratch for uploads,
    and the private hosts that may be called back ("*" for all: the notifier has the last word)."""

    ledger: Ledger
    store: ArtifactStore
    pool: WorkerPool
    hub: Hub
    scratch: Scratch
    callback_allow: Collection[str]


def now() -> datetime:
    """The time, with its offset."""
    return datetime.now(UTC)
