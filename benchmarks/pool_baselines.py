"""What the scheduler is compared with: the usual ways to share work out. They know who is able and excluded."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Protocol

import msgspec

from services.generator.comfyui.scheduler import Assignment
from services.generator.comfyui.waiting import Kind, ModelSet, Waiting


class Policy(Protocol):
    """What shares clips out; the scheduler is one."""

    def add(self, waiting: Waiting) -> None: ...
    def server_up(
        self, name: str, *, cls: str, vram: int, abilities: Iterable[str] = (), models: ModelSet | None = None
    ) -> list[Waiting]: ...
    def server_down(self, name: str) -> list[Waiting]: ...
    def started(self, clip: str, now: float) -> None: ...
    def ended(self, clip: str, now: float) -> None: ...
    def next(self, now: float) -> list[Assignment]: ...


class _Server(msgspec.Struct, eq=False):
    name: str
    kind: Kind
    models: ModelSet | None
    queue: deque[Waiting] = msgspec.field(default_factory=deque)
    running: Waiting | None = None

    def can(self, waiting: Waiting) -> bool:
        return self.kind.can(waiting.need) and self.name not in waiting.excluded


class _Pool:
    """Servers by name."""

    def __init__(self) -> None:
        self.servers: dict[str, _Server] = {}
        self.places: dict[str, _Server] = {}

    def server_up(
        self, name: str, *, cls: str, vram: int, abilities: Iterable[str] = (), models: ModelSet | None = None
    ) -> list[Waiting]:
        self.servers[name] = _Server(name, Kind(cls, vram, frozenset(abilities)), models)
        return []

    def server_down(self, name: str) -> list[Waiting]:
        server = self.servers.pop(name)
        lost = [*([server.running] if server.running else []), *server.queue]
        for waiting in lost:
            self.places.pop(waiting.id, None)
        return lost

    def started(self, clip: str, now: float) -> None:
        """Nothing is made of it."""

    def ended(self, clip: str, now: float) -> None:
        self.places.pop(clip).running = None

    def run(self, server: _Server, waiting: Waiting) -> Assignment:
        server.running, server.models = waiting, waiting.models
        self.places[waiting.id] = server
        return Assignment(waiting.id, server.name, False)


class RoundRobin(_Pool):
    """Each clip goes to the next server in turn, whatever is there."""

    def __init__(self) -> None:
        super().__init__()
        self.homeless: deque[Waiting] = deque()
        self.turn = 0

    def add(self, waiting: Waiting) -> None:
        self.homeless.append(waiting)

    def choose(self, able: list[_Server]) -> _Server:
        self.turn += 1
        return able[self.turn % len(able)]

    def next(self, now: float) -> list[Assignment]:
        for _ in range(len(self.homeless)):
            waiting = self.homeless.popleft()
            able = [server for server in self.servers.values() if server.can(waiting)]
            (self.choose(able).queue if able else self.homeless).append(waiting)
        return [
            self.run(server, server.queue.popleft())
            for server in self.servers.values()
            if server.queue and not server.running
        ]


class LeastQueue(RoundRobin):
    """Each clip goes to the server with the shortest queue."""

    def choose(self, able: list[_Server]) -> _Server:
        return min(able, key=lambda server: len(server.queue) + bool(server.running))


class ModelPressure(_Pool):
    """A free server takes clips for what it has loaded; without any it loads what most wait for.

    The pressure of a model set is 10 points for each that waits, plus the seconds since its first one came.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[ModelSet, OrderedDict[str, Waiting]] = {}

    def add(self, waiting: Waiting) -> None:
        self.lines.setdefault(waiting.models, OrderedDict())[waiting.id] = waiting

    def next(self, now: float) -> list[Assignment]:
        made = []
        for server in self.servers.values():
            if server.running:
                continue
            pressure = {
                models: 10 * len(line) + now - next(iter(line.values())).since
                for models, line in self.lines.items()
                if line
            }
            for models in sorted(pressure, key=lambda each: (each == server.models, pressure[each]), reverse=True):
                found = next((each for each in self.lines[models].values() if server.can(each)), None)
                if found:
                    del self.lines[models][found.id]
                    made.append(self.run(server, found))
                    break
        return made
