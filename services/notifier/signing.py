"""The headers of a webhook after Standard Webhooks: who it is, when it goes out, and who says so."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

from libs.contracts.errors import Permanent
from libs.contracts.tasks import Notify
from libs.seal import Keyring

USER_AGENT = "Beatloom-Webhooks/1"


class Signer:
    """Chooses the secrets that sign a webhook: those that it brings, sealed, or else that of the settings."""

    def __init__(self, secret: str, keyring: Keyring) -> None:
        """secret: `whsec_` and base64; empty: what brings no secret goes out without a signature.

        Raises Permanent("bad_setting") for a secret that is no base64.
        """
        self._own = (_key(secret),) if secret else ()
        self._keyring = keyring

    @property
    def signs(self) -> bool:
        """True when the settings hold a secret."""
        return bool(self._own)

    def headers(self, order: Notify, body: bytes, now: datetime) -> dict[str, str]:
        """The headers of one try at the moment `now` (aware).

        Raises Retryable("no_secret_key") when a sealed secret can't be opened.
        """
        keys = tuple(_key(self._keyring.open(sealed).decode()) for sealed in order.secrets) or self._own
        return signed(order.webhook_id, body, now, keys)


def signed(webhook_id: str, body: bytes, now: datetime, keys: Sequence[bytes]) -> dict[str, str]:
    """All headers of a try. Each key signs: a receiver takes one signature that it can check."""
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "user-agent": USER_AGENT,
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if keys:
        signatures = [Webhook(key).sign(webhook_id, now, body.decode()) for key in keys]
        headers["webhook-signature"] = " ".join(signatures)
    return headers


def _key(secret: str) -> bytes:
    """The key's bytes. Stricter than the package, which drops whatever is no base64 and signs with the rest."""
    text = secret.removeprefix("whsec_").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise Permanent("bad_setting", "The secret of webhooks is not `whsec_` followed by base64.")
    return key
