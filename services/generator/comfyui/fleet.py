"""The servers as the scheduler sees them: what each has loaded, what runs on it, where there is room. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from services.generator.comfyui.waiting import Kind, ModelSet, Need, Waiting

Key = TypeVar("Key")

SLOTS = 2
"""One clip that runs, and one queued ahead, so that the server doesn't wait for us."""


class Server(msgspec.Struct, eq=False, kw_only=True):
    """One server. Its clips are ours; `others` counts those of other replicas that share the pool."""

    name: str
    kind: Kind
    models: ModelSet | None
    """Loaded, or about to be; None: nothing."""
    clips: list[Waiting] = msgspec.field(default_factory=list)
    """The first runs, the second is queued ahead."""
    others: int = 0
    held: bool = False
    """Given no new work: drained, or in doubt."""
    loaded_at: float = 0.0
    """When it was given the first clip with these models."""
    ends: float = 0.0
    """When all of its clips are expected to be done."""

    @property
    def room(self) -> int:
        """Free slots."""
        return 0 if self.held else max(0, SLOTS - len(self.clips) - self.others)


class _Holders:
    """Servers that have one set of models, and when their work ends."""

    def __init__(self) -> None:
        self.counts: dict[Kind, int] = {}
        self.busy: dict[str, float] = {}
        self.ends = 0.0
        """The sum over those that are busy."""


class Fleet:
    """All servers, indexed so that no question needs a walk over them."""

    def __init__(self, speed: Callable[[str], float]) -> None:
        """speed: of a server class, against the one that seconds are given for; asked for again by `refresh`."""
        self.servers: dict[str, Server] = {}
        self.kinds: list[Kind] = []
        self.idle: dict[tuple[Kind, ModelSet | None], dict[str, Server]] = {}
        """By what they could do without loading. No entry is empty."""
        self.roomy: dict[ModelSet | None, dict[str, Server]] = {}
        """Busy ones with a slot ahead, the first to become so first. No entry is empty."""
        self._speed_of = speed
        self._speeds: dict[str, float] = {}
        self._holders: dict[ModelSet | None, _Holders] = {}
        self._busy, self._ends = 0, 0.0

    def up(self, name: str, *, cls: str, vram: int, abilities: Iterable[str], models: ModelSet | None) -> Server:
        """A server that was not there before."""
        kind = self._kind(cls, vram, frozenset(abilities))
        kind.members += 1
        server = self.servers[name] = Server(name=name, kind=kind, models=models)
        self.enter(server)
        return server

    def down(self, server: Server) -> None:
        """A server that is there no more."""
        self.leave(server)
        del self.servers[server.name]
        server.kind.members -= 1
        if not server.kind.members:
            self.kinds.remove(server.kind)

    def _kind(self, cls: str, vram: int, abilities: frozenset[str]) -> Kind:
        for kind in self.kinds:
            if (kind.cls, kind.vram, kind.abilities) == (cls, vram, abilities):
                return kind
        self.kinds.append(kind := Kind(cls, vram, abilities))
        self.refresh()
        return kind

    def refresh(self) -> None:
        """Take over the speeds that are known now."""
        self._speeds = {kind.cls: self._speed_of(kind.cls) for kind in self.kinds}

    def leave(self, server: Server) -> None:
        """Take it out of all indexes, before anything of it changes."""
        _discard(self.idle, (server.kind, server.models), server.name)
        _discard(self.roomy, server.models, server.name)
        if server.held:
            return
        server.kind.count -= 1
        holders = self._holders[server.models]
        holders.counts[server.kind] -= 1
        if not holders.counts[server.kind]:
            del holders.counts[server.kind]
        if holders.busy.pop(server.name, None) is not None:
            holders.ends = holders.ends - server.ends if holders.busy else 0.0
            self._busy -= 1
            self._ends = self._ends - server.ends if self._busy else 0.0
        if not holders.counts:
            del self._holders[server.models]

    def enter(self, server: Server, *, ahead: bool = True) -> None:
        """Put it into the indexes again. ahead: whether a clip may be queued ahead on it."""
        if server.held:
            return
        server.kind.count += 1
        holders = self._holders.setdefault(server.models, _Holders())
        holders.counts[server.kind] = holders.counts.get(server.kind, 0) + 1
        if server.room < SLOTS:
            holders.busy[server.name] = server.ends
            holders.ends += server.ends
            self._busy += 1
            self._ends += server.ends
        if server.room == SLOTS:
            self.idle.setdefault((server.kind, server.models), {})[server.name] = server
        elif server.room and ahead:
            self.roomy.setdefault(server.models, {})[server.name] = server

    def drain(self, server: Server) -> None:
        """Queue nothing ahead on it until it is idle or changes otherwise."""
        _discard(self.roomy, server.models, server.name)

    def speed(self, server: Server) -> float:
        """Of this server."""
        return self._speeds[server.kind.cls]

    def capacity(self, need: Need) -> float:
        """Sum of the speeds of all servers that have what is needed."""
        return sum(kind.count * self._speeds[kind.cls] for kind in self.kinds if kind.can(need))

    def holding(self, models: ModelSet) -> float:
        """Sum of the speeds of the servers that have these models."""
        holders = self._holders.get(models)
        return sum(n * self._speeds[kind.cls] for kind, n in holders.counts.items()) if holders else 0.0

    def holding_for(self, waiting: Waiting) -> float:
        """The same of those that may run this clip."""
        holders = self._holders.get(waiting.models)
        if holders is None:
            return 0.0
        speed = sum(n * self._speeds[kind.cls] for kind, n in holders.counts.items() if kind.can(waiting.need))
        for name in waiting.excluded:
            server = self.servers.get(name)
            if server and not server.held and server.models == waiting.models and server.kind.can(waiting.need):
                speed -= self.speed(server)
        return speed

    def rest(self, now: float) -> float:
        """Seconds until servers are done with what they have, on average."""
        count = sum(kind.count for kind in self.kinds)
        return max(0.0, self._ends - now * self._busy) / count if count else 0.0

    def rest_of(self, models: ModelSet, now: float) -> float:
        """The same of those that have these models."""
        holders = self._holders.get(models)
        if holders is None or not holders.busy:
            return 0.0
        return max(0.0, holders.ends - now * len(holders.busy)) / sum(holders.counts.values())


def _discard(index: dict[Key, dict[str, Server]], key: Key, name: str) -> None:
    found = index.get(key)
    if found and found.pop(name, None) and not found:
        del index[key]
