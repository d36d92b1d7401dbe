"""Orders whose song is elsewhere, through the service as it runs: nothing that was taken is lost."""

from pathlib import Path

from tests.integration.ingest.flow import SONG
from tests.integration.ingest.test_ledger_service import ingest, status
from tests.security.hosts import answer, hosting
from tests.servers.nats import NatsServer
from tests.waiting import until


async def test_a_service_that_stops_while_it_fetches_goes_on(tmp_path: Path, nats: NatsServer) -> None:
    async with hosting(song=answer(200, SONG)) as host:
        host.silent = True
        async with ingest(tmp_path, nats, fetch_allow=("127.0.0.1",), grace_s=0.2) as client:
            order = {"audio_url": host.url("/song"), "lyrics": "la"}
            path = (await client.post("/api/v1/jobs", json=order)).headers["location"]
            job_id = path.rpartition("/")[2]
            await until(lambda: bool(host.asked))
            assert (await client.get(path)).json()["status"] == "queued"
        host.silent = False
        async with ingest(tmp_path, nats, fetch_allow=("127.0.0.1",)) as client:
            await status(client, job_id, "analyzing")
            job = (await client.get(path)).json()
            assert (job["song_name"], job["duration"]) == ("song", 6.0)


async def test_a_song_that_can_not_be_had_fails_its_job_with_the_reason(tmp_path: Path, nats: NatsServer) -> None:
    async with hosting() as host, ingest(tmp_path, nats, fetch_allow=("127.0.0.1",)) as client:
        answered = await client.post("/api/v1/jobs", json={"audio_url": host.url("/gone?token=secret")})
        job_id = answered.json()["job_id"]
        await status(client, job_id, "failed")
        error = (await client.get(f"/api/v1/jobs/{job_id}")).json()["error"]
        assert error["code"] == "fetch_refused"
        assert "secret" not in str(error) and "127.0.0.1" not in str(error)
