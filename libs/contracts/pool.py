"""What generators tell of the GPU servers that they use, and which of those get no new work."""

from __future__ import annotations

from typing import Literal

import msgspec

Standing = Literal["working", "draining", "freeing", "canary", "out", "away"]
"""Of a server, as one generator has it: given work; finishing what it has before its memory is freed; freeing it;
tried with a small prompt; taken out after failures; without an answer."""


class GpuServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server, as one generator sees it."""

    name: str
    """Host and port; never a password."""
    device: str
    """Its class, as ComfyUI names the GPU; "unknown" until it has answered."""
    version: str = ""
    """Of ComfyUI."""
    memory: int = 0
    """Bytes of GPU memory, or of main memory where there is no GPU."""
    memory_free: int = 0
    """Of these, as it said last."""
    standing: Standing = "away"
    drained: bool = False
    """An operator wants it left alone: it gets no new prompt."""
    running: int = 0
    """Prompts that run there, whosever they are."""
    pending: int = 0
    """Prompts that wait in its own queue."""
    ours: int = 0
    """Pieces of work that this generator has on it."""
    loaded: str = ""
    """The workflow, and perhaps its profile, that this generator gave it last."""


class PoolReport(msgspec.Struct, frozen=True, kw_only=True):
    """All servers of one generator."""

    generator: str
    """A name that no other process has."""
    waiting: int
    """Pieces of work that it holds and that no server has yet."""
    servers: tuple[GpuServer, ...]


class Drained(msgspec.Struct, frozen=True, kw_only=True):
    """The servers that get no new work, by host and port."""

    servers: tuple[str, ...] = ()
