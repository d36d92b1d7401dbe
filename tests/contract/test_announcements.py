"""Webhooks about no run's end, on SQLite and on a real PostgreSQL."""

import json
from datetime import timedelta
from pathlib import Path

from standardwebhooks import Webhook

from libs.artifacts import open_store
from libs.contracts.announcements import BudgetNews, OutputNews
from libs.contracts.facts import DeliveryAttempted, Fact, TaskAttemptFailed
from services.ingest.access.callers import LOCAL
from services.ingest.database import Database
from services.ingest.sweeper import Sweeper
from services.ingest.webhooks.announce import announce
from services.ingest.webhooks.records import Event, Standing
from tests.faults.post_office import PostOffice
from tests.raw_receiver import Receiver, answer, listening

NEWS = BudgetNews(
    scope="month", job_id="j1", project_id="p1", month="2026-11", cap=50.0, spent=40.0, reserved=1.5, currency="USD"
)


async def tell(
    database: Database,
    post: PostOffice,
    event: Event = "budget_warning",
    news: BudgetNews | OutputNews = NEWS,
    standing: Standing | None = None,
) -> int:
    return await database.transact(lambda it: announce(it, LOCAL, event, news, post.now, standing=standing))


async def test_an_announcement_is_tried_until_it_is_taken(database: Database) -> None:
    async with listening(Receiver()) as receiver:
        post = PostOffice(database)
        endpoint_id, _ = await post.register(receiver.url("/a"))
        await post.register(receiver.url("/b"), events=("job_completed",))
        receiver.answers = [answer(500)]
        assert await tell(database, post, standing=Standing(url=receiver.url("/settings"))) == 2
        assert len(await post.deliver()) == 2
        _, secret = await post.endpoints.rotate(LOCAL, endpoint_id)
        await post.endpoints.update(LOCAL, endpoint_id, {"url": receiver.url("/moved")})
        receiver.answers = [answer(204)]
        assert await post.pass_time(hours=1) == 2
        assert await post.pass_time(days=1) == 0
        last = next(got for got in receiver.got if got.target == "/moved")
    body = Webhook(secret).verify(last.body, last.headers)
    assert body == {
        "event": "budget_warning",
        "timestamp": "2026-11-21T04:00:00Z",
        "data": json.loads(last.body)["data"],
    }
    assert body["data"] == {
        "scope": "month",
        "job_id": "j1",
        "project_id": "p1",
        "month": "2026-11",
        "cap": 50.0,
        "spent": 40.0,
        "reserved": 1.5,
        "currency": "USD",
    }
    for delivery, tries in await post.deliveries.page(LOCAL, limit=9):
        assert (delivery.status, delivery.tries, len(tries)) == ("delivered", 2, 2)


async def test_nobody_takes_it(database: Database) -> None:
    post = PostOffice(database)
    await post.register("http://127.0.0.1:9/")
    await tell(database, post, "budget_paused")
    await post.pass_time(days=2)
    delivery, tries = await post.only_delivery()
    assert (delivery.status, len(tries), delivery.code) == ("failed", 10, "delivery_failed")
    first = post.sent[0]
    late = Fact(
        job_id=first.job_id,
        run=0,
        task=first.task,
        attempt=3,
        at=post.now,
        body=DeliveryAttempted(webhook_id="m", status=200),
    )
    await post.ledger.apply(late)
    assert (await post.only_delivery())[0].status == "failed"


async def test_a_lost_message_and_a_doubled_answer(database: Database, tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/artifacts")
    async with listening(Receiver(answers=[answer(503)])) as receiver:
        post = PostOffice(database)
        await post.register(receiver.url())
        news = OutputNews(job_id="j1", project_id="p1", video_path="/api/v1/jobs/j1/download", expires_at=post.now)
        await tell(database, post, "output_expiring", news)
        (sent,) = await post.deliver()
        failed = TaskAttemptFailed(code="delivery_failed", message="no", retryable=True)
        twice = Fact(job_id=sent.job_id, run=0, task=sent.task, attempt=1, at=post.now, body=failed)
        await post.ledger.apply(twice)
        post.now += timedelta(minutes=1)
        assert await post.lose() == 1
        sweeper = Sweeper(database, store, wake=lambda: None, clock=lambda: post.now)
        await sweeper.announce_again()
        assert await post.deliver() == []
        receiver.answers = [answer(200)]
        post.now += timedelta(hours=2)
        await sweeper.announce_again()
        (again,) = await post.deliver()
    assert (again.attempt, len(receiver.got)) == (2, 2)
    assert "video_url" in json.loads(receiver.got[1].body)["data"]
    delivery, tries = await post.only_delivery()
    assert (delivery.status, delivery.tries, len(tries)) == ("delivered", 2, 2)


async def test_who_is_gone_is_told_no_more(database: Database) -> None:
    post = PostOffice(database)
    endpoint_id, _ = await post.register("http://127.0.0.1:9/")
    await tell(database, post)
    await post.deliver()
    await post.endpoints.update(LOCAL, endpoint_id, {"active": False})
    assert await post.pass_time(days=1) == 0
    assert (await post.only_delivery())[0].status == "dropped"
    assert await tell(database, post) == 0
