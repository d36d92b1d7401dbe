"""Ids that the ledger gives out."""

from __future__ import annotations

import secrets
import time


def new_id() -> str:
    """An id that grows with time: 12 hex digits of milliseconds, 20 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
