"""TCP ports of this machine."""

from __future__ import annotations

import os
import socket
from itertools import count

FIRST, EACH = 12_000, 2_500
"""Each worker of a test run has a range of its own, below those that the system gives to whoever calls out: a port
that is free stays free until it is used."""

_worker = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0) % 8
_turns = count(os.getpid())


def free_ports(number: int) -> list[int]:
    """Ports that were free a moment ago, none of them given out before."""
    found: list[int] = []
    for turn in _turns:
        port = FIRST + EACH * _worker + turn % EACH
        if len(found) == number:
            break
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
