"""Passwords: which are good enough, and their Argon2id hashes, made beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from libs.contracts.errors import Permanent, Retryable

SHORTEST, LONGEST = 10, 256
"""Characters of a password."""
FEWEST_DIFFERENT = 5
"""Characters of a password that differ from each other."""

AT_ONCE = 2
"""Hashes that are computed at once, each with 64 MiB."""
MOST_WAITING = 32

R = TypeVar("R")


class Passwords:
    """Hashes and verifies. hasher: Argon2id by the second recommendation of RFC 9106."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """Its hash, with a salt of its own. Raises Retryable("logins_busy")."""
        return await self._beside(lambda: self._hasher.hash(password))

    async def verify(self, known: str | None, password: str) -> bool:
        """Whether a password has this hash. None or "": nobody's, which takes as long. Raises as `hash`."""
        return await self._beside(lambda: self._fits(known, password))

    def is_old(self, known: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    def _fits(self, known: str | None, password: str) -> bool:
        if self._nobodys is None:
            self._nobodys = self._hasher.hash("nobody's password")
        try:
            return self._hasher.verify(known or self._nobodys, password) and bool(known)
        except (VerificationError, InvalidHashError):
            return False

    async def _beside(self, work: Callable[[], R]) -> R:
        if self._waiting >= MOST_WAITING:
            raise Retryable("logins_busy", after=2)
        self._waiting += 1
        try:
            async with self._room:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def check_password(password: str, email: str) -> None:
    """Return for one that is good enough. Raises Permanent("weak_password")."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Permanent("weak_password", f"The password must have {SHORTEST} to {LONGEST} characters.")
    if len(set(password)) < FEWEST_DIFFERENT:
        raise Permanent("weak_password", "The password repeats a few characters only.")
    if password.casefold() in (email, email.partition("@")[0]):
        raise Permanent("weak_password", "The password is the e-mail address.")
