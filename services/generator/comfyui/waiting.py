"""The clips that wait for a server, in lines by the models that they need. Pure; a million are no trouble."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

ModelSet = str
"""Names a set of model files: the digest of their names; empty for a graph without models."""


class Need(NamedTuple):
    """What a server must have to run a clip."""

    ability: str
    """A name that a server lists when it has all node classes and files of the graph; empty: all have it."""
    vram: int
    """Bytes of GPU memory."""


ANYTHING = Need("", 0)


class Waiting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A clip that wants a server."""

    id: str
    models: ModelSet
    seconds: float
    """Expected on a server of speed 1, its models loaded."""
    since: float
    """When it was asked for. A clip that comes back after a failure keeps it."""
    group: str = ""
    """Its job. Clips of a job with the same models go one after the other."""
    need: Need = ANYTHING
    excluded: frozenset[str] = frozenset()
    """Servers that failed it."""


class Kind(msgspec.Struct, eq=False):
    """Servers of one kind, alike in all that a choice depends on. Compared by identity."""

    cls: str
    """Server class, such as the name of the GPU: what figures are learned for."""
    vram: int
    """Bytes of GPU memory."""
    abilities: frozenset[str]
    members: int = 0
    """How many there are."""
    count: int = 0
    """How many of them can be given work now."""

    def can(self, need: Need) -> bool:
        """True when a server of this kind could run it."""
        return need.vram <= self.vram and (not need.ability or need.ability in self.abilities)


MOST_GONE = 64
"""Clips that left from the middle of a lane and are still in its heap, before it is swept."""

Order = tuple[float, int, float, int]
"""Oldest group first, one group after the other, the longest clip of a group first; the last is unique."""


class _Lane:
    """Clips with the same models, need and exclusions: a server that can run one of them can run all."""

    def __init__(self, need: Need, excluded: frozenset[str]) -> None:
        self.need = need
        self.excluded = excluded
        self.head: tuple[Order, Waiting] | None = None
        self._heap: list[tuple[Order, Waiting]] = []
        self._gone: set[int] = set()

    def add(self, order: Order, waiting: Waiting) -> None:
        heapq.heappush(self._heap, (order, waiting))
        self.head = self._heap[0]

    def remove(self, order: Order) -> None:
        self._gone.add(order[-1])
        while self._heap and self._heap[0][0][-1] in self._gone:
            self._gone.remove(heapq.heappop(self._heap)[0][-1])
        if len(self._gone) > MOST_GONE and 2 * len(self._gone) > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[0][-1] not in self._gone]
            self._gone.clear()
            heapq.heapify(self._heap)
        self.head = self._heap[0] if self._heap else None


class Line:
    """Those that wait for one set of models. Its first clip is found without looking at the others."""

    def __init__(self) -> None:
        self.work = 0.0
        """All that waits, in seconds on a server of speed 1."""
        self.seconds: dict[Need, float] = {}
        """The same by need."""
        self._counts: dict[Need, int] = {}
        self._lanes: dict[tuple[Need, frozenset[str]], _Lane] = {}
        self._heads: list[tuple[Order, _Lane]] = []

    @property
    def since(self) -> float:
        """When its oldest group was asked for."""
        return self._heads[0][0][0]

    @property
    def next_seconds(self) -> float:
        """What the first clip of all takes, in seconds on a server of speed 1."""
        return -self._heads[0][0][2]

    def first(self, server: str, kind: Kind) -> Waiting | None:
        """The clip that this server would take from it."""
        for _, lane in self._heads:
            if lane.head and kind.can(lane.need) and server not in lane.excluded:
                return lane.head[1]
        return None

    def add(self, order: Order, waiting: Waiting) -> None:
        """Stand in it."""
        key = (waiting.need, waiting.excluded)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(*key)
        before = lane.head
        lane.add(order, waiting)
        self._move(lane, before)
        self._count(waiting, 1)

    def remove(self, order: Order, waiting: Waiting) -> None:
        """Leave it, from wherever it stands."""
        lane = self._lanes[waiting.need, waiting.excluded]
        before = lane.head
        lane.remove(order)
        self._move(lane, before)
        self._count(waiting, -1)

    def _move(self, lane: _Lane, before: tuple[Order, Waiting] | None) -> None:
        if lane.head is before:
            return
        if before:
            del self._heads[bisect_left(self._heads, before[0], key=_order)]
        if lane.head:
            insort(self._heads, (lane.head[0], lane), key=_order)
        else:
            del self._lanes[lane.need, lane.excluded]

    def _count(self, waiting: Waiting, by: int) -> None:
        need = waiting.need
        count = self._counts.get(need, 0) + by
        if count:
            self._counts[need] = count
            self.seconds[need] = self.seconds.get(need, 0.0) + by * waiting.seconds
        else:  # and with the last one, what rounding has left
            del self._counts[need], self.seconds[need]
        self.work = sum(self.seconds.values())


def _order(head: tuple[Order, _Lane]) -> Order:
    return head[0]


class Queue:
    """All that wait: a line for each set of models."""

    def __init__(self) -> None:
        self.lines: dict[ModelSet, Line] = {}
        """None of them is empty."""
        self._orders: dict[str, tuple[Order, Waiting]] = {}
        self._groups: dict[str, tuple[float, int, set[str]]] = {}
        self._number = 0

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, clip: str) -> bool:
        return clip in self._orders

    def work(self) -> float:
        """All that waits, in seconds on a server of speed 1."""
        return sum(line.work for line in self.lines.values())

    def clips(self) -> Iterator[Waiting]:
        """All of them, in no order that means anything."""
        return (waiting for _, waiting in self._orders.values())

    def add(self, waiting: Waiting) -> None:
        """Wait; one with the same id is replaced."""
        self.remove(waiting.id)
        self._number += 1
        since, group = waiting.since, self._number
        if waiting.group:
            since, group, members = self._groups.setdefault(waiting.group, (since, group, set()))
            members.add(waiting.id)
        order = (since, group, -waiting.seconds, self._number)
        self._orders[waiting.id] = order, waiting
        line = self.lines.get(waiting.models)
        if line is None:
            line = self.lines[waiting.models] = Line()
        line.add(order, waiting)

    def remove(self, clip: str) -> Waiting | None:
        """Wait no more. Returns what waited."""
        found = self._orders.pop(clip, None)
        if found is None:
            return None
        order, waiting = found
        line = self.lines[waiting.models]
        line.remove(order, waiting)
        if not line.seconds:
            del self.lines[waiting.models]
        if waiting.group:
            members = self._groups[waiting.group][2]
            members.discard(clip)
            if not members:
                del self._groups[waiting.group]
        return waiting
