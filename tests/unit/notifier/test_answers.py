"""What a receiver's answer means, and what a webhook says."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from libs.contracts.artifacts import Blob
from libs.contracts.errors import NotTaken, Permanent, Refused, Retryable
from libs.contracts.tasks import Notify, Task, TellableFile
from libs.seal import Keyring
from libs.seal.addresses import Addresses
from services.notifier.answers import Answer, refusal, retry_after
from services.notifier.lines import Lines
from services.notifier.message import Places, body_of
from services.notifier.signing import Signer

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_taken(status: int) -> None:
    assert refusal(Answer(status, {}), NOW) is None


@pytest.mark.parametrize("status", [404, 408, 425, 429, 500, 502, 503, 504, 599])
def test_later_is_tried_again(status: int) -> None:
    error = refusal(Answer(status, {"retry-after": "17"}), NOW)
    assert isinstance(error, Retryable)
    assert (error.code, error.after) == ("delivery_failed", 17.0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 400, 401, 403, 409, 410, 422])
def test_no_is_no(status: int) -> None:
    error = refusal(Answer(status, {"location": "http://elsewhere.example/"}), NOW)
    assert isinstance(error, Permanent)
    assert error.code == "delivery_refused"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"code": 0, "message": "The execution \\"12 is running already."}', NotTaken),
        (b'{"message": "The execution \\"12 has finished already."}', type(None)),
        (b"THE EXECUTION HAS FINISHED ALREADY", type(None)),
        (b"conflict", Refused),
        (b"", Refused),
    ],
)
def test_a_wait_node_of_n8n_says_in_words_where_it_is(body: bytes, kind: type) -> None:
    assert type(refusal(Answer(409, {}, body), NOW)) is kind


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (b'{"received": true}', True),
        (b' {"received": true, "by": "me"}\n', True),
        (b'{"received": 1}', False),
        (b'{"received": "true"}', False),
        (b"[true]", False),
        (b"OK", False),
        (b"\xff", False),
        (b"", False),
    ],
)
def test_a_strict_receiver_has_to_say_that_it_took_it(body: bytes, taken: bool) -> None:
    error = refusal(Answer(200, {}, body), NOW, strict=True)
    assert (error is None) == taken
    assert taken or (isinstance(error, NotTaken) and error.status == 200)
    assert refusal(Answer(200, {}, body), NOW) is None


def test_what_a_receiver_said_is_kept_with_its_refusal() -> None:
    for status in (410, 503):
        error = refusal(Answer(status, {}, b"sorry \xff\0"), NOW)
        assert isinstance(error, (NotTaken, Refused))
        assert (error.status, error.answer) == (status, "sorry \ufffd")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("999999", 3600.0),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("\u0663", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("Mon, 04 May 2026 12:00:30", 30.0),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def task(**changes: object) -> tuple[Task, Notify]:
    order = Notify(
        webhook_id="msg_1",
        url="https://example.com/hook",
        event="job_completed",
        timestamp=NOW,
        status="completed",
        video_path="/api/v1/jobs/j1/download",
    )
    order = msgspec.structs.replace(order, **changes)
    return Task(job_id="j1", run=2, task="notify", attempt=1, owner="ann", body=order), order


def blob(name: str) -> Blob:
    return Blob(sha256=name * 64, size=1, media_type="video/mp4")


FILES = {
    "video": blob("a"),
    "videos": (TellableFile(path="/api/v1/jobs/j1/files/clips/s001.mp4", blob=blob("b")),),
    "images": (TellableFile(path="/api/v1/jobs/j1/files/poster.jpg", blob=blob("c")),),
}
UNTIL = datetime(2026, 5, 4, 13, tzinfo=UTC)
ADDRESSES = Places("https://video.example/base/", None, Addresses(Keyring([])), UNTIL)


def told(order: tuple[Task, Notify], places: Places = ADDRESSES) -> dict[str, object]:
    data: dict[str, object] = msgspec.json.decode(body_of(*order, places))["data"]
    return data


def test_a_finished_job_names_its_files() -> None:
    body = msgspec.json.decode(body_of(*task(**FILES), ADDRESSES))
    files = "https://video.example/base/api/v1/jobs/j1/files"
    assert body == {
        "event": "job_completed",
        "timestamp": "2026-05-04T12:00:00Z",
        "data": {
            "job_id": "j1",
            "run_id": "2",
            "kind": "full",
            "status": "completed",
            "video_url": "https://video.example/base/api/v1/jobs/j1/download",
            "final_video_path": "https://video.example/base/api/v1/jobs/j1/download",
            "output_dir": files,
            "error": None,
            "video_files": [f"{files}/clips/s001.mp4"],
            "image_files": [f"{files}/poster.jpg"],
            "voiceover_path": None,
        },
    }


def test_a_told_job_names_its_voice_and_its_scenes() -> None:
    files = "/api/v1/jobs/j1/files"
    made = {
        "video": blob("a"),
        "videos": (TellableFile(path=f"{files}/clips/s001.mp4", blob=blob("b")),),
        "images": (TellableFile(path=f"{files}/images/s001.jpg", blob=blob("c")),),
        "voiceover": TellableFile(path=f"{files}/voiceover.mp3", blob=blob("d")),
        "video_path": f"{files}/stitched_subtitled.mp4",
    }
    data = told(task(**made))
    at = f"https://video.example/base{files}"
    assert (data["final_video_path"], data["video_url"]) == (f"{at}/stitched_subtitled.mp4",) * 2
    assert data["voiceover_path"] == f"{at}/voiceover.mp3"
    assert data["image_files"] == [f"{at}/images/s001.jpg"]
    assert data["video_files"] == [f"{at}/clips/s001.mp4"]
    assert data["output_dir"] == at


def test_paths_of_this_host_where_artifacts_lie_in_a_folder(tmp_path: Path) -> None:
    data = told(
        task(**FILES, run_id="mine"), Places("https://video.example", tmp_path, Addresses(Keyring([])), UNTIL)
    )
    assert data["video_url"] == "https://video.example/api/v1/jobs/j1/download"
    assert data["final_video_path"] == f"{tmp_path}/blob/{'a' * 64}"
    assert (data["video_files"], data["image_files"]) == (
        [f"{tmp_path}/blob/{'b' * 64}"],
        [f"{tmp_path}/blob/{'c' * 64}"],
    )
    assert (data["output_dir"], data["run_id"]) == (f"{tmp_path}/blob", "mine")


def test_addresses_are_signed_where_there_is_a_key() -> None:
    addresses = Addresses(KEYRING)
    data = told(task(**FILES), Places("https://video.example", None, addresses, UNTIL))
    (clip,) = msgspec.convert(data["video_files"], tuple[str, ...])
    for url in (str(data["video_url"]), str(data["final_video_path"]), clip):
        path, _, query = url.removeprefix("https://video.example").partition("?")
        asked = dict(pair.split("=", 1) for pair in query.split("&"))
        addresses.check(path, asked, UNTIL - timedelta(seconds=1))
        with pytest.raises(Permanent) as caught:
            addresses.check(path, asked, UNTIL)
        assert caught.value.code == "link_expired"
    assert data["output_dir"] == "https://video.example/api/v1/jobs/j1/files"


def test_a_failed_job_says_why() -> None:
    failed = task(
        event="job_failed", status="failed", video_path="", error_code="no_space", error_message="No space is left."
    )
    data = told(failed)
    assert (data["video_url"], data["final_video_path"], data["output_dir"]) == (None, None, None)
    assert (data["video_files"], data["image_files"]) == ([], [])
    assert data["error"] == {"code": "no_space", "message": "No space is left."}


def test_a_test_names_the_endpoint() -> None:
    ping, order = task(event="ping")
    data = told((msgspec.structs.replace(ping, task="notify.e7"), order))
    assert data == {"endpoint_id": "e7"}


KEYRING = Keyring([base64.b64encode(b"k" * 32).decode()])


def sealed(secret: str) -> str:
    return KEYRING.seal(secret.encode())


def test_signatures_verify_and_are_fresh_for_each_try() -> None:
    signer, (of, order) = Signer(SECRET, KEYRING), task()
    body = body_of(of, order, ADDRESSES)
    first = signer.headers(order, body, datetime.now(UTC) - timedelta(seconds=3))
    second = signer.headers(order, body, datetime.now(UTC))
    for headers in (first, second):
        assert Webhook(SECRET).verify(body, headers)["event"] == "job_completed"
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


def test_an_endpoint_has_its_own_secret_and_for_a_while_the_old_one_too() -> None:
    new, old = ("whsec_" + base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))
    of, order = task(secrets=(sealed(new), sealed(old)))
    body = body_of(of, order, ADDRESSES)
    headers = Signer(SECRET, KEYRING).headers(order, body, datetime.now(UTC))
    for secret in (new, old):
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


def test_a_secret_that_cannot_be_opened_waits_for_the_key() -> None:
    _, order = task(secrets=(sealed(SECRET),))
    with pytest.raises(Retryable) as caught:
        Signer("", Keyring(())).headers(order, b"{}", NOW)
    assert caught.value.code == "no_secret_key"


def test_without_a_secret_nothing_is_signed() -> None:
    signer = Signer("", KEYRING)
    assert not signer.signs
    assert "webhook-signature" not in signer.headers(task()[1], b"{}", NOW)


async def test_a_host_has_a_line_of_its_own() -> None:
    lines, leave = Lines(at_once=1, waiting=1), asyncio.Event()
    told: list[str] = []

    async def call(host: str) -> None:
        async with lines.turn(host):
            told.append(host)
            if host == "slow":
                await leave.wait()

    slow = [asyncio.create_task(call("slow")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Retryable) as caught:
        await call("slow")
    assert caught.value.code == "receiver_busy"
    assert caught.value.after
    await call("quick")
    assert told == ["slow", "quick"]
    leave.set()
    await asyncio.gather(*slow)
    await call("slow")
    assert told == ["slow", "quick", "slow", "slow"]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "whsec_###", "whsec_ümlaut"])
def test_a_secret_that_is_none_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(Permanent) as caught:
        Signer(secret, KEYRING)
    assert caught.value.code == "bad_setting"
    assert secret == "whsec_" or secret not in str(caught.value)
