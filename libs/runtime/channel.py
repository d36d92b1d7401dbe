"""What goes over the private socket between a worker pool and its child: frames of a kind and bytes.

A frame is one byte of kind, eight of length (big endian), then that many bytes.
"""

from __future__ import annotations

import pickle
import socket
import struct
import traceback
from enum import IntEnum
from typing import Any

from libs.contracts.errors import BeatloomError, Retryable
from libs.runtime.disk import is_full

HEADER = struct.Struct("!BQ")


class Kind(IntEnum):
    """What a frame holds."""

    CALL = 1
    """To the child: a pickle of (function, arguments)."""
    PROGRESS = 2
    """From the child: a pickle of (fraction, message)."""
    VALUE = 3
    """From the child: a pickle of the result. The last frame is always USAGE."""
    FAILURE = 4
    """From the child: a pickle of a Failure."""
    USAGE = 5
    """From the child: a pickle of (cpu_seconds, resident_bytes)."""


class CallFailed(Exception):
    """A function failed in a worker child with an error that is not ours. Its text ends with the traceback."""


def pack(error: BaseException) -> bytes:
    """An exception as bytes. One of ours crosses as itself, a full disk as `no_space`, others as `CallFailed`.

    Exceptions are not pickled as such: unpickling calls the class with the rendered message, which ours don't take.
    """
    detail = "".join(traceback.format_exception(error))
    if is_full(error):
        error = Retryable("no_space")
    if isinstance(error, BeatloomError):
        try:
            return pickle.dumps((type(error), error.args, error.__dict__, detail))
        except Exception as unpicklable:
            detail += f"\n(could not cross as itself: {unpicklable!r})"
    summary = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
    return pickle.dumps((CallFailed, (f"{summary}\n{detail}",), {}, ""))


def unpack(data: bytes) -> Exception:
    """The exception in `data`; where it happened in the child is a note on it."""
    kind, args, state, detail = pickle.loads(data)  # noqa: S301  (written by our own child)
    error: Exception = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    if detail:
        error.add_note(detail)
    return error


def send(sock: socket.socket, kind: Kind, payload: bytes) -> None:
    """Write one frame; blocks."""
    sock.sendall(HEADER.pack(kind, len(payload)))
    sock.sendall(payload)


def receive(sock: socket.socket) -> tuple[Kind, bytes] | None:
    """Read one frame; blocks. None when the other side is gone."""
    header = _exactly(sock, HEADER.size)
    if header is None:
        return None
    kind, length = HEADER.unpack(header)
    payload = _exactly(sock, length)
    return None if payload is None else (Kind(kind), payload)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    buffer = bytearray(size)
    view, read = memoryview(buffer), 0
    while read < size:
        count = sock.recv_into(view[read:])
        if count == 0:
            return None
        read += count
    return bytes(buffer)


def dumps(value: Any) -> bytes:
    """Bytes of a value."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def loads(data: bytes) -> Any:
    """The value in bytes that our own parent or child wrote."""
    return pickle.loads(data)  # noqa: S301  (written by our own parent or child)
