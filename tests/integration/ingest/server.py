"""The API on a real port, over the real ledger, store and bus."""

import asyncio
import base64
import io
import struct
import wave
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.artifacts import ArtifactStore, open_store
from libs.bus.connection import Bus
from libs.outbound.targets import Resolver, system_resolver
from libs.runtime.app import service_app
from libs.runtime.run import listen, serve
from libs.runtime.scratch import Scratch
from libs.runtime.settings import Shared
from libs.runtime.workers import WorkerPool
from libs.seal import Keyring
from libs.seal.addresses import Addresses
from services.ingest.accounts.accounts import Accounts
from services.ingest.accounts.opening import open_accounts
from services.ingest.database import Database
from services.ingest.front import Front
from services.ingest.keeping.quota import UNLIMITED, Quota
from services.ingest.ledger import Ledger
from services.ingest.operating.operations import Operations
from services.ingest.operating.upkeep import Upkeep
from services.ingest.published import Published
from services.ingest.routes.documents import openapi
from services.ingest.settings import IngestSettings
from services.ingest.sweeper import Sweeper
from services.ingest.uploads.desk import Desk
from services.ingest.uploads.fetching import Fetching
from services.ingest.uploads.scan import Scanner
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.endpoints import Endpoints
from tests.scratch import files_in_work
from tests.servers.nats import NatsServer

KEY = base64.b64encode(bytes(32)).decode()


class Clock:
    """The time of uploads and signed addresses; a test may put it forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Now, and what the test has added."""
        return datetime.now(UTC) + self.ahead


MakeAccounts = Callable[[Database, Keyring, Clock], Accounts]


class Api(NamedTuple):
    """A running server and what it runs on."""

    http: httpx.AsyncClient
    port: int
    ledger: Ledger
    store: ArtifactStore
    bus: Bus
    front: Front
    nats: NatsServer
    scratch: Path
    database: Database
    clock: Clock
    desk: Desk

    def uploads(self) -> list[Path]:
        """What lies in scratch besides locks."""
        return files_in_work(self.scratch)


@asynccontextmanager
async def running(
    folder: Path,
    ledger: Ledger,
    bus: Bus,
    pool: WorkerPool,
    nats: NatsServer,
    database: Database,
    *,
    store_url: str = "",
    s3_url: str = "",
    scanner: str = "",
    names: Resolver = system_resolver,
    make_accounts: MakeAccounts | None = None,
    quota: Quota = UNLIMITED,
) -> AsyncIterator[Api]:
    """Serve until the block ends. `outside.example` may be fetched from, wherever `names` says that it is.

    make_accounts: whom logins are for; None: there are none.
    """
    store = open_store(store_url or f"file://{folder}/artifacts")
    clock = Clock()
    keyring = Keyring([KEY])
    front = Front()
    scratch = Scratch(folder / "scratch")
    fetching = Fetching(allow=("outside.example",), seconds=5, resolver=names)
    users = make_accounts(database, keyring, clock) if make_accounts else None
    settings = IngestSettings(shared=Shared(secret_key=(KEY,)))
    accounts = users or open_accounts(settings, database, keyring, clock=clock)
    sweeper = Sweeper(database, store, wake=lambda: None)
    desk = Desk(database, store, pool, scratch, Scanner(scanner), fetching, timedelta(days=1), clock, quota)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        database.on_change = bus.wake
        async with scratch:
            published = Published(
                store,
                Addresses(keyring),
                public_url=f"http://127.0.0.1:{port}",
                s3_url=s3_url,
                clock=clock,
            )
            async with front.open(
                accounts=users,
                ledger=ledger,
                store=store,
                bus=bus,
                pool=pool,
                scratch=scratch,
                desk=desk,
                endpoints=Endpoints(database, keyring, clock=clock, wake=lambda: None),
                deliveries=Deliveries(database),
                published=published,
                operations=Operations.over(
                    database, bus, accounts, clock, sweep=Upkeep(sweeper.sweep), retention=Upkeep(sweeper.remove)
                ),
            ):
                yield

    app = service_app(
        "ingest",
        route_handlers=front.routers(),
        checks={},
        lifespan=[lifespan],
        registry=CollectorRegistry(),
        openapi=openapi("0.0.0"),
    )
    stop, ready = asyncio.Event(), asyncio.Event()
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    serving = asyncio.create_task(serve(app, sock, stop=stop, vital={}, on_ready=lambda _: ready.set()))
    await asyncio.wait([serving, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert ready.is_set()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as http:
            yield Api(http, port, ledger, store, bus, front, nats, folder / "scratch", database, clock, desk)
    finally:
        front.stop_streams()
        stop.set()
        await serving


def song(seconds: float = 6.0, *, rate: int = 8000) -> bytes:
    """A WAV file with a tone."""
    count = round(seconds * rate)
    body = b"".join(struct.pack("<h", 8000 if n // 10 % 2 else -8000) for n in range(count))
    target = io.BytesIO()
    with wave.open(target, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(body)
    return target.getvalue()


def picture(width: int = 32, height: int = 32) -> bytes:
    """A grey PNG. Sizes that lie make a picture bomb's head."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = min(height, 64) * (b"\0" + b"\x80" * min(width, 64))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
