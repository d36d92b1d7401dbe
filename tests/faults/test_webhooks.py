"""Receivers that are down, slow, wrong or gone for a while; the hours pass at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from libs.contracts.errors import Permanent
from libs.contracts.tasks import Notify
from services.ingest.access.callers import LOCAL
from services.ingest.webhooks.records import Standing
from tests.faults.post_office import SECRET, PostOffice, post_office
from tests.raw_receiver import Receiver, answer, listening

RUNNING = b'{"code":0,"message":"The execution \\"12\\" is running already."}'
FINISHED = b'{"code":0,"message":"The execution \\"12\\" has finished already."}'


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[PostOffice]:
    async with post_office(tmp_path) as office:
        yield office


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening(Receiver()) as receiver:
        yield receiver


def ids(post: PostOffice) -> set[str]:
    """The webhook-ids of all tries."""
    return {task.body.webhook_id for task in post.sent if isinstance(task.body, Notify)}


async def test_a_receiver_that_is_down_for_an_hour_is_told_after_it(post: PostOffice) -> None:
    async with listening(Receiver()) as receiver:
        pass
    job_id = await post.ended_job(receiver.url("/hook?token=a%2Fb&&x"))
    assert 6 <= await post.pass_time(hours=1) <= 8
    waiting, tries = await post.only_delivery()
    assert (waiting.status, waiting.code) == ("pending", "delivery_failed")
    assert {attempt.status for attempt in tries} == {None}
    assert waiting.next_try_at is not None
    assert waiting.next_try_at > post.now
    async with listening(receiver):
        assert await post.pass_time(hours=23) == 1
    (request,) = receiver.got
    assert request.target == "/hook?token=a%2Fb&&x"
    assert Webhook(SECRET).verify(request.body, request.headers)["event"] == "job_cancelled"
    assert ids(post) == {request.headers["webhook-id"]} == {f"msg_{job_id}_1"}
    delivered, tries = await post.only_delivery()
    assert (delivered.status, delivered.code, delivered.next_try_at) == ("delivered", None, None)
    assert delivered.tries == len(tries) == len(post.sent)
    assert tries[-1].status == 204


async def test_after_ten_tries_it_is_given_up_until_somebody_sends_it_again(
    post: PostOffice, receiver: Receiver
) -> None:
    receiver.answers = [answer(503, b"out of order")]
    await post.ended_job(receiver.url())
    assert await post.pass_time(days=3) == 10
    failed, tries = await post.only_delivery()
    assert (failed.status, failed.code, failed.tries) == ("failed", "delivery_failed", 10)
    assert [(attempt.status, attempt.answer) for attempt in tries] == 10 * [(503, "out of order")]
    assert (tries[-1].at - tries[0].at).total_seconds() <= 24 * 3600
    assert len(await post.ledger.dead_letters()) == len(post.letters) == 1

    receiver.answers = [answer(500), answer(200, b"at last")]
    await post.ledger.redeliver(failed)
    assert (await post.only_delivery())[0].status == "pending"
    assert await post.ledger.dead_letters() == []
    assert await post.pass_time(days=3) == 2
    delivered, tries = await post.only_delivery()
    assert (delivered.status, delivered.tries, tries[-1].answer) == ("delivered", 12, "at last")
    assert len(ids(post)) == 1


async def test_a_time_that_the_receiver_names_is_kept(post: PostOffice, receiver: Receiver) -> None:
    receiver.answers = [answer(429, retry_after="1800"), answer(204)]
    await post.ended_job(receiver.url())
    began = post.now
    assert await post.pass_time(minutes=29) == 1
    assert await post.pass_time(minutes=2) == 1
    delivered, tries = await post.only_delivery()
    assert (tries[1].at - began).total_seconds() == 1800
    assert delivered.status == "delivered"


@pytest.mark.parametrize("comes", [True, False])
async def test_an_address_that_is_not_there_has_an_hour(post: PostOffice, receiver: Receiver, comes: bool) -> None:
    receiver.answers = [*(answer(404) for _ in range(5)), answer(204 if comes else 404)]
    await post.ended_job(receiver.url())
    await post.pass_time(days=2)
    delivery, tries = await post.only_delivery()
    assert delivery.status == ("delivered" if comes else "failed")
    assert (tries[-1].at - tries[0].at).total_seconds() <= 3600
    assert len(await post.ledger.dead_letters()) == (not comes)


@pytest.mark.parametrize(
    ("answers", "tries", "status"),
    [
        ([answer(409, RUNNING), answer(409, RUNNING), answer(200)], 3, "delivered"),
        ([answer(409, RUNNING), answer(409, FINISHED)], 2, "delivered"),
        ([answer(409, b"another conflict")], 1, "failed"),
    ],
)
async def test_a_wait_node_of_n8n(
    post: PostOffice, receiver: Receiver, answers: list[bytes], tries: int, status: str
) -> None:
    receiver.answers = answers
    await post.ended_job(receiver.url("/webhook-waiting/12?signature=x"))
    assert await post.pass_time(hours=1) == tries
    assert (await post.only_delivery())[0].status == status


@pytest.mark.parametrize("status", [307, 400, 410])
async def test_no_is_no(post: PostOffice, receiver: Receiver, status: int) -> None:
    async with listening(Receiver()) as elsewhere:
        receiver.answers = [answer(status, location=elsewhere.url())]
        await post.ended_job(receiver.url())
        assert await post.pass_time(days=2) == 1
        assert elsewhere.got == []
    delivery, (only,) = await post.only_delivery()
    assert (delivery.status, delivery.code, only.status) == ("failed", "delivery_refused", status)


@pytest.mark.parametrize("noise", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 999999 what\r\n\r\n"])
async def test_what_is_no_answer_is_tried_again(post: PostOffice, receiver: Receiver, noise: bytes) -> None:
    receiver.answers = [noise, answer(204)]
    await post.ended_job(receiver.url())
    assert await post.pass_time(hours=1) == 2
    assert (await post.only_delivery())[0].status == "delivered"


async def test_of_a_huge_answer_the_beginning_is_kept(post: PostOffice, receiver: Receiver) -> None:
    receiver.answers, receiver.endless = [b"HTTP/1.1 200 OK\r\n\r\n"], True
    await post.ended_job(receiver.url())
    await post.deliver()
    delivery, (only,) = await post.only_delivery()
    assert delivery.status == "delivered"
    assert only.answer == "x" * 4096


async def test_a_receiver_that_never_answers_is_left(tmp_path: Path) -> None:
    async with post_office(tmp_path, timeout_s=0.2) as post, listening(Receiver(wait_s=30)) as receiver:
        await post.ended_job(receiver.url())
        await post.deliver()
        delivery, (only,) = await post.only_delivery()
        assert (delivery.status, only.status) == ("pending", None)
        assert "did not answer within 0.2 seconds" in only.message


async def test_a_strict_receiver_has_to_say_that_it_took_it(post: PostOffice, receiver: Receiver) -> None:
    await post.register(receiver.url(), strict=True)
    receiver.answers = [answer(200, b"<h1>Welcome</h1>"), answer(204), answer(200, b'{"received": true}')]
    await post.ended_job()
    assert await post.pass_time(hours=1) == 3
    delivery, tries = await post.only_delivery()
    assert (delivery.status, [attempt.status for attempt in tries]) == ("delivered", [200, 204, 200])


async def test_all_who_want_to_know_are_told_each_by_its_own_webhook(tmp_path: Path, receiver: Receiver) -> None:
    standing = Standing(url=receiver.url("/settings"))
    async with post_office(tmp_path, standing=standing) as post:
        _, secret = await post.register(receiver.url("/mine"))
        await post.register(receiver.url("/only-failures"), events=("job_failed",))
        job_id = await post.ended_job(receiver.url("/callback"))
        assert await post.pass_time(minutes=1) == 3
    came = {request.target: request for request in receiver.got}
    assert set(came) == {"/settings", "/mine", "/callback"}
    assert len({request.headers["webhook-id"] for request in receiver.got}) == 3
    assert all(request.headers["webhook-id"].startswith(f"msg_{job_id}_1") for request in receiver.got)
    for target, key in {"/settings": SECRET, "/callback": SECRET, "/mine": secret}.items():
        body = Webhook(key).verify(came[target].body, came[target].headers)
        assert body["data"]["job_id"] == job_id
        assert body["data"]["error"]["code"] == "job_cancelled"


async def test_one_who_is_down_holds_up_nobody_else(post: PostOffice, receiver: Receiver) -> None:
    async with listening(Receiver()) as down:
        pass
    await post.register(down.url())
    await post.register(receiver.url())
    for _ in range(3):
        await post.ended_job()
    await post.pass_time(minutes=1)
    assert len(receiver.got) == 3
    assert [told.status for told, _ in await post.deliveries.page(LOCAL, limit=10, status="delivered")] == 3 * [
        "delivered"
    ]


async def test_a_secret_is_changed_without_a_webhook_lost(post: PostOffice, receiver: Receiver) -> None:
    endpoint_id, old = await post.register(receiver.url())
    receiver.answers = [answer(500), answer(204)]
    await post.ended_job()
    await post.deliver()
    _, new = await post.endpoints.rotate(LOCAL, endpoint_id)
    assert new != old
    await post.pass_time(hours=1)
    waited = receiver.got[-1]
    for secret in (old, new):  # it waited to be sent with the old one alone
        Webhook(secret).verify(waited.body, waited.headers)
    await post.pass_time(hours=24)
    await post.ended_job()
    await post.deliver()
    later = receiver.got[-1]
    Webhook(new).verify(later.body, later.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(later.body, later.headers)


async def test_what_waits_follows_its_endpoint(post: PostOffice, receiver: Receiver) -> None:
    endpoint_id, _ = await post.register("http://127.0.0.1:9/")
    await post.ended_job()
    await post.deliver()
    await post.endpoints.update(LOCAL, endpoint_id, {"url": receiver.url("/moved")})
    await post.pass_time(hours=1)
    assert [request.target for request in receiver.got] == ["/moved"]
    assert (await post.only_delivery())[0].status == "delivered"


@pytest.mark.parametrize("deleted", [True, False])
async def test_who_wants_no_more_is_told_no_more(post: PostOffice, receiver: Receiver, deleted: bool) -> None:
    endpoint_id, _ = await post.register(receiver.url())
    receiver.answers = [answer(500)]
    await post.ended_job()
    await post.deliver()
    if deleted:
        await post.endpoints.delete(LOCAL, endpoint_id)
    else:
        await post.endpoints.update(LOCAL, endpoint_id, {"active": False})
    await post.ended_job()
    assert await post.pass_time(days=2) == 0
    dropped, _ = await post.only_delivery()
    assert dropped.status == "dropped"
    with pytest.raises(Permanent) as caught:
        await post.ledger.redeliver(dropped)
    assert caught.value.code == "endpoint_inactive"
    assert (await post.only_delivery())[0].status == "dropped"
    if deleted:
        return
    await post.endpoints.update(LOCAL, endpoint_id, {"active": True})
    receiver.answers = [answer(204)]
    await post.ledger.redeliver(dropped)
    await post.deliver()
    assert (await post.only_delivery())[0].status == "delivered"


async def test_what_is_on_its_way_as_its_endpoint_goes_is_written_down(
    post: PostOffice, receiver: Receiver
) -> None:
    endpoint_id, _ = await post.register(receiver.url())
    receiver.wait_s = 0.3
    for status in (500, 204):
        receiver.answers = [answer(status)]
        await post.ended_job()
        receiver.came.clear()
        sending = asyncio.create_task(post.deliver())
        await receiver.came.wait()
        await post.endpoints.update(LOCAL, endpoint_id, {"active": False})
        await sending
        await post.endpoints.update(LOCAL, endpoint_id, {"active": True})
        assert await post.pass_time(days=1) == 0
    told = await post.deliveries.page(LOCAL, limit=10)
    assert [(delivery.status, len(tries)) for delivery, tries in told] == [("delivered", 1), ("dropped", 1)]


async def test_a_test_is_sent_once_and_written_down(post: PostOffice, receiver: Receiver) -> None:
    endpoint_id, secret = await post.register(receiver.url())
    receiver.answers = [answer(500, b"oh"), answer(200, b"hello")]
    first = await post.endpoints.ping(LOCAL, endpoint_id)
    assert (first.status, first.event, first.job_id) == ("pending", "ping", None)
    assert await post.pass_time(days=1) == 1
    second = await post.endpoints.ping(LOCAL, endpoint_id)
    assert await post.pass_time(days=1) == 1
    for ping, status, said in ((first, "failed", "oh"), (second, "delivered", "hello")):
        delivery, (only,) = await post.deliveries.get(LOCAL, ping.id)
        assert (delivery.status, only.answer) == (status, said)
    body = Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    assert body["data"] == {"endpoint_id": endpoint_id}
    assert msgspec.json.decode(receiver.got[0].body)["event"] == "ping"
    with pytest.raises(Permanent) as caught:
        await post.ledger.redeliver(second)
    assert caught.value.code == "conflict"
    assert await post.ledger.dead_letters() == []
