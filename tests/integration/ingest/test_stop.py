"""Ingest told to stop while somebody follows a job."""

from __future__ import annotations

from pathlib import Path

from tests.integration.ingest.server import song
from tests.servers.nats import NatsServer
from tests.service_process import ServiceProcess
from tests.stopping import stream_ends_with_the_stop


async def test_open_streams_do_not_hold_up_a_stop(nats: NatsServer, tmp_path: Path) -> None:
    ingest = ServiceProcess("ingest", nats, tmp_path, database_url=f"sqlite+aiosqlite:///{tmp_path}/ledger.db")
    ingest.start()
    try:
        await stream_ends_with_the_stop(await ingest.url(), song(), ingest.terminate)
        assert await ingest.ended() == 0
        assert "Traceback" not in ingest.log()
        assert "graceful shutdown exceeded" not in ingest.log()
    finally:
        ingest.kill()
