"""The HTTP side of ingest as one thing: routes made at once, parts handed in when they are connected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Router
from litestar.di import Provide

from libs.artifacts.store import ArtifactStore
from libs.bus.connection import Bus
from libs.bus.follow import follow_progress, follow_wakes
from libs.contracts.errors import Retryable
from libs.outbound.urls import ANY_HOST
from libs.runtime.scratch import Scratch
from libs.runtime.workers import WorkerPool
from services.ingest.access.gate import Door, Guard, caller_of, gate_at
from services.ingest.access.ownership import Owners
from services.ingest.accounts.accounts import Accounts
from services.ingest.ledger import Ledger
from services.ingest.limits import limits as counted
from services.ingest.operating.operations import Operations
from services.ingest.parts import Parts
from services.ingest.progress import ProgressBoard
from services.ingest.projects.opened import Documents
from services.ingest.published import Published
from services.ingest.routes import (
    admin,
    auth,
    budgets,
    characters,
    dead,
    estimates,
    exports,
    files,
    jobs,
    making,
    me,
    my_data,
    orchestrate,
    projects,
    scenes,
    storyboard,
    stream,
    takes,
    upload_audio,
    uploads,
    usage,
    webhooks,
)
from services.ingest.routes.bodies import AnyRequest
from services.ingest.routes.documents import told_secure
from services.ingest.streams import Hub
from services.ingest.uploads.desk import Desk
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.endpoints import Endpoints


class Front:
    """Routes, and what they work with.

    `routers` go to `service_app`; `open` is entered in the lifespan once the parts are there. Until then, and
    after, every route answers 503.
    """

    def __init__(self) -> None:
        self.hub = Hub(ProgressBoard())
        self._parts: Parts | None = None
        self._door: Door | None = None
        self.gate: Guard = gate_at(self._open_door)

    def routers(self) -> list[Router]:
        """All routes of /api/v1, and those of n8n's contract at the root as well, where older flows call them."""

        # A plain function: Litestar copies dependencies deeply, and a method with its object.
        def current(request: AnyRequest) -> Parts:
            return self._current()._replace(caller=caller_of(request))

        dependencies = {"parts": Provide(current, sync_to_thread=False, use_cache=False)}
        older = Router(
            "/",
            route_handlers=orchestrate.HANDLERS,
            dependencies=dependencies,
            guards=[self.gate],
            exception_handlers={counted.RateLimited: counted.told},
            include_in_schema=False,
        )
        whole = Router(
            "/api/v1",
            route_handlers=told_secure(
                [
                    *jobs.HANDLERS,
                    *stream.HANDLERS,
                    *files.HANDLERS,
                    *dead.HANDLERS,
                    *uploads.HANDLERS,
                    *upload_audio.HANDLERS,
                    *webhooks.HANDLERS,
                    *budgets.HANDLERS,
                    *estimates.HANDLERS,
                    *projects.HANDLERS,
                    *characters.HANDLERS,
                    *storyboard.HANDLERS,
                    *scenes.HANDLERS,
                    *takes.HANDLERS,
                    *making.HANDLERS,
                    *exports.HANDLERS,
                    *orchestrate.HANDLERS,
                    *auth.HANDLERS,
                    *usage.HANDLERS,
                    *me.HANDLERS,
                    *my_data.HANDLERS,
                    *admin.HANDLERS,
                ]
            ),
            dependencies=dependencies,
            guards=[self.gate],
            exception_handlers={counted.RateLimited: counted.told},
        )
        return [whole, older]

    def _current(self) -> Parts:
        if self._parts is None:
            raise Retryable("ledger_unavailable", "The service is starting or stopping.")
        return self._parts

    def _open_door(self) -> Door:
        if self._door is None:
            raise Retryable("ledger_unavailable", "The service is starting or stopping.")
        return self._door

    def stop_streams(self) -> None:
        """End all event streams, as a stop begins: they would keep the server up."""
        self.hub.close()

    @asynccontextmanager
    async def open(
        self,
        *,
        ledger: Ledger,
        store: ArtifactStore,
        bus: Bus,
        pool: WorkerPool,
        scratch: Scratch,
        desk: Desk,
        endpoints: Endpoints,
        deliveries: Deliveries,
        published: Published,
        operations: Operations,
        accounts: Accounts | None = None,
        limits: counted.Limits | None = None,
        origins: Collection[str] = (),
        callback_allow: Collection[str] = (ANY_HOST,),
    ) -> AsyncIterator[None]:
        """Serve with these parts until the end: follows wakes and progress. The scratch must be open.

        accounts: users; None for a machine without logins. origins: of pages that may call that. limits: how often
        users may ask; None: as often as they like.
        """
        async with AsyncExitStack() as stack:
            for following in (
                await follow_wakes(bus, self.hub.woken),
                await follow_progress(bus, self.hub.progressed),
            ):
                stack.push_async_callback(following.stop)
            poll = asyncio.create_task(self.hub.poll(ledger.last_events))
            stack.callback(poll.cancel)
            self._parts = Parts(
                ledger,
                store,
                pool,
                self.hub,
                scratch,
                callback_allow,
                desk,
                endpoints,
                deliveries,
                published,
                Documents(store),
                operations,
                accounts,
            )
            self._door = Door(desk.database, Owners(desk.database), published, accounts, origins, limits)
            try:
                yield
            finally:
                self._parts = self._door = None
                self.hub.close()
