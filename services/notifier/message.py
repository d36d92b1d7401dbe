"""The webhook itself: its body, and its headers after Standard Webhooks. Pure."""

from __future__ import annotations

import base64
from datetime import datetime

import msgspec
from standardwebhooks import Webhook

from libs.contracts.errors import Permanent
from libs.contracts.tasks import Notify, Task

USER_AGENT = "Beatloom-Webhooks/1"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed."""

    code: str
    message: str


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """The job that the event is about."""

    job_id: str
    run_id: int
    """The run of the job, from 1."""
    status: str
    video_url: str | None
    error: Failure | None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook. The same over all tries."""

    event: str
    timestamp: datetime
    """When it happened."""
    data: Data


def _key(secret: str) -> bytes:
    """The key's bytes. Stricter than the package, which drops whatever is no base64 and signs with the rest."""
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise Permanent("bad_setting", "BEATLOOM_NOTIFIER_SECRET is not `whsec_` followed by base64.")
    return key


class Signer:
    """Signs bodies with the secret; an empty secret signs nothing."""

    def __init__(self, secret: str) -> None:
        """Raises Permanent("bad_setting") for a secret that is no base64."""
        self._webhook: Webhook | None = None
        if not secret:
            return
        self._webhook = Webhook(_key(secret))

    @property
    def signs(self) -> bool:
        """True when there is a secret."""
        return self._webhook is not None

    def headers(self, webhook_id: str, body: bytes, now: datetime) -> dict[str, str]:
        """The headers of one try at the moment `now` (aware)."""
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._webhook is not None:
            headers["webhook-signature"] = self._webhook.sign(webhook_id, now, body.decode())
        return headers


def body_of(task: Task, order: Notify, public_url: str) -> bytes:
    """The JSON body of a task's webhook."""
    error = Failure(code=order.error_code, message=order.error_message) if order.error_code else None
    video = public_url.rstrip("/") + "/" + order.video_path.lstrip("/") if order.video_path else None
    data = Data(job_id=task.job_id, run_id=task.run, status=order.status, video_url=video, error=error)
    return msgspec.json.encode(Message(event=order.event, timestamp=order.timestamp, data=data))
