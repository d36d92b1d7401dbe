"""The keys of the settings: the first one seals, all of them open, and each purpose has a key of its own."""

from __future__ import annotations

import base64
from collections.abc import Collection

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from libs.contracts.errors import Permanent, Retryable

KEY_BYTES = 32
SEALING = "sealing"
"""The purpose of the key that seals."""


class Keyring:
    """BEATLOOM_SECRET_KEY, read. To change the key, put the new one before the old one, and take the old one away
    once nothing is left that it sealed or signed.
    """

    def __init__(self, keys: Collection[str]) -> None:
        """keys: each 32 bytes in base64 (standard or URL-safe), the newest first; none: nothing can be sealed.

        Raises Permanent("bad_setting"), which never repeats a key.
        """
        self._masters = tuple(_master(key) for key in keys)
        fernets = [Fernet(base64.urlsafe_b64encode(key)) for key in self.subkeys(SEALING)] if keys else []
        self._newest = fernets[0] if fernets else None
        self._fernet = MultiFernet(fernets) if fernets else None

    @property
    def has_key(self) -> bool:
        """False when the settings name none."""
        return bool(self._masters)

    def seal(self, secret: bytes) -> str:
        """The secret as text that only a holder of the key can open. Raises Permanent("no_secret_key")."""
        if self._fernet is None:
            raise Permanent("no_secret_key")
        return self._fernet.encrypt(secret).decode("ascii")

    def open(self, sealed: str) -> bytes:
        """What was sealed with any of the keys.

        Raises Retryable("no_secret_key") when none of them fits: the settings can be mended.
        """
        if self._fernet is None:
            raise Retryable("no_secret_key")
        try:
            return self._fernet.decrypt(sealed.encode())
        except InvalidToken as error:
            raise Retryable("no_secret_key", "A secret was sealed with a key that is not known here.") from error

    def renewed(self, sealed: str) -> str:
        """The same secret, sealed with the newest key: the text itself when it is already.

        Raises Retryable("no_secret_key") as `open` does.
        """
        secret = self.open(sealed)
        try:
            if self._newest is not None:
                self._newest.decrypt(sealed.encode())
        except InvalidToken:
            return self.seal(secret)
        return sealed

    def subkeys(self, purpose: str) -> tuple[bytes, ...]:
        """A key of 32 bytes for one purpose of each key, the newest first: the first signs, all of them verify."""
        return tuple(_derived(key, purpose) for key in self._masters)

    def subkey(self, purpose: str) -> bytes:
        """The newest key of 32 bytes for one purpose. Raises Permanent("no_secret_key")."""
        if not self._masters:
            raise Permanent("no_secret_key")
        return _derived(self._masters[0], purpose)


def _master(key: str) -> bytes:
    try:
        master = base64.b64decode(key.translate(_STANDARD) + "=" * (-len(key) % 4), validate=True)
    except ValueError:
        master = b""
    if len(master) != KEY_BYTES:
        raise Permanent("bad_setting", "BEATLOOM_SECRET_KEY: each key must be 32 bytes in base64.")
    return master


_STANDARD = str.maketrans("-_", "+/")


def _derived(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"beatloom/{purpose}".encode()).derive(master)
