"""What the routes work with, once everything is connected."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from libs.artifacts.store import ArtifactStore
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.ingest.access.callers import NOBODY, Caller
from services.ingest.accounts.accounts import Accounts
from services.ingest.ledger import Ledger
from services.ingest.operating.operations import Operations
from services.ingest.projects.opened import Documents
from services.ingest.published import Published
from services.ingest.streams import Hub
from services.ingest.uploads.desk import Desk
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.endpoints import Endpoints


class Parts(NamedTuple):
    """The ledger, the artifacts, the children for probing, the streams, scratch for uploads,
    and the private hosts that may be called back ("*" for all: the notifier has the last word)."""

    ledger: Ledger
    store: ArtifactStore
    pool: WorkerPool
    hub: Hub
    scratch: Scratch
    callback_allow: Collection[str]
    desk: Desk
    """Where files are taken in."""
    endpoints: Endpoints
    deliveries: Deliveries
    """Whom webhooks go to, and what became of them."""
    published: Published
    """Where clients get files without a login."""
    documents: Documents
    """Analyses and storyboards of projects."""
    operations: Operations
    """What operators look at and do."""
    accounts: Accounts | None = None
    """Users; None on a machine without logins."""
    caller: Caller = NOBODY
    """Who asks, in the parts that a route is given."""

    @property
    def owner(self) -> str:
        """The user whose things the request is about."""
        return self.caller.owner


def now() -> datetime:
    """The time, with its offset."""
    return datetime.now(UTC)
