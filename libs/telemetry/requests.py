"""The id of the request in work: on its answer, on every log line that it causes, and in what a client is told of
an error. A client may bring its own."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_current: ContextVar[str] = ContextVar("beatloom_request", default="")


def request_id() -> str:
    """Of the request that this code works for; "" for none."""
    return _current.get()


def chosen_id(brought: str) -> str:
    """What the client brought, if that is fit to be logged and told again; else a new one."""
    return brought if _SANE.fullmatch(brought) else uuid.uuid4().hex


@contextmanager
def working_for(request: str) -> Iterator[None]:
    """The block, and the tasks that it starts, work for the request of this id."""
    token = _current.set(request)
    try:
        yield
    finally:
        _current.reset(token)
