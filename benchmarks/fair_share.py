"""How long one user's many jobs hold up another's first, and what that costs whoever is alone.

    python -m benchmarks.fair_share [--json] [--servers 4] [--clips 40] [--seconds 30]

The ledger's own `decide` and `apply` over a simulated queue: servers take the oldest clip, each as long. Ada has
three jobs running, ordered together; Bob orders his first a minute later. For each number of clips that a user may
have before the workers: when Bob's first clip and his last are there, as multiples of what he would wait alone; and
how much longer one job takes where nobody else comes, on 32 servers and on 16.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections import Counter, deque
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import msgspec

from libs.contracts.facts import StoryboardPlanned
from services.ingest.apply import apply
from services.ingest.decide import Decision, Order, settle
from services.ingest.state import RunState
from services.ingest.turns import USUAL_AT_ONCE
from tests.unit.ingest.story import NOW, done, fact, new_run, result

WINDOWS = (0, 8, 16, 32, 64)
LATER_S = 60.0
DECIDED_S = 0.05
"""From the end of a clip until the next one that it calls for is in the queue."""


class Asked(NamedTuple):
    """A job."""

    owner: str
    at: float


class Seen(NamedTuple):
    """When a job's first clip and its last were there, in seconds from its order."""

    first: float
    last: float


def planned(clips: int, window: int) -> tuple[RunState, list[str]]:
    """A run whose clips are due, and the first of them."""
    state = msgspec.structs.replace(new_run(), clips_at_once=window)
    plan = result("plan", scenes=clips)
    assert isinstance(plan, StoryboardPlanned)
    state, decided = settle(state, NOW)
    for it in (done("analyze"), fact("plan", plan)):
        state, decided = settle(apply(state, it), NOW)
    return state, clips_in(decided)


def clips_in(decided: Sequence[Decision]) -> list[str]:
    """The clips that were ordered."""
    keys = [it.task.task for it in decided if isinstance(it, Order)]
    return [key for key in keys if key.startswith("animate")]


def simulate(orders: Sequence[Asked], *, servers: int, clips: int, seconds: float, window: int) -> list[Seen]:
    """When these jobs have their clips."""
    running = Counter[str]()
    states: dict[int, RunState] = {}
    ends: dict[int, list[float]] = {job: [] for job in range(len(orders))}
    queue: deque[tuple[int, str]] = deque()
    free = servers

    def share(job: int) -> int:
        return -(-window // max(running[orders[job].owner], 1))

    coming = [(order.at, job, "") for job, order in enumerate(orders)]
    heapq.heapify(coming)
    while coming:
        now, job, key = heapq.heappop(coming)
        if not key:
            running[orders[job].owner] += 1
            states[job], due = planned(clips, share(job))
            queue.extend((job, one) for one in due)
        elif key.startswith("done "):
            queue.append((job, key.removeprefix("done ")))
        else:
            free += 1
            ends[job].append(now)
            state = msgspec.structs.replace(states[job], clips_at_once=share(job))
            states[job], decided = settle(apply(state, done(key)), NOW + timedelta(seconds=now))
            running[orders[job].owner] -= len(ends[job]) == clips
            for one in clips_in(decided):
                heapq.heappush(coming, (now + DECIDED_S, job, f"done {one}"))
        while free and queue:
            free -= 1
            heapq.heappush(coming, (now + seconds, *queue.popleft()))
    return [Seen(ends[job][0] - order.at, ends[job][-1] - order.at) for job, order in enumerate(orders)]


def measure(window: int, *, servers: int, clips: int, seconds: float) -> dict[str, float]:
    """The figures of one window."""
    one = [Asked("bob", 0.0)]
    alone = simulate(one, servers=servers, clips=clips, seconds=seconds, window=0)[0]
    orders = [*[Asked("ada", 0.0)] * USUAL_AT_ONCE, Asked("bob", LATER_S)]
    bob = simulate(orders, servers=servers, clips=clips, seconds=seconds, window=window)[-1]
    slower = []
    for pool in (32, 16):
        free = simulate(one, servers=pool, clips=clips, seconds=seconds, window=0)[0]
        held = simulate(one, servers=pool, clips=clips, seconds=seconds, window=window)[0]
        slower.append(held.last / free.last)
    name = str(window or "all")
    figures = (bob.first / alone.first, bob.last / alone.last, *slower)
    what = ("first", "last", "alone_on_32", "alone_on_16")
    return {f"{each}_{name}": round(figure, 2) for each, figure in zip(what, figures, strict=True)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--servers", type=int, default=4)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=30.0)
    asked = parser.parse_args()
    found: dict[str, float] = {}
    print(f"{'clips at once':>14} {'first clip':>11} {'last clip':>10} {'alone on 32':>12} {'alone on 16':>12}")
    for window in WINDOWS:
        figures = measure(window, servers=asked.servers, clips=asked.clips, seconds=asked.seconds)
        first, last, wide, half = figures.values()
        print(f"{window or 'all':>14} {first:10.1f}x {last:9.1f}x {wide:11.2f}x {half:11.2f}x")
        found |= figures
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
