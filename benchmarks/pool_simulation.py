"""Runs a world under a policy, event by event, and says how it went and how well it could have gone."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from benchmarks.pool_baselines import Policy
from benchmarks.pool_world import FOREVER, LOAD_NOISE, Clip, Machine, World
from services.generator.comfyui.learned import Learned
from services.generator.comfyui.waiting import Need, Waiting

Result = TypeVar("Result")

HANDOVER_S = 0.5
"""From the end of a clip to the start of one that was not queued ahead."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    makespan: float
    bound: float
    """No policy could have ended sooner, see `lower_bound`."""
    loads: int
    load_seconds: float
    destroyed: float
    """Work that faults destroyed, in seconds on a server of speed 1."""
    mean_wait: float
    most_wait: float
    """From the start to the beginning of the attempt that went well."""
    decisions: int
    policy_seconds: float
    """CPU of the policy, all of its calls."""
    slowest: float
    """Its slowest single call."""


class _Machine:
    """A machine in the simulation."""

    def __init__(self, given: Machine) -> None:
        self.given = given
        self.epoch = 0
        self.up = False
        self.models: str | None = None
        self.loads = 0
        self.clips: list[str] = []
        self.works_from = 0.0
        """When the running clip's models were loaded."""


class Simulation:
    """A world under a policy."""

    def __init__(self, world: World, policy: Callable[[Learned], Policy]) -> None:
        self._world = world
        self._learned = Learned()
        self._policy = policy(self._learned)
        self._clips = {clip.id: clip for clip in world.clips}
        self._attempts: dict[str, int] = {}
        self._excluded: dict[str, frozenset[str]] = {}
        self._machines = {machine.name: _Machine(machine) for machine in world.machines}
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._left = set(self._clips)
        self._waits: dict[str, float] = {}
        self._destroyed: dict[Need, float] = {}
        self._loads, self._load_seconds, self._decisions = 0, 0.0, 0
        self._policy_seconds, self._slowest = 0.0, 0.0

    def run(self) -> Outcome:
        """To the last clip. Raises AssertionError when the policy breaks a rule."""
        for machine in self._machines.values():
            for begins, ends in machine.given.up:
                self._at(begins, lambda now, machine=machine: self._comes(machine, now))  # type: ignore[misc]
                if ends < FOREVER:
                    self._at(ends, lambda now, machine=machine: self._goes(machine, now))  # type: ignore[misc]
        for clip in self._world.clips:
            self._wait(clip, 0.0)
        now = 0.0
        while self._left:
            now, _, happens = heapq.heappop(self._events)
            happens(now)
            if self._events and self._events[0][0] == now:
                continue
            for made in self._timed(lambda now=now: self._policy.next(now)):  # type: ignore[misc]
                self._decisions += 1
                self._assigned(self._machines[made.server], made.id, now, ahead=made.ahead)
        waits = list(self._waits.values())
        return Outcome(
            makespan=now,
            bound=lower_bound(self._world, self._destroyed),
            loads=self._loads,
            load_seconds=self._load_seconds,
            destroyed=sum(self._destroyed.values()),
            mean_wait=sum(waits) / len(waits),
            most_wait=max(waits),
            decisions=self._decisions,
            policy_seconds=self._policy_seconds,
            slowest=self._slowest,
        )

    def _at(self, when: float, happens: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, happens))

    def _timed(self, call: Callable[[], Result]) -> Result:
        began = time.perf_counter()
        result = call()
        took = time.perf_counter() - began
        self._policy_seconds += took
        self._slowest = max(self._slowest, took)
        return result

    def _wait(self, clip: Clip, now: float) -> None:
        waiting = Waiting(
            id=clip.id,
            models=clip.models,
            seconds=self._learned.seconds(clip.workflow, clip.size, clip.prior),
            since=0.0,
            group=clip.job,
            need=clip.need,
            excluded=self._excluded.get(clip.id, frozenset()),
        )
        self._timed(lambda: self._policy.add(waiting))

    def _comes(self, machine: _Machine, now: float) -> None:
        machine.up, machine.models, machine.clips = True, None, []
        machine.epoch += 1
        given = machine.given
        self._timed(lambda: self._policy.server_up(given.name, cls=given.cls, vram=given.vram))

    def _goes(self, machine: _Machine, now: float) -> None:
        lost = self._timed(lambda: self._policy.server_down(machine.given.name))
        if machine.clips:
            clip = self._clips[machine.clips[0]]
            self._destroy(clip, max(0.0, now - machine.works_from) * machine.given.speed)
        machine.up, machine.clips = False, []
        machine.epoch += 1
        for waiting in lost:
            self._wait(self._clips[waiting.id], now)

    def _destroy(self, clip: Clip, seconds: float) -> None:
        self._destroyed[clip.need] = self._destroyed.get(clip.need, 0.0) + seconds

    def _assigned(self, machine: _Machine, clip: str, now: float, *, ahead: bool) -> None:
        assert machine.up and clip in self._left
        assert machine.given.vram >= self._clips[clip].need.vram
        assert machine.given.name not in self._excluded.get(clip, ())
        assert len(machine.clips) == ahead
        assert not ahead or self._clips[clip].models == machine.models
        machine.clips.append(clip)
        if not ahead:
            self._start(machine, now + HANDOVER_S)

    def _start(self, machine: _Machine, now: float) -> None:
        clip = self._clips[machine.clips[0]]
        load = 0.0
        if clip.models != machine.models:
            machine.models = clip.models
            load = self._world.load(clip.models, machine.given.name, machine.loads)
            machine.loads += 1
            self._loads += 1
            self._load_seconds += load
        attempt = self._attempts[clip.id] = self._attempts.get(clip.id, 0) + 1
        share = self._world.fault(clip.id, attempt)
        machine.works_from = now + load
        self._waits[clip.id] = now
        seconds = (1.0 if share is None else share) * clip.seconds
        epoch = machine.epoch

        def ends(now: float) -> None:
            if machine.epoch == epoch:
                self._ended(machine, clip, seconds, load, now, good=share is None)

        self._at(now + load + seconds / machine.given.speed, ends)

    def _ended(self, machine: _Machine, clip: Clip, seconds: float, load: float, now: float, *, good: bool) -> None:
        machine.clips.pop(0)
        if load:
            self._learned.switched(clip.models, load)
        if good:
            self._left.remove(clip.id)
            self._learned.took(
                clip.workflow, clip.size, machine.given.cls, seconds / machine.given.speed, clip.prior
            )
        else:
            self._destroy(clip, seconds)
            able = sum(1 for each in self._world.machines if each.vram >= clip.need.vram)
            excluded = self._excluded.get(clip.id, frozenset()) | {machine.given.name}
            self._excluded[clip.id] = excluded if len(excluded) < able else frozenset()
        self._timed(lambda: self._policy.ended(clip.id, now))
        if not good:
            self._wait(clip, now)
        if machine.clips:
            self._start(machine, now)
            following = machine.clips[0]
            self._timed(lambda: self._policy.started(following, now))


def lower_bound(world: World, destroyed: dict[Need, float]) -> float:
    """The earliest time at which all work could be done, in seconds from the start.

    What has to be done: all clips, and the work that faults destroyed in this run. What there is: the speeds of the
    servers over the time in which they were up. A server comes with nothing loaded, so of each span of its time the
    cheapest load is lost before it can do anything; each model set has to be loaded at least once, and what that costs
    beyond the cheapest load is lost too, on the slowest server. All loads take the least time that they can.
    Work that only large servers can do has to be done by them: it gives a bound of its own, and the later one counts.
    The bound knows the future and splits clips at will; it can't be reached.
    """
    needs = {clip.need for clip in world.clips}
    return max(_bound(world, destroyed, need.vram) for need in needs)


def _bound(world: World, destroyed: dict[Need, float], vram: int) -> float:
    """That of the work that needs at least so much memory."""
    least = 1 - LOAD_NOISE
    machines = [machine for machine in world.machines if machine.vram >= vram]
    clips = [clip for clip in world.clips if clip.need.vram >= vram]
    loads = [least * world.loads[models] for models in {clip.models for clip in clips}]
    cheapest, slowest = min(loads), min(machine.speed for machine in machines)
    work = sum(clip.seconds for clip in clips) + sum(load - cheapest for load in loads) * slowest
    work += sum(seconds for need, seconds in destroyed.items() if need.vram >= vram)

    def done(by: float) -> float:
        return sum(
            max(0.0, min(by, ends) - begins - cheapest) * machine.speed
            for machine in machines
            for begins, ends in machine.up
        )

    low, high = 0.0, 1.0
    while done(high) < work:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if done(middle) >= work else (middle, high)
    return high
