"""Whose turn it is: how many jobs run at once, of each user and of all together, and who is next. Pure.

Whoever has the fewest running is next, so that one user's many jobs never hold up another's first; among equals
what a person waits for at the screen, then who has waited longest.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from libs.contracts.jobs import JobKind, Priority

USUAL_AT_ONCE = 3
"""Jobs of one user, where there is a login and the settings say nothing else."""


class Caps(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done at once; 0: all of it."""

    each: int = 0
    """Jobs of one user."""
    in_all: int = 0
    """Jobs of all users together."""
    clips: int = 0
    """Stills and clips of one user that workers have before them, shared out among the user's jobs."""

    @classmethod
    def of(cls, each: int | None, in_all: int, clips: int, *, login: bool) -> Caps:
        """As the settings say. Where nobody logs in there is one user, who has all of it unless they say so."""
        usual = USUAL_AT_ONCE if login else 0
        return cls(each=usual if each is None else each, in_all=in_all, clips=clips if login else 0)

    @property
    def hold(self) -> bool:
        """Whether anybody ever waits."""
        return bool(self.each or self.in_all)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A run that waits for its turn, or asks whether it has to."""

    job_id: str
    run: int
    owner: str
    rank: int
    since: datetime

    @property
    def order(self) -> tuple[int, datetime, str]:
        """Its place among those of its owner."""
        return self.rank, self.since, self.job_id


def rank_of(kind: JobKind, priority: Priority, *, agentic: bool = False) -> int:
    """0 is first: classic before agentic, and in each what a person waits for before what can take its time."""
    interactive = kind == "takes" or priority == "interactive"
    return 2 * agentic + (not interactive)


def next_of(waiting: Iterable[Waiting], running: Mapping[str, int], caps: Caps) -> Waiting | None:
    """Whose turn it is; None: nobody's. running: by owner."""
    if caps.in_all and sum(running.values()) >= caps.in_all:
        return None
    may = (one for one in waiting if not caps.each or running.get(one.owner, 0) < caps.each)
    return min(may, key=lambda one: (running.get(one.owner, 0), *one.order), default=None)


def places(waiting: Iterable[Waiting], running: Mapping[str, int], caps: Caps) -> dict[str, int]:
    """By job, its place in the line: 1 is next. Where only users have a cap, each has a line of their own."""
    if not caps.in_all:
        own: Counter[str] = Counter()
        found = {}
        for one in sorted(waiting, key=lambda each: each.order):
            own[one.owner] += 1
            found[one.job_id] = own[one.owner]
        return found
    return {one.job_id: place for place, one in enumerate(_line(waiting, running), start=1)}


def _line(waiting: Iterable[Waiting], running: Mapping[str, int]) -> Iterator[Waiting]:
    """In the order in which they would go if nothing ended meanwhile."""
    queues: defaultdict[str, list[Waiting]] = defaultdict(list)
    for one in sorted(waiting, key=lambda each: each.order, reverse=True):
        queues[one.owner].append(one)
    heads = [(running.get(owner, 0), *queue[-1].order, owner) for owner, queue in queues.items()]
    heapq.heapify(heads)
    while heads:
        count, *_, owner = heapq.heappop(heads)
        yield queues[owner].pop()
        if queues[owner]:
            heapq.heappush(heads, (count + 1, *queues[owner][-1].order, owner))
