"""The whole of ingest while the bus or the database is away: orders are taken, facts wait, readiness says so."""

import asyncio
from pathlib import Path

import httpx
import pytest

from libs.bus.connection import Bus
from libs.contracts import subjects
from tests.integration.ingest.server import song
from tests.integration.ingest.test_ledger_service import ingest, order, status, tell
from tests.servers.nats import MakeNats, NatsServer
from tests.servers.postgres import Postgres
from tests.unit.ingest.story import done
from tests.waiting import until


@pytest.fixture
def nats(nats_server: MakeNats) -> NatsServer:
    """A server."""
    return nats_server()


async def problems(client: httpx.AsyncClient) -> set[str]:
    """What readiness complains of."""
    answer = (await client.get("/healthz/ready")).json()
    return {name for name, found in answer["checks"].items() if found != "ok"}


async def tasks_in(nats: NatsServer) -> int:
    """Tasks in the stream, asked over a connection of its own."""
    bus = await Bus.connect(nats.url, nats.token, name="test")
    try:
        return (await bus.js.stream_info(subjects.TASKS)).state.messages
    finally:
        await bus.close()


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_an_order_is_taken_while_the_bus_is_away(tmp_path: Path, nats: NatsServer, how: str) -> None:
    async with ingest(tmp_path, nats) as client:
        if how == "killed":
            nats.kill()
        else:
            nats.freeze()
        try:
            async with asyncio.timeout(8):
                jobs = [await order(client) for _ in range(2)]
            assert "bus" in await problems(client)
        finally:
            if how == "killed":
                nats.start()
            else:
                nats.thaw()

        async def ready() -> bool:
            return not await problems(client)

        async def published() -> bool:
            return await tasks_in(nats) == 2 * len(jobs)  # analyze and mix

        await until(ready)
        await until(published)


async def test_facts_wait_while_the_database_is_away(
    tmp_path: Path, nats: NatsServer, postgres: Postgres, postgres_url: str
) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0]
    async with ingest(tmp_path, nats, postgres_url) as client:
        job_id = await order(client)
        bus = await Bus.connect(nats.url, nats.token, name="test")
        for statement in (
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        ):
            await asyncio.to_thread(postgres.execute, statement)
        await tell(bus, job_id, done("analyze"))
        assert await problems(client) == {"ledger"}
        assert (await client.get(f"/api/v1/jobs/{job_id}")).status_code == 503
        await asyncio.sleep(0.5)
        waiting = await bus.js.consumer_info(subjects.FACTS, subjects.LEDGER_CONSUMER)
        assert waiting.num_ack_pending == 1
        await asyncio.to_thread(postgres.execute, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await status(client, job_id, "planning")
        assert await problems(client) == set()
        await bus.close()


async def test_one_key_sent_twice_at_once_is_one_job(tmp_path: Path, nats: NatsServer, postgres_url: str) -> None:
    async with ingest(tmp_path, nats, postgres_url) as client:
        sound = song()
        answers = await asyncio.gather(
            *(
                client.post("/api/v1/jobs", files={"song": ("a.wav", sound)}, headers={"Idempotency-Key": "k"})
                for _ in range(4)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 202]
        assert len({answer.json()["job_id"] for answer in answers}) == 1
        assert len((await client.get("/api/v1/jobs")).json()["jobs"]) == 1
