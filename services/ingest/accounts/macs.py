"""Tokens that stand for a row of the ledger: its id, a number, and a MAC of both. Nothing of them is stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import NamedTuple

import msgspec

from libs.contracts.errors import Permanent
from libs.seal import Keyring


class Named(NamedTuple):
    """What a token stands for."""

    id: str
    number: int


class Macs:
    """Makes tokens of one purpose and reads them: the newest key makes, all of them are understood."""

    def __init__(self, keyring: Keyring, purpose: str) -> None:
        self._keys = keyring.subkeys(purpose)

    def make(self, row_id: str, number: int = 0) -> str:
        """A token for a row. Raises Permanent("no_secret_key")."""
        if not self._keys:
            raise Permanent("no_secret_key")
        return f"{row_id}.{number}.{_mac(self._keys[0], row_id, number)}"

    def read(self, token: str) -> Named | None:
        """The row that a token was made for; None: it was not made here."""
        row_id, _, rest = token.partition(".")
        number, _, mac = rest.partition(".")
        if not (token.isascii() and number.isdigit() and len(number) <= 9):
            return None
        known = [_mac(key, row_id, int(number)) for key in self._keys]
        if not any(hmac.compare_digest(one, mac) for one in known):
            return None
        return Named(row_id, int(number))


def _mac(key: bytes, row_id: str, number: int) -> str:
    told = msgspec.json.encode((row_id, number))
    return base64.urlsafe_b64encode(hmac.new(key, told, hashlib.sha256).digest()).rstrip(b"=").decode()
