"""What the notifier does on each task: `notify` becomes one POST."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import httpx

from libs.artifacts.open import folder_of
from libs.bus.handler import Handler, TaskContext
from libs.contracts.errors import BeatloomError, Retryable
from libs.contracts.facts import DeliveryAttempted, WorkFact
from libs.contracts.tasks import Notify, Task, TaskKind
from libs.outbound.targets import resolve_target
from libs.outbound.urls import CALLBACK, check_url
from libs.seal import Keyring
from libs.seal.addresses import Addresses
from libs.telemetry.metrics import DeliveryMetrics
from services.notifier.answers import refusal
from services.notifier.delivery import post
from services.notifier.lines import Lines
from services.notifier.message import Places, body_of
from services.notifier.outputs import lay_out
from services.notifier.settings import NotifierSettings
from services.notifier.signing import Signer

DELIVERED = "delivered"

Deliver = Callable[[Task, Notify], Awaitable[DeliveryAttempted]]

log = logging.getLogger(__name__)


def make_handlers(settings: NotifierSettings, metrics: DeliveryMetrics) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind. Raises Permanent("bad_setting") for a secret or key that can't be used."""
    signer = Signer(settings.secret, Keyring(settings.shared.secret_key))
    if not signer.signs:
        log.warning(
            "BEATLOOM_NOTIFIER_SECRET is not set: what has no secret of its own goes out without a signature"
        )
    deliver = _delivering(settings, signer)

    async def notify(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Notify)
        try:
            fact = await deliver(task, order)
        except BeatloomError as error:
            metrics.attempted(error.code)
            raise
        metrics.attempted(DELIVERED)
        return [fact]

    return {"notify": notify}


def _delivering(settings: NotifierSettings, signer: Signer) -> Deliver:
    folder, addresses = folder_of(settings.shared.artifacts_url), Addresses(Keyring(settings.shared.secret_key))
    lines = Lines(settings.per_host, settings.concurrency // 8)
    make_tls = cache(httpx.create_ssl_context)  # at the first delivery: it reads whom to trust

    async def deliver(task: Task, order: Notify) -> DeliveryAttempted:
        """Send one webhook, once.

        A worker that dies after the receiver's answer sends it again; the receiver knows it by its webhook-id.
        Raises Retryable: delivery_failed, receiver_busy, no_secret_key; Permanent: delivery_refused,
        bad_callback_url.
        """
        url = check_url(order.url, settings.allow_hosts)
        tls = await asyncio.to_thread(make_tls)
        async with lines.turn(f"{url.host}:{url.port}"):
            try:
                async with asyncio.timeout(settings.timeout_s):
                    return await send(task, order, tls)
            except TimeoutError as error:
                text = f"The receiver did not answer within {settings.timeout_s:g} seconds."
                raise Retryable("delivery_failed", text) from error

    async def send(task: Task, order: Notify, tls: ssl.SSLContext) -> DeliveryAttempted:
        target = await resolve_target(order.url, settings.allow_hosts, CALLBACK)
        now = datetime.now(UTC)
        until = now + timedelta(seconds=settings.download_s)
        output = await asyncio.to_thread(lay_out, folder, task.job_id, order) if folder is not None else None
        body = body_of(task, order, Places(settings.public_url, folder, addresses, until, output))
        answer = await post(target, body, signer.headers(order, body, now), tls=tls)
        log.info("webhook %s to %s: %d", order.webhook_id, target.url.masked, answer.status)
        problem = refusal(answer, datetime.now(UTC), strict=order.strict)
        if problem is not None:
            raise problem
        return DeliveryAttempted(webhook_id=order.webhook_id, status=answer.status, answer=answer.text)

    return deliver
