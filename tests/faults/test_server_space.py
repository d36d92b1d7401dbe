"""nats-server has no space left for its streams: what was accepted waits in the outbox, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import nats
import pytest

from libs.contracts import subjects
from tests.faults.fleet import OPTIONS, running_fleet
from tests.servers.nats import NatsServer
from tests.songs import make_song
from tests.waiting import wait_until

STORE = 1 << 20
"""Bytes that the server may store."""


async def fill(server: NatsServer) -> None:
    """Put letters of no meaning into the stream of dead letters until the server refuses."""
    client = await nats.connect(server.url, token=server.token)
    stream = client.jetstream()
    for size in (64 << 10, 4 << 10, 256, 1):
        try:
            while True:
                await stream.publish(subjects.dead_subject("fill"), b"x" * size)
        except nats.js.errors.APIError:
            continue
    await client.close()


async def make_room(server: NatsServer) -> None:
    """Take them out again."""
    client = await nats.connect(server.url, token=server.token)
    await client.jetstream().purge_stream(subjects.DEAD)
    await client.close()


@pytest.mark.matrix
async def test_a_job_accepted_while_the_streams_are_full_completes_once_there_is_room(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", max_file_store=str(STORE))
    server.start()
    try:
        with running_fleet(tmp_path / "fleet", nats_url=server.url, nats_token=server.token) as fleet:
            await fill(server)
            song = make_song(tmp_path, seconds=6, seed=600)
            job_id = fleet.client.submit(song.path, options=OPTIONS)
            wait_until(lambda: "bus_unavailable" in fleet.log("ingest"), seconds=20, what="a refusal")
            assert fleet.client.stage(job_id) == "analyzing"
            assert not fleet.effects(job_id).successes

            await make_room(server)

            job = fleet.client.wait_for_end(job_id)
            assert job["status"] == "completed", job
            fleet.effects(job_id).assert_once(scenes=job["scenes_total"])
    finally:
        server.kill()
