"""Addresses that are good for one thing and for a while: a path with its end and a signature in the query."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

import msgspec

from libs.contracts.errors import Permanent
from libs.seal.keyring import Keyring

PURPOSE = "addresses"
EXPIRES, SIGNATURE = "expires", "signature"
"""The parameters of a signed address: seconds since 1970, and base64url without padding."""

GET, PUT = "GET", "PUT"
"""What an address may be used for; one for GET is good for HEAD."""


class Addresses:
    """Signs paths, and says which are signed. The newest key signs, all of them are understood."""

    def __init__(self, keyring: Keyring) -> None:
        self._keys = keyring.subkeys(PURPOSE)

    @property
    def signs(self) -> bool:
        """False when the settings name no key."""
        return bool(self._keys)

    def sign(self, path: str, until: datetime, *, method: str = GET, bound: str = "") -> str:
        """The path with its query. bound: what else must be the same when it is used.

        Raises Permanent("no_secret_key").
        """
        if not self._keys:
            raise Permanent("no_secret_key")
        expires = int(until.timestamp())
        return f"{path}?{EXPIRES}={expires}&{SIGNATURE}={_mac(self._keys[0], method, path, expires, bound)}"

    def check(
        self, path: str, query: Mapping[str, str], now: datetime, *, method: str = GET, bound: str = ""
    ) -> None:
        """Return when the address is good. Raises Permanent: bad_signature, link_expired."""
        expires, signature = query.get(EXPIRES, ""), query.get(SIGNATURE, "")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and signature.isascii()):
            raise Permanent("bad_signature")
        known = [_mac(key, method, path, int(expires), bound) for key in self._keys]
        if not any(hmac.compare_digest(one, signature) for one in known):
            raise Permanent("bad_signature")
        if int(expires) <= now.timestamp():
            raise Permanent("link_expired")


def _mac(key: bytes, method: str, path: str, expires: int, bound: str) -> str:
    told = msgspec.json.encode((method, path, expires, bound))
    return base64.urlsafe_b64encode(hmac.new(key, told, hashlib.sha256).digest()).rstrip(b"=").decode()
