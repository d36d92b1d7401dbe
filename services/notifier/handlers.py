"""What the notifier does on each task: `notify` becomes one POST."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import httpx

from libs.bus.handler import Handler, TaskContext
from libs.contracts.errors import BeatloomError, Retryable
from libs.contracts.facts import DeliveryAttempted, WorkFact
from libs.contracts.tasks import Notify, Task, TaskKind
from libs.outbound.targets import resolve_target
from libs.outbound.urls import CALLBACK
from libs.telemetry.metrics import DeliveryMetrics
from services.notifier.delivery import post, refusal
from services.notifier.message import Signer, body_of
from services.notifier.settings import NotifierSettings

DELIVERED = "delivered"

log = logging.getLogger(__name__)


def make_handlers(settings: NotifierSettings, metrics: DeliveryMetrics) -> Mapping[TaskKind, Handler]:
    """The handlers by task kind. Raises Permanent("bad_setting") for a secret that can't be used."""
    signer = Signer(settings.secret)
    if not signer.signs:
        log.warning("BEATLOOM_NOTIFIER_SECRET is not set: webhooks go out without a signature")
    tls = cache(httpx.create_ssl_context)  # at the first delivery: it reads whom to trust

    async def notify(task: Task, context: TaskContext) -> list[WorkFact]:
        order = task.body
        assert isinstance(order, Notify)
        try:
            fact = await deliver(task, order, settings, signer, await asyncio.to_thread(tls))
        except BeatloomError as error:
            metrics.attempted(error.code)
            raise
        metrics.attempted(DELIVERED)
        return [fact]

    return {"notify": notify}


async def deliver(
    task: Task, order: Notify, settings: NotifierSettings, signer: Signer, tls: ssl.SSLContext
) -> DeliveryAttempted:
    """Send one webhook, once.

    A worker that dies after the receiver's answer sends it again; the receiver knows it by its webhook-id.
    Raises Retryable("delivery_failed"), Permanent("delivery_refused" or "bad_callback_url").
    """
    try:
        async with asyncio.timeout(settings.timeout_s):
            target = await resolve_target(order.url, settings.allow_hosts, CALLBACK)
            body = body_of(task, order, settings.public_url)
            headers = signer.headers(order.webhook_id, body, datetime.now(UTC))
            answer = await post(target, body, headers, tls=tls)
    except TimeoutError as error:
        text = f"The receiver did not answer within {settings.timeout_s:g} seconds."
        raise Retryable("delivery_failed", text) from error
    log.info("webhook %s to %s: %d", order.webhook_id, target.url.masked, answer.status)
    problem = refusal(answer, datetime.now(UTC))
    if problem is not None:
        raise problem
    return DeliveryAttempted(webhook_id=order.webhook_id, status=answer.status)
