"""Ingest as it runs: the composition root over a real nats-server, facts from the bus, messages onto it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from libs.bus.connection import Bus
from libs.contracts import subjects
from libs.contracts.facts import Fact
from libs.runtime.app import vital_checks
from libs.runtime.run import listen, serve
from libs.runtime.settings import Shared
from services.ingest.app import create_app
from services.ingest.database import Database
from services.ingest.settings import IngestSettings
from tests.integration.ingest.server import song
from tests.servers.nats import NatsServer
from tests.unit.ingest.story import TASKS, broke, done
from tests.waiting import until


@asynccontextmanager
async def ingest(
    folder: Path,
    nats: NatsServer,
    database_url: str = "",
    *,
    fetch_allow: tuple[str, ...] = (),
    grace_s: float = 20.0,
) -> AsyncIterator[httpx.AsyncClient]:
    """One life of ingest over the folder; stopped in order at the end. database_url: "" for SQLite in there."""
    shared = Shared(
        nats_url=nats.url,
        nats_token=nats.token,
        artifacts_url=f"file://{folder}/artifacts",
        scratch_dir=f"{folder}/scratch",
        workers=1,
        shutdown_grace_s=grace_s,
    )
    database_url = database_url or f"sqlite+aiosqlite:///{folder}/ledger.db"
    app = create_app(IngestSettings(shared=shared, database_url=database_url, fetch_allow=fetch_allow))
    stop, ready = asyncio.Event(), asyncio.Event()
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    serving = asyncio.create_task(
        serve(app, sock, stop=stop, vital=vital_checks(app), on_ready=lambda _: ready.set())
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert ready.is_set()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as client:
            yield client
    finally:
        stop.set()
        assert await serving, "an ordered stop"


async def order(client: httpx.AsyncClient) -> str:
    """A new job."""
    answer = await client.post("/api/v1/jobs", files={"song": ("a.wav", song())})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def tell(bus: Bus, job_id: str, *facts: Fact, run: int = 1) -> None:
    """Publish facts as workers do."""
    for fact in facts:
        now = datetime.now(UTC)
        await bus.publish_fact(msgspec.structs.replace(fact, job_id=job_id, run=run, at=now))


async def status(client: httpx.AsyncClient, job_id: str, wanted: str) -> None:
    """Wait for a status."""

    async def there() -> bool:
        return bool((await client.get(f"/api/v1/jobs/{job_id}")).json().get("status") == wanted)

    await until(there)


async def subjects_of(bus: Bus, stream: str) -> set[str]:
    """The subjects that a stream holds messages of."""
    info = await bus.js.stream_info(stream, subjects_filter=">")
    return set(info.state.subjects or {})


async def test_a_job_over_the_bus(tmp_path: Path, nats: NatsServer, bus: Bus) -> None:
    async with ingest(tmp_path, nats) as client:
        ready = await client.get("/healthz/ready")
        assert ready.status_code == 200, ready.text
        assert set(ready.json()["checks"]) == {"bus", "consumers", "ledger", "artifacts"}
        job_id = await order(client)
        await tell(bus, job_id, *(done(task) for task in TASKS))
        await status(client, job_id, "completed")
        metrics = (await client.get("/metrics")).text
        assert 'beatloom_jobs_total{state="completed"} 1.0' in metrics
    kinds = {subject.split(".")[2] for subject in await subjects_of(bus, subjects.TASKS)}
    assert kinds == {"analyze", "mix", "plan", "animate", "compose"}
    assert f"beatloom.fact.{job_id}.job.completed" in await subjects_of(bus, subjects.FACTS)


async def test_what_happened_while_ingest_was_away_is_caught_up_with(
    tmp_path: Path, nats: NatsServer, bus: Bus
) -> None:
    async with ingest(tmp_path, nats) as client:
        job_id = await order(client)
    await tell(bus, job_id, *reversed([done(task) for task in TASKS[:5]]))
    async with ingest(tmp_path, nats) as client:
        await status(client, job_id, "composing")
        await tell(bus, job_id, broke("compose", code="output_check_failed", retryable=False))
        await status(client, job_id, "failed")
        letters = (await client.get("/api/v1/dead")).json()["letters"]
        assert [letter["task"] for letter in letters] == ["compose"]

        async def told() -> bool:
            dead, control = await subjects_of(bus, subjects.DEAD), await subjects_of(bus, subjects.CONTROL)
            return "beatloom.dead.compose" in dead and control == {f"beatloom.control.{job_id}"}

        await until(told)
        again = await client.post(f"/api/v1/jobs/{job_id}/retry")
        assert again.json()["run"] == 2
        await tell(bus, job_id, *(done(task) for task in TASKS), run=2)
        await status(client, job_id, "completed")


async def test_a_loop_that_dies_ends_the_process(tmp_path: Path, nats: NatsServer) -> None:
    with pytest.raises(AssertionError, match="an ordered stop"):
        async with ingest(tmp_path, nats) as client:
            await order(client)
            database = Database(f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
            async with database.write() as connection:
                await connection.exec_driver_sql("UPDATE outbox SET not_before = '0', sent_at = NULL")
            await database.close()
            await until(lambda: refused(client))


async def refused(client: httpx.AsyncClient) -> bool:
    """True when nobody answers any more."""
    try:
        await client.get("/healthz/live")
    except httpx.HTTPError:
        return True
    return False
