"""The notifier over a real nats-server: a task becomes a POST and a fact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from litestar import Litestar

from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts.errors import Permanent
from libs.contracts.facts import DeliveryAttempted, Fact, TaskAttemptFailed
from libs.contracts.tasks import Notify, Task
from libs.runtime.settings import Shared, load
from services.notifier.app import create_app
from services.notifier.settings import NotifierSettings
from tests.raw_receiver import Receiver, listening
from tests.receiver import receiver
from tests.servers.nats import MakeNats

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def order(url: str) -> Task:
    body = Notify(
        webhook_id="msg_7",
        url=url,
        event="job_failed",
        timestamp=datetime.now(UTC),
        status="failed",
        error_code="no_space",
        error_message="No space.",
    )
    return Task(job_id="job1", run=1, task="notify", attempt=1, owner="ann", body=body)


@asynccontextmanager
async def facts_of(bus: Bus) -> AsyncIterator[asyncio.Queue[Fact]]:
    came: asyncio.Queue[Fact] = asyncio.Queue()
    consumer = FactConsumer(bus, came.put)
    await consumer.start()
    yield came
    await consumer.stop()


async def ready(app: Litestar) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]  # the scopes of Litestar are narrower
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier") as client:
        return await client.get("/healthz/ready")


async def test_a_task_becomes_a_post_and_a_fact(nats_server: MakeNats, tmp_path: Path) -> None:
    nats = nats_server()
    shared = Shared(nats_url=nats.url, nats_token=nats.token, scratch_dir=str(tmp_path), shutdown_grace_s=1.0)
    app = create_app(NotifierSettings(shared=shared, secret=SECRET, allow_hosts=("127.0.0.1",)))
    with receiver(SECRET) as outside:
        async with app.lifespan():
            assert (await ready(app)).status_code == 200
            bus = await Bus.connect(nats.url, nats.token, name="test")
            async with facts_of(bus) as came, asyncio.timeout(15):
                await bus.publish_task(order(outside.url))
                fact = await came.get()
                assert fact.body == DeliveryAttempted(webhook_id="msg_7", status=204)
                await bus.publish_task(order("http://10.0.0.1/"))  # the same attempt again: swallowed by the stream
                await bus.publish_task(
                    Task(
                        job_id="job2",
                        run=1,
                        task="notify",
                        attempt=1,
                        owner="ann",
                        body=order("http://10.0.0.1/").body,
                    )
                )
                failed = await came.get()
            await bus.close()
        assert (await ready(app)).status_code == 503
    assert isinstance(failed.body, TaskAttemptFailed)
    assert (failed.body.code, failed.body.retryable) == ("bad_callback_url", False)
    assert outside.times == {"msg_7": 1}
    assert outside.forged == 0


async def test_a_slow_receiver_holds_up_nobody_else(nats_server: MakeNats, tmp_path: Path) -> None:
    nats = nats_server()
    shared = Shared(nats_url=nats.url, nats_token=nats.token, scratch_dir=str(tmp_path), shutdown_grace_s=0.1)
    settings = NotifierSettings(shared=shared, allow_hosts=("*",), concurrency=16, per_host=2, timeout_s=60)
    slow, quick = Receiver(wait_s=60), Receiver()
    async with listening(slow), listening(quick), create_app(settings).lifespan():
        bus = await Bus.connect(nats.url, nats.token, name="test")
        for number in range(40):
            await bus.publish_task(msgspec.structs.replace(order(slow.url()), job_id=f"slow{number}"))
        await bus.publish_task(msgspec.structs.replace(order(quick.url()), job_id="quick"))
        async with facts_of(bus) as came, asyncio.timeout(20):
            told = [await came.get() for _ in range(37)]
        await bus.close()
    assert len(slow.got) == 2
    assert {fact.body.code for fact in told if isinstance(fact.body, TaskAttemptFailed)} == {"receiver_busy"}
    assert [fact.job_id for fact in told if isinstance(fact.body, DeliveryAttempted)] == ["quick"]


def test_a_bad_secret_stops_the_start() -> None:
    with pytest.raises(Permanent) as caught:
        create_app(NotifierSettings(secret="whsec_!!"))
    assert caught.value.code == "bad_setting"


def test_settings_come_from_the_environment_and_hide_the_secret() -> None:
    settings = load(
        NotifierSettings,
        "notifier",
        {"BEATLOOM_NOTIFIER_SECRET": SECRET, "BEATLOOM_NOTIFIER_ALLOW_HOSTS": "localhost, 10.0.0.7"},
    )
    assert settings.secret == SECRET
    assert settings.allow_hosts == ("localhost", "10.0.0.7")
    assert SECRET not in repr(settings)
