"""The GPU servers of all generators, put together. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.pool import GpuServer, PoolReport, Standing
from services.ingest.operating.draining import DrainedServer

_SERVER = re.compile(r"([a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,8}\.?|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_BY_NEED: tuple[Standing, ...] = ("away", "out", "canary", "freeing", "draining", "working")
"""What needs an operator most comes first."""


class PoolServer(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU server as all generators together see it."""

    server: str
    """Host and port."""
    device: str
    version: str
    """Of ComfyUI."""
    memory: int
    """Bytes of GPU memory."""
    memory_free: int
    standing: Standing | Literal["unknown"]
    """The worst that a generator tells; `unknown`: none knows the server."""
    running: int
    pending: int
    ours: int
    loaded: str
    """The workflow that it was given last."""
    generators: int
    """How many use it."""
    leave_it: int
    """How many of these give it no new work since it is drained."""
    drained_at: datetime | None
    drained_by: str | None


class PoolView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of GPU servers."""

    generators: int
    """How many have answered."""
    waiting: int
    """Pieces of work that generators hold, and that no server has yet."""
    servers: tuple[PoolServer, ...]


def server_named(text: str) -> str:
    """Host and port as generators know a server by. Raises Permanent("bad_request")."""
    name = text.lower()
    if not _SERVER.fullmatch(name):
        raise Permanent("bad_request", "A server is named by host and port.", hint="As in gpu-1:8188.")
    return name


def pool_view(reports: Sequence[PoolReport], drained: Iterable[DrainedServer]) -> PoolView:
    """Everything about each server; those that are drained are listed although no generator knows them."""
    seen: dict[str, list[GpuServer]] = {}
    for report in reports:
        for server in report.servers:
            seen.setdefault(server.name, []).append(server)
    by_name = {one.server: one for one in drained}
    return PoolView(
        generators=len(reports),
        waiting=sum(report.waiting for report in reports),
        servers=tuple(_merged(name, seen.get(name, []), by_name.get(name)) for name in sorted({*seen, *by_name})),
    )


def _merged(name: str, seen: Sequence[GpuServer], drained: DrainedServer | None) -> PoolServer:
    told = max(seen, key=lambda one: (one.version != "", one.standing != "away"), default=None)
    standings = {one.standing for one in seen}
    return PoolServer(
        server=name,
        device=told.device if told else "unknown",
        version=told.version if told else "",
        memory=told.memory if told else 0,
        memory_free=told.memory_free if told else 0,
        standing=next((one for one in _BY_NEED if one in standings), "unknown"),
        running=max((one.running for one in seen), default=0),
        pending=max((one.pending for one in seen), default=0),
        ours=sum(one.ours for one in seen),
        loaded=next((one.loaded for one in seen if one.loaded), ""),
        generators=len(seen),
        leave_it=sum(one.drained for one in seen),
        drained_at=drained.drained_at if drained else None,
        drained_by=drained.drained_by if drained else None,
    )
