"""Webhooks in the ledger, on SQLite and on a real PostgreSQL."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from standardwebhooks import Webhook

from libs.artifacts import open_store
from libs.contracts.errors import Permanent
from libs.contracts.facts import DeliveryAttempted, Fact
from libs.contracts.tasks import Notify
from services.ingest.access.callers import LOCAL
from services.ingest.database import MIGRATIONS, Database
from services.ingest.sweeper import Sweeper
from services.ingest.webhooks.deliveries import Deliveries
from services.ingest.webhooks.records import Standing
from tests.faults.post_office import KEY, PostOffice
from tests.raw_receiver import Receiver, answer, listening

GOLDEN = Path(__file__).with_name("golden")


async def test_the_way_of_a_webhook(database: Database) -> None:
    async with listening(Receiver()) as receiver:
        post = PostOffice(database, standing=Standing(url=receiver.url("/settings")))
        endpoint_id, secret = await post.register(receiver.url("/a"))
        other_id, _ = await post.register(receiver.url("/b"))
        await post.endpoints.update(LOCAL, other_id, {"events": ("job_failed",), "description": "only failures"})
        receiver.answers = [answer(500, b"\xff\0 no")]
        job_id = await post.ended_job(receiver.url("/callback"))
        assert await post.deliver()
        assert {told.task for told, _ in await post.deliveries.page(LOCAL, limit=9, status="pending")} == {
            "notify",
            "notify.settings",
            f"notify.{endpoint_id}",
        }
        await post.endpoints.rotate(LOCAL, endpoint_id)
        await post.endpoints.update(LOCAL, endpoint_id, {"url": receiver.url("/moved")})
        receiver.answers = [answer(204)]
        assert await post.pass_time(hours=1) == 3
        ((mine, tries),) = await post.deliveries.page(LOCAL, limit=9, job=job_id, endpoint=endpoint_id)
        assert (mine.status, mine.url, [attempt.answer for attempt in tries]) == (
            "delivered",
            receiver.url("/a"),
            ["\ufffd no", ""],
        )
        (moved,) = (task.body for task in post.sent if task.attempt == 2 and task.task == mine.task)
        assert isinstance(moved, Notify)
        assert moved.url == receiver.url("/moved")
        assert len(moved.secrets) == 2
        assert secret not in str(post.sent) and KEY not in str(post.sent)
        ping = await post.endpoints.ping(LOCAL, endpoint_id)
        await post.deliver()
        assert (await post.deliveries.get(LOCAL, ping.id))[0].status == "delivered"
        await post.ledger.redeliver(mine)
        await post.endpoints.delete(LOCAL, endpoint_id)
        assert await post.deliver() == []
        assert (await post.deliveries.get(LOCAL, mine.id))[0].status == "dropped"


async def test_a_key_is_changed(database: Database) -> None:
    new = base64.b64encode(b"n" * 32).decode()
    async with listening(Receiver()) as receiver:
        before = PostOffice(database)
        _, secret = await before.register(receiver.url())
        await before.ended_job(client_run="campaign-7")
        during = PostOffice(database, keys=(new, KEY))
        assert await during.endpoints.reseal() == 1
        assert await during.endpoints.reseal() == 0
        after = PostOffice(database, keys=(new,))
        (sent,) = await after.deliver()
        body = Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
        assert body["data"]["run_id"] == "campaign-7"
        assert sent.task.startswith("notify.")
        lost = PostOffice(database, keys=(KEY,))
        assert await lost.endpoints.reseal() == 0
        await lost.ended_job()
        await lost.deliver()
    ((waits, _), _) = await lost.deliveries.page(LOCAL, limit=9)
    assert (waits.status, waits.code) == ("pending", "no_secret_key")


async def test_what_is_heard_twice_is_written_once(database: Database) -> None:
    post = PostOffice(database)
    endpoint_id, _ = await post.register("http://127.0.0.1:9/")
    job_id = await post.ended_job("http://127.0.0.1:9/")
    ping = await post.endpoints.ping(LOCAL, endpoint_id)
    taken = DeliveryAttempted(webhook_id="m", status=200, answer="ok")
    for about, run in ((job_id, 1), (ping.id, 0)):
        task = "notify" if about == job_id else f"notify.{endpoint_id}"
        fact = Fact(job_id=about, run=run, task=task, attempt=1, at=post.now, body=taken)
        await post.ledger.apply(fact)
        await post.ledger.apply(fact)
    found = await post.deliveries.page(LOCAL, limit=9, status="delivered")
    assert sorted(len(tries) for _, tries in found) == [1, 1]


async def test_what_is_done_is_forgotten_after_a_month(database: Database, tmp_path: Path) -> None:
    async with listening(Receiver()) as receiver:
        post = PostOffice(database)
        await post.register("http://127.0.0.1:9/")
        await post.ended_job(receiver.url())
        await post.deliver()
    sweeper = Sweeper(
        database, open_store(f"file://{tmp_path}/artifacts"), wake=lambda: None, clock=lambda: post.now
    )
    for days, left in ((29, 2), (2, 1)):
        post.now += timedelta(days=days)
        await sweeper.prune()
        assert len(await post.deliveries.page(LOCAL, limit=9)) == left
    assert len(await post.deliveries.page(LOCAL, limit=9, status="pending")) == 1


async def test_callbacks_of_before_go_on(bare: Database) -> None:
    def upgrade(connection: sa.Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")

    message = (GOLDEN / "task-notify-1.json").read_text()
    at = "2026-11-01 10:00:00+00:00"
    rows = [("projects", f"'p1', 'local', 'a song', '{{}}', null, null, 1.5, null, null, '{at}'")]
    for job, (taken, given_up) in {"waits": (0, 0), "taken": (1, 0), "lost": (0, 1)}.items():
        told = message.replace("job0000000001", job).replace("msg_1", f"msg_{job}").replace("'", "")
        rows += [
            ("jobs", f"'{job}', 'p1', 'local', 'full', '{{}}', '[]', 1, 'failed', 1, 1, '', '{at}', '{at}'"),
            (
                "runs (job_id, run, state, created_at, ended_at, notices, scenes_total, scenes_done)",
                f"'{job}', 1, 'failed', '{at}', '{at}', '[]', 0, 0",
            ),
            (
                "tasks (job_id, run, task, attempt, kind, seq, anew, message, trace, ordered_at, not_before,"
                " publications)",
                f"'{job}', 1, 'notify', 1, 'notify', 1, false, '{told}', '', '{at}', '{at}', 1",
            ),
        ]
        if taken:
            rows.append(
                (
                    "facts (job_id, run, task, attempt, name, at, taken_at, message)",
                    f"'{job}', 1, 'notify', 1, 'delivery.attempted', '{at}', '{at}', '{{}}'",
                )
            )
        if given_up:
            rows.append(
                (
                    "dead_letters (id, owner, kind, job_id, run, task, attempt, code, at)",
                    f"'{job}/1/notify/1', 'local', 'notify', '{job}', 1, 'notify', 1, 'delivery_failed', '{at}'",
                )
            )
    async with bare.write() as connection:
        await connection.run_sync(upgrade)
        for table, values in rows:
            await connection.execute(sa.text(f"INSERT INTO {table} VALUES ({values})"))
    await bare.migrate()
    found = {delivery.job_id: delivery for delivery, _ in await Deliveries(bare).page(LOCAL, limit=9)}
    assert {job: delivery.status for job, delivery in found.items() if job} == {
        "waits": "pending",
        "taken": "delivered",
        "lost": "failed",
    }
    assert found["waits"].url == "https://example.org/hook"
    assert found["waits"].webhook_id == "msg_waits"


async def test_endpoints_are_their_owners(database: Database) -> None:
    post = PostOffice(database)
    endpoint_id, _ = await post.register("http://127.0.0.1:9/")
    await post.ended_job()
    (told,) = await post.deliveries.page(LOCAL, limit=9)
    assert await post.endpoints.page("eve", limit=9) == []
    assert await post.deliveries.page("eve", limit=9) == []
    for call in (
        lambda: post.endpoints.get("eve", endpoint_id),
        lambda: post.endpoints.update("eve", endpoint_id, {"active": False}),
        lambda: post.endpoints.delete("eve", endpoint_id),
        lambda: post.endpoints.rotate("eve", endpoint_id),
        lambda: post.endpoints.ping("eve", endpoint_id),
        lambda: post.deliveries.get("eve", told[0].id),
    ):
        with pytest.raises(Permanent) as caught:
            await call()
        assert caught.value.code in ("endpoint_not_found", "delivery_not_found")
    assert (await post.endpoints.get(LOCAL, endpoint_id)).active
