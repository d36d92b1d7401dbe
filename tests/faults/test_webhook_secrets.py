"""Ingest and the notifier as processes: one is killed between sending and recording; no secret is ever readable."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import nats as nats_client
from nats.aio.msg import Msg
from standardwebhooks import Webhook

from tests.faults.post_office import KEY, SECRET
from tests.integration.ingest.server import song
from tests.raw_receiver import Receiver, listening
from tests.servers.nats import MakeNats, NatsServer
from tests.service_process import ServiceProcess
from tests.waiting import until

TOKEN = "c2VjcmV0LXRva2VuLW9mLWEtcmVzdW1lLXVybA"


@asynccontextmanager
async def overheard(server: NatsServer) -> AsyncIterator[list[bytes]]:
    """Everything that is said on the bus."""
    client = await nats_client.connect(server.url, token=server.token)
    heard: list[bytes] = []

    async def listen(message: Msg) -> None:
        heard.append(message.data)

    await client.subscribe("beatloom.>", cb=listen)
    try:
        yield heard
    finally:
        await client.close()


async def all_delivered(api: httpx.AsyncClient, count: int) -> bool:
    """True once so many deliveries are done."""
    found = (await api.get("/api/v1/deliveries?status=delivered")).json()["deliveries"]
    return len(found) >= count


async def test_a_killed_notifier_sends_again_and_nobody_reads_a_secret(
    nats_server: MakeNats, tmp_path: Path
) -> None:
    server = nats_server()
    ledger = f"sqlite+aiosqlite:///{tmp_path}/ledger.db"
    ingest = ServiceProcess("ingest", server, tmp_path, secret_key=KEY, database_url=ledger)
    notifier = ServiceProcess(
        "notifier", server, tmp_path, secret_key=KEY, secret=SECRET, allow_hosts="*", timeout_s="60"
    )
    ingest.start()
    notifier.start()
    logs = ""
    try:
        async with listening(Receiver(wait_s=60)) as receiver, overheard(server) as heard:
            async with httpx.AsyncClient(base_url=await ingest.url(), trust_env=False, timeout=20) as api:
                made = (await api.post("/api/v1/webhook-endpoints", json={"url": receiver.url("/mine")})).json()
                options = f'{{"callback_url": "{receiver.url("/callback")}?token={TOKEN}"}}'
                order = await api.post("/api/v1/jobs", files={"song": ("a.wav", song())}, data={"options": options})
                job_id = order.json()["job_id"]
                await api.post(f"/api/v1/jobs/{job_id}/cancel")
                await notifier.url()
                try:
                    await until(lambda: len(receiver.got) == 2, seconds=40)
                except AssertionError as error:
                    raise AssertionError(f"{len(receiver.got)} came\n{ingest.log()}\n{notifier.log()}") from error
                notifier.kill()  # it has sent both and heard of neither
                logs += notifier.log()
                receiver.wait_s = 0.0
                notifier.start()
                await until(lambda: all_delivered(api, 2), seconds=60)
                rotated = (await api.post(f"/api/v1/webhook-endpoints/{made['id']}/rotate-secret")).json()
                await api.post(f"/api/v1/webhook-endpoints/{made['id']}/ping")
                await until(lambda: all_delivered(api, 3), seconds=30)
            logs += await _stopped(ingest) + await _stopped(notifier)
    finally:
        for service in (ingest, notifier):
            service.kill()

    tries = Counter(request.headers["webhook-id"] for request in receiver.got[:4])
    assert tries == {f"msg_{job_id}_1": 2, f"msg_{job_id}_1_{made['id']}": 2}
    assert len({request.body for request in receiver.got[:4]}) == 1
    for request in receiver.got[:4]:
        Webhook(SECRET if "/callback" in request.target else made["secret"]).verify(request.body, request.headers)
    for secret in (made["secret"], rotated["secret"]):
        Webhook(secret).verify(receiver.got[4].body, receiver.got[4].headers)

    places = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    places |= {str(path): path.read_bytes() for path in server.store.rglob("*") if path.is_file()}
    places |= {"logs": logs.encode(), "bus": b"\n".join(heard)}
    told = [name for name, data in places.items() if f"msg_{job_id}_1".encode() in data]
    assert {"logs", "bus"} < set(told), "what is looked through holds the deliveries"
    assert any("ledger.db" in name for name in told)
    for secret in (made["secret"], rotated["secret"], SECRET, KEY):
        bare = secret.removeprefix("whsec_")
        for form in (bare.encode(), base64.b64decode(bare), base64.b64decode(bare).hex().encode()):
            assert [name for name, data in places.items() if form in data] == []
    assert TOKEN not in logs


async def _stopped(service: ServiceProcess) -> str:
    """Stop it in order; what it has said."""
    await service.stop()
    return service.log()
