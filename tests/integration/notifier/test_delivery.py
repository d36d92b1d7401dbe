"""Webhooks to real receivers on the loopback: what arrives, and what is refused."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook

from libs.bus.handler import TaskContext
from libs.contracts.errors import NotTaken, Permanent, Retryable
from libs.contracts.facts import DeliveryAttempted, WorkFact
from libs.contracts.tasks import Notify, Task
from libs.outbound.targets import resolve_target
from libs.outbound.urls import CALLBACK
from libs.telemetry.metrics import DeliveryMetrics
from services.notifier.answers import refusal
from services.notifier.delivery import post
from services.notifier.handlers import make_handlers
from services.notifier.settings import NotifierSettings
from tests.raw_receiver import Receiver, answer, listening

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening(Receiver()) as receiver:
        yield receiver


async def send(url: str, *, allow: tuple[str, ...] = ("127.0.0.1",), timeout_s: float = 5.0) -> list[WorkFact]:
    settings = NotifierSettings(
        secret=SECRET, public_url="https://video.example", allow_hosts=allow, timeout_s=timeout_s
    )
    notify = make_handlers(settings, DeliveryMetrics(CollectorRegistry()))["notify"]
    order = Notify(
        webhook_id="msg_42",
        url=url,
        event="job_completed",
        timestamp=datetime.now(UTC),
        status="completed",
        video_path="/api/v1/jobs/j1/download",
    )
    task = Task(job_id="j1", run=1, task="notify", attempt=1, owner="ann", body=order)
    return await notify(task, TaskContext(task))


async def test_a_webhook_arrives_signed(receiver: Receiver) -> None:
    (fact,) = await send(receiver.url())
    assert fact == DeliveryAttempted(webhook_id="msg_42", status=204)
    (request,) = receiver.got
    body = Webhook(SECRET).verify(request.body, request.headers)
    assert body["data"]["video_url"] == "https://video.example/api/v1/jobs/j1/download"
    assert request.headers["webhook-id"] == "msg_42"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"


async def test_the_query_arrives_byte_for_byte_and_is_never_logged(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    target = "/h%6Fok/..//x?token=s%2Fecret&a=b+c&&d=%7e~'!*()"
    await send(receiver.url(target))
    assert receiver.got[0].target == target
    assert "s%2Fecret" not in caplog.text
    assert "msg_42" in caplog.text


async def test_tries_share_their_id_and_body_but_not_their_signature(receiver: Receiver) -> None:
    await send(receiver.url())
    await asyncio.sleep(1.1)
    await send(receiver.url())
    first, second = (request.headers for request in receiver.got)
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_later_is_tried_again_after_what_it_says(receiver: Receiver, status: int) -> None:
    receiver.answers = [answer(status, retry_after="7")]
    with pytest.raises(Retryable) as caught:
        await send(receiver.url())
    assert (caught.value.code, caught.value.after) == ("delivery_failed", 7.0)


async def test_what_the_receiver_said_is_told_up_to_4_kb(receiver: Receiver) -> None:
    said = b"y" * 5000
    receiver.answers = [b"HTTP/1.1 503 X\r\ncontent-length: 5000\r\n\r\n" + said]
    with pytest.raises(NotTaken) as caught:
        await send(receiver.url())
    assert (caught.value.status, caught.value.answer) == (503, "y" * 4096)
    receiver.answers = [b"HTTP/1.1 200 X\r\ncontent-length: 4\r\n\r\nfine"]
    (fact,) = await send(receiver.url())
    assert fact == DeliveryAttempted(webhook_id="msg_42", status=200, answer="fine")


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    async with listening(Receiver()) as elsewhere:
        receiver.answers = [answer(307, location=elsewhere.url())]
        with pytest.raises(Permanent) as caught:
            await send(receiver.url())
        assert caught.value.code == "delivery_refused"
        assert elsewhere.got == []


async def test_a_slow_receiver_is_left(receiver: Receiver) -> None:
    receiver.wait_s = 30.0
    began = asyncio.get_running_loop().time()
    with pytest.raises(Retryable) as caught:
        await send(receiver.url(), timeout_s=0.3)
    assert caught.value.code == "delivery_failed"
    assert asyncio.get_running_loop().time() - began < 2.0


async def test_an_endless_answer_is_not_read_on(receiver: Receiver) -> None:
    receiver.answers = [b"HTTP/1.1 200 OK\r\n\r\n"]
    receiver.endless = True
    (fact,) = await send(receiver.url())
    assert isinstance(fact, DeliveryAttempted)


async def test_an_answer_that_trickles_on_is_taken_by_its_status(receiver: Receiver) -> None:
    receiver.answers = [b"HTTP/1.1 200 OK\r\n\r\n"]
    receiver.endless, receiver.trickle_s = True, 0.05
    (fact,) = await send(receiver.url(), timeout_s=3.0)
    assert isinstance(fact, DeliveryAttempted)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "noise", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf"]
)
async def test_broken_answers(receiver: Receiver, noise: bytes) -> None:
    receiver.answers = [noise]
    if noise.startswith(b"HTTP"):
        (fact,) = await send(receiver.url())
        assert isinstance(fact, DeliveryAttempted)
    else:
        with pytest.raises(Retryable) as caught:
            await send(receiver.url())
        assert caught.value.code == "delivery_failed"


async def test_nobody_there(receiver: Receiver) -> None:
    async with listening(Receiver()) as gone:
        url = gone.url()
    with pytest.raises(Retryable) as caught:
        await send(url)
    assert caught.value.code == "delivery_failed"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_private_hosts_are_refused_unless_allowed(receiver: Receiver, host: str) -> None:
    with pytest.raises(Permanent) as caught:
        await send(receiver.url(host=host), allow=("example.com",))
    assert caught.value.code == "bad_callback_url"
    assert receiver.got == []
    await send(receiver.url(host=host), allow=("*",))
    assert len(receiver.got) == 1


async def test_a_local_name_is_called_when_its_address_is_allowed(receiver: Receiver) -> None:
    for allow in (("localhost",), ("127.0.0.1", "::1")):
        await send(receiver.url(host="localhost"), allow=allow)
    with pytest.raises(Permanent):
        await send(receiver.url(host="localhost"), allow=("10.0.0.7",))
    assert len(receiver.got) == 2


def resolving_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Names resolve to these addresses; the list tells what was asked."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(2, 1, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_that_points_inside_is_refused(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolving_to(monkeypatch, "8.8.8.8", "127.0.0.1")
    with pytest.raises(Permanent) as caught:
        await send(receiver.url(host="innocent.example"), allow=())
    assert caught.value.code == "bad_callback_url"
    assert receiver.got == []


async def test_the_connection_goes_to_the_checked_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is asked once: an answer that changes between the check and the call changes nothing."""
    asked = resolving_to(monkeypatch, "127.0.0.1")
    target = await resolve_target(receiver.url(host="pinned.example"), ["pinned.example"], CALLBACK)
    resolving_to(monkeypatch, "127.0.0.9")
    got = await post(target, b"{}", {}, tls=httpx.create_ssl_context())
    assert refusal(got, datetime.now(UTC)) is None
    assert asked == ["pinned.example"]
    assert receiver.got[0].headers["host"] == f"pinned.example:{receiver.port}"


async def test_the_next_address_is_tried_when_one_takes_no_connection(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolving_to(monkeypatch, "127.0.0.9", "127.0.0.1")
    (fact,) = await send(receiver.url(host="two.example"), allow=("*",))
    assert isinstance(fact, DeliveryAttempted)


async def test_an_unknown_name_is_tried_again() -> None:
    with pytest.raises(Retryable) as caught:
        await send("http://no-such-host.invalid/", timeout_s=20.0)
    assert caught.value.code == "delivery_failed"


async def test_proxies_of_the_environment_are_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(Receiver()) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await send(receiver.url())
        assert proxy.got == []
    assert len(receiver.got) == 1


async def test_tls_names_the_host_and_checks_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=tls.example"
        " -addext subjectAltName=DNS:tls.example"
    )
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(certificate)], capture_output=True, check=True
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    seen: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: seen.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))
    resolving_to(monkeypatch, "127.0.0.1")
    async with listening(Receiver(), server) as receiver:
        for host, tls, taken in (
            ("tls.example", trusting, True),
            ("other.example", trusting, False),
            ("tls.example", httpx.create_ssl_context(), False),
        ):
            target = await resolve_target(receiver.url(host=host, scheme="https"), ["*"], CALLBACK)
            if taken:
                assert (await post(target, b"{}", {}, tls=tls)).status == 204
            else:
                with pytest.raises(Retryable):
                    await post(target, b"{}", {}, tls=tls)
    assert seen == ["tls.example", "other.example", "tls.example"]
    assert len(receiver.got) == 1


async def test_outcomes_are_counted(receiver: Receiver) -> None:
    registry = CollectorRegistry()
    settings = NotifierSettings(secret=SECRET, allow_hosts=("*",))
    notify = make_handlers(settings, DeliveryMetrics(registry))["notify"]
    order = Notify(
        webhook_id="m", url=receiver.url(), event="job_failed", timestamp=datetime.now(UTC), status="failed"
    )
    task = Task(job_id="j", run=1, task="notify", attempt=1, owner="ann", body=order)
    await notify(task, TaskContext(task))
    receiver.answers = [answer(410)]
    with pytest.raises(Permanent):
        await notify(task, TaskContext(task))
    counts = {
        sample.labels["outcome"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
    assert counts == {"delivered": 1.0, "delivery_refused": 1.0}
    assert msgspec.json.decode(receiver.got[0].body)["data"]["status"] == "failed"
