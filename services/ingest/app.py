"""Ingest's composition root: everything is built here, and connects in the lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from litestar import Litestar
from prometheus_client import CollectorRegistry

from libs.bus.worker import Worker
from libs.contracts.errors import Permanent
from libs.outbound.urls import check_url
from libs.runtime.app import service_app
from libs.runtime.bus_link import BusLink
from libs.runtime.cors import cors
from libs.runtime.proxies import behind
from libs.runtime.workers import WorkerPool
from libs.runtime.workplace import Workplace
from libs.seal import Keyring
from libs.seal.addresses import Addresses
from libs.telemetry.metrics import BusMetrics, LedgerMetrics, WorkMetrics
from services.ingest.access.declared import check_routes
from services.ingest.access.starting import first_operator, needs_login
from services.ingest.accounts.opening import open_accounts
from services.ingest.database import Database
from services.ingest.front import Front
from services.ingest.handlers import Loops
from services.ingest.keeping.quota import USUAL_GB, Quota
from services.ingest.keeping.retention import Retention
from services.ingest.keeping.rules import USUAL_DAYS, Keeping
from services.ingest.ledger import Ledger, utc_now
from services.ingest.limits.limits import open_limits
from services.ingest.line import Line
from services.ingest.money.opening import learning_of, treasury_of
from services.ingest.money.waiting import Waiting
from services.ingest.my_data.loop import MyDataLoop
from services.ingest.operating.operations import Operations
from services.ingest.operating.upkeep import Upkeep
from services.ingest.outbox import Outbox
from services.ingest.published import Published
from services.ingest.routes.documents import openapi
from services.ingest.settings import IngestSettings
from services.ingest.sources import AT_ONCE, make_handlers
from services.ingest.sweeper import Sweeper
from services.ingest.turns import Caps
from services.ingest.uploads.desk import Desk
from services.ingest.uploads.fetching import Fetching
from services.ingest.uploads.scan import Scanner
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.endpoints import Endpoints
from services.ingest.webhooks.records import Standing

NAME = "ingest"


def create_app(settings: IngestSettings, *, pool: WorkerPool | None = None) -> Litestar:
    """Ingest as an ASGI app. pool: shared with other services and closed by its owner; None: its own.

    At start it brings the tables up to date, publishes what the outbox holds, and sweeps.
    """
    registry = CollectorRegistry()
    metrics, work = LedgerMetrics(registry), WorkMetrics(registry)
    place = Workplace(NAME, settings.shared, pool)
    link = BusLink(NAME, settings.shared, BusMetrics(registry))
    database = Database(settings.database_url)
    scanner = Scanner(settings.scanner)
    keyring = Keyring(settings.shared.secret_key)
    accounts = open_accounts(settings, database, keyring, clock=utc_now)
    login = needs_login(settings)
    standing = standing_of(settings)
    limits = open_limits(settings)
    front = Front()
    running: list[Loops | Worker] = []

    @asynccontextmanager
    async def life(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(place)
            stack.push_async_callback(database.close)
            stack.push_async_callback(limits.aclose)
            await database.migrate()
            if login:
                await first_operator(accounts, settings)
            bus = await stack.enter_async_context(link)

            async def committed(job_id: str) -> None:
                outbox.wake()
                await bus.wake(job_id)

            database.on_change = bus.wake
            ledger = Ledger(
                database,
                on_commit=committed,
                metrics=metrics,
                standing=standing,
                quota=quota_of(settings, login=login),
                line=Line(database, caps_of(settings, login=login)),
                on_order=limits.order,
                treasury=treasury_of(settings, database, standing, login=login),
                learning=learning_of(settings, database),
            )
            outbox = Outbox(database, bus, refused=ledger.apply)
            sweeper = Sweeper(
                database,
                place.store,
                wake=outbox.wake,
                metrics=metrics,
                every_s=settings.sweep_every_s,
                retention=Retention(database, keeping_of(settings, login=login), clock=utc_now, standing=standing),
                let_in=ledger.let_in,
                spend=Waiting(database, ledger.treasury, ledger.look_again, utc_now).sweep,
                bucket_rules=settings.bucket_rules,
            )
            endpoints = Endpoints(database, keyring, clock=utc_now, wake=outbox.wake)
            await endpoints.reseal()
            operations = await stack.enter_async_context(
                Operations.over(
                    database,
                    bus,
                    accounts,
                    utc_now,
                    sweep=Upkeep(sweeper.sweep),
                    retention=Upkeep(sweeper.remove),
                )
            )
            stack.push_async_callback(accounts.aclose)
            my_data = MyDataLoop.over(
                database=database,
                store=place.store,
                scratch=place.scratch,
                bus=bus,
                ledger=ledger,
                forget=limits.forget,
                clock=utc_now,
            )
            loops = Loops(bus, ledger, outbox, sweeper, operations.draining, my_data=my_data.run, **accounts.loops)
            stack.push_async_callback(loops.stop)
            await loops.start()
            desk = Desk(
                database,
                place.store,
                place.pool,
                place.scratch,
                scanner,
                Fetching(allow=settings.fetch_allow, seconds=settings.fetch_s),
                timedelta(seconds=settings.upload_kept_s),
                utc_now,
                quota_of(settings, login=login),
            )
            fetcher = Worker(
                bus,
                make_handlers(desk),
                concurrency=AT_ONCE,
                ack_wait_s=settings.shared.ack_wait_s,
                grace_s=settings.shared.shutdown_grace_s,
                metrics=work,
            )
            stack.push_async_callback(fetcher.stop)
            await fetcher.start()
            await stack.enter_async_context(
                front.open(
                    ledger=ledger,
                    store=place.store,
                    bus=bus,
                    pool=place.pool,
                    scratch=place.scratch,
                    accounts=accounts if login else None,
                    limits=limits,
                    origins=settings.cors_origins,
                    callback_allow=settings.callback_allow,
                    desk=desk,
                    endpoints=endpoints,
                    operations=operations,
                    deliveries=Deliveries(database, standing_shown=not login),
                    published=Published(
                        place.store,
                        Addresses(keyring),
                        public_url=settings.public_url,
                        s3_url=settings.s3_public_url,
                        finals=timedelta(seconds=settings.download_s),
                        uploads=timedelta(seconds=settings.upload_kept_s),
                        clock=utc_now,
                    ),
                )
            )
            running.extend((loops, fetcher))
            yield
            running.clear()

    async def check_loops() -> None:
        for one in running:
            await one.check()

    app = service_app(
        NAME,
        route_handlers=front.routers(),
        checks={
            "bus": link.check,
            "consumers": check_loops,
            "ledger": database.check,
            "artifacts": place.store.check,
        },
        vital={"consumers": check_loops},
        on_stop=front.stop_streams,
        lifespan=[life],
        registry=registry,
        openapi=openapi(_version()),
        cors=cors(settings.cors_origins),
        middleware=behind(settings.trusted_proxies),
    )
    check_routes(app, front.gate)
    return app


def keeping_of(settings: IngestSettings, *, login: bool) -> Keeping:
    """How long what is kept. Without a login everything belongs to whoever owns the machine."""
    return Keeping.of(
        uploads=settings.keep_uploads_days,
        outputs=settings.keep_outputs_days,
        clips=settings.keep_clips_days,
        usual=USUAL_DAYS if login else 0,
    )


def caps_of(settings: IngestSettings, *, login: bool) -> Caps:
    """How much is done at once."""
    return Caps.of(settings.jobs_at_once, settings.jobs_in_all, settings.clips_at_once, login=login)


def quota_of(settings: IngestSettings, *, login: bool) -> Quota:
    """How much space one user's files may take."""
    return Quota.of(settings.quota_gb, usual=USUAL_GB if login else 0)


def standing_of(settings: IngestSettings) -> Standing | None:
    """The endpoint of the settings. Raises Permanent("bad_setting") for one that may not be called."""
    if not settings.webhook_url:
        return None
    try:
        check_url(settings.webhook_url, settings.callback_allow)
    except Permanent as error:
        raise Permanent("bad_setting", f"BEATLOOM_INGEST_WEBHOOK_URL: {error.message}") from error
    return Standing(url=settings.webhook_url, strict=settings.webhook_strict)


def _version() -> str:
    try:
        return version("beatloom")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"
