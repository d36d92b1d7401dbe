"""Small durable records that workers share: the bucket `beatloom_work`. Written only over what was read.

A record is a struct at a key, with a revision. It goes by itself when nobody has written it for its lifetime, so
that what a dead worker left is no litter.
"""

from __future__ import annotations

import hashlib
from typing import Generic, NamedTuple, TypeVar

import msgspec
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError

from libs.bus.connection import PUBLISH_S, TRANSIENT, Bus
from libs.contracts import subjects
from libs.contracts.errors import Retryable

R = TypeVar("R", bound=msgspec.Struct)

_WRONG_SEQUENCE = (10071, 10164)
_OPERATION = "KV-Operation"
_MARKER_S = 60.0
"""How long the mark of a removed record stays."""


class Held(NamedTuple, Generic[R]):
    """A record as it was read or written."""

    value: R
    revision: int


class Outrun(Exception):
    """Somebody else has written the record since it was read: read it again."""


class Records(Generic[R]):
    """Records of one kind, below `prefix`. lifetime_s: after so long without a write a record is gone.

    Each call raises Retryable("bus_unavailable") when the server doesn't answer; a write may have been taken then.
    """

    def __init__(self, bus: Bus, prefix: str, kind: type[R], *, lifetime_s: float) -> None:
        self._bus = bus
        self._kind = kind
        self._base = f"$KV.{subjects.WORK_BUCKET}.{prefix}"
        self._stream = f"KV_{subjects.WORK_BUCKET}"
        self._lifetime_s = lifetime_s

    async def read(self, name: str) -> Held[R] | None:
        """The record, as it stands; None without one, or with one that can't be read."""
        revision, data = await self._last(self._subject(name))
        value = self._decoded(data)
        return None if value is None else Held(value, revision)

    async def write(self, name: str, value: R, over: Held[R] | None) -> Held[R]:
        """Put `value` over what was read (`over`; None: there was none). Raises Outrun.

        When the answer is lost, what stands is looked at: if it is the value, it was taken.
        """
        subject, data = self._subject(name), msgspec.json.encode(value)
        last = await self._free(subject) if over is None else over.revision
        try:
            return Held(value, await self._publish(subject, data, last, {}, self._lifetime_s))
        except Retryable:
            revision, standing = await self._last(subject)
            if standing == data and revision != last:
                return Held(value, revision)
            raise

    async def remove(self, name: str, over: Held[R]) -> None:
        """Remove what was read. Raises Outrun."""
        await self._publish(self._subject(name), b"", over.revision, {_OPERATION: "PURGE"}, _MARKER_S)

    def _subject(self, name: str) -> str:
        """Keys hold nothing that a user wrote, and nothing that the server has a meaning for."""
        return f"{self._base}.{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    async def _free(self, subject: str) -> int:
        """The revision that may be written over: of the mark of a removed record, 0 where none ever was."""
        revision, data = await self._last(subject)
        if self._decoded(data) is not None:
            raise Outrun
        return revision

    def _decoded(self, data: bytes) -> R | None:
        try:
            return msgspec.json.decode(data, type=self._kind)
        except msgspec.DecodeError:
            return None

    async def _last(self, subject: str) -> tuple[int, bytes]:
        """Revision and bytes of what stands; no bytes where a record was removed; 0 where there never was one."""
        self._must_be_connected()
        try:
            message = await self._bus.js.get_msg(self._stream, subject=subject)
        except NotFoundError:
            return 0, b""
        except TRANSIENT as error:
            raise Retryable("bus_unavailable", f"A record can't be read: {error}") from error
        return message.seq or 0, message.data or b""

    async def _publish(self, subject: str, data: bytes, last: int, header: dict[str, str], life: float) -> int:
        self._must_be_connected()
        headers = {Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(last), **header}
        try:
            answer = await self._bus.js.publish(
                subject, data, timeout=PUBLISH_S, headers=headers, msg_ttl=max(life, 1.0)
            )
        except APIError as error:
            if error.err_code in _WRONG_SEQUENCE:
                raise Outrun from error
            raise Retryable("bus_unavailable", f"A record was not taken: {error}") from error
        except TRANSIENT as error:
            raise Retryable("bus_unavailable", f"A record was not taken: {error}") from error
        return answer.seq

    def _must_be_connected(self) -> None:
        if not self._bus.connected:
            raise Retryable("bus_unavailable", "nats-server is away.")
