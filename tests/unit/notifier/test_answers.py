"""What a receiver's answer means, and what a webhook says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from standardwebhooks import Webhook

from libs.contracts.errors import Permanent, Retryable
from libs.contracts.tasks import Notify, Task
from services.notifier.delivery import Answer, refusal, retry_after
from services.notifier.message import Signer, body_of

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_taken(status: int) -> None:
    assert refusal(Answer(status, {}), NOW) is None


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_later_is_tried_again(status: int) -> None:
    error = refusal(Answer(status, {"retry-after": "17"}), NOW)
    assert isinstance(error, Retryable)
    assert (error.code, error.after) == ("delivery_failed", 17.0)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 410, 422])
def test_no_is_no(status: int) -> None:
    error = refusal(Answer(status, {"location": "http://elsewhere.example/"}), NOW)
    assert isinstance(error, Permanent)
    assert error.code == "delivery_refused"


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


def test_a_finished_job_links_its_video() -> None:
    body = msgspec.json.decode(body_of(*task(), public_url="https://video.example/base/"))
    assert body == {
        "event": "job_completed",
        "timestamp": "2026-05-04T12:00:00Z",
        "data": {
            "job_id": "j1",
            "run_id": 2,
            "status": "completed",
            "video_url": "https://video.example/base/api/v1/jobs/j1/download",
            "error": None,
        },
    }


def test_a_failed_job_says_why() -> None:
    failed = task(
        event="job_failed", status="failed", video_path="", error_code="no_space", error_message="No space is left."
    )
    data = msgspec.json.decode(body_of(*failed, public_url="https://video.example"))["data"]
    assert data["video_url"] is None
    assert data["error"] == {"code": "no_space", "message": "No space is left."}


def test_signatures_verify_and_are_fresh_for_each_try() -> None:
    signer, body = Signer(SECRET), body_of(*task(), public_url="https://video.example")
    first = signer.headers("msg_1", body, datetime.now(UTC) - timedelta(seconds=3))
    second = signer.headers("msg_1", body, datetime.now(UTC))
    for headers in (first, second):
        assert Webhook(SECRET).verify(body, headers)["event"] == "job_completed"
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]
    assert first["webhook-signature"] != second["webhook-signature"]


def test_without_a_secret_nothing_is_signed() -> None:
    signer = Signer("")
    assert not signer.signs
    assert "webhook-signature" not in signer.headers("m", b"{}", NOW)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "whsec_###", "whsec_ümlaut"])
def test_a_secret_that_is_none_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(Permanent) as caught:
        Signer(secret)
    assert caught.value.code == "bad_setting"
    assert secret == "whsec_" or secret not in str(caught.value)
