"""Runs a world under a policy, event by event, and says how it went and how well it could have gone."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from benchmarks.pool_baselines import Policy
from benchmarks.pool_world import FOREVER, Clip, Machine, World
from services.generator.comfyui.learned import Learned
from services.generator.comfyui.waiting import Waiting

Result = TypeVar("Result")

HANDOVER_S = 0.5
"""From the end of a clip to the start of one that was not queued ahead."""
EXCLUDED = 2
"""A clip stays away from so many servers that failed it, the last ones."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    makespan: float
    loads: int
    load_seconds: float
    destroyed: dict[str, float]
    """By model set, the work that faults destroyed, in seconds on a server of speed 1."""
    mean_wait: float
    most_wait: float
    """From the start to the beginning of the attempt that went well."""
    decisions: int
    policy_seconds: float
    """CPU of the policy, all of its calls."""
    nexts: list[float]
    """CPU seconds of each call of `next`, over the clips that it assigned."""


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
        self._excluded: dict[str, list[str]] = {}
        self._machines = {machine.name: _Machine(machine) for machine in world.machines}
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._left = set(self._clips)
        self._waits: dict[str, float] = {}
        self._destroyed: dict[str, float] = {}
        self._loads, self._load_seconds, self._decisions = 0, 0.0, 0
        self._policy_seconds = 0.0
        self._nexts: list[float] = []

    def run(self) -> Outcome:
        """To the last clip. Raises AssertionError when the policy breaks a rule."""
        for machine in self._machines.values():
            for begins, ends in machine.given.up:
                self._at(begins, partial(self._comes, machine))
                if ends < FOREVER:
                    self._at(ends, partial(self._goes, machine))
        for clip in self._world.clips:
            self._wait(clip, 0.0)
        now = 0.0
        while self._left:
            now, _, happens = heapq.heappop(self._events)
            happens(now)
            if self._events and self._events[0][0] == now:
                continue
            before = self._policy_seconds
            assignments = self._timed(partial(self._policy.next, now))
            self._nexts.append((self._policy_seconds - before) / max(1, len(assignments)))
            for made in assignments:
                self._decisions += 1
                self._assigned(self._machines[made.server], made.id, now, ahead=made.ahead)
        waits = list(self._waits.values())
        return Outcome(
            makespan=now,
            loads=self._loads,
            load_seconds=self._load_seconds,
            destroyed=self._destroyed,
            mean_wait=sum(waits) / len(waits),
            most_wait=max(waits),
            decisions=self._decisions,
            policy_seconds=self._policy_seconds,
            nexts=self._nexts,
        )

    def _at(self, when: float, happens: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (when, self._number, happens))

    def _timed(self, call: Callable[[], Result]) -> Result:
        began = time.thread_time()
        result = call()
        self._policy_seconds += time.thread_time() - began
        return result

    def _wait(self, clip: Clip, now: float) -> None:
        waiting = Waiting(
            id=clip.id,
            models=clip.models,
            seconds=self._learned.seconds(clip.workflow, clip.size, clip.prior),
            since=0.0,
            group=clip.job,
            need=clip.need,
            excluded=frozenset(self._excluded.get(clip.id, ())),
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
        self._destroyed[clip.models] = self._destroyed.get(clip.models, 0.0) + seconds

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
            self._excluded[clip.id] = [*self._excluded.get(clip.id, []), machine.given.name][-EXCLUDED:]
        self._timed(lambda: self._policy.ended(clip.id, now))
        if not good:
            self._wait(clip, now)
        if machine.clips:
            self._start(machine, now)
            following = machine.clips[0]
            self._timed(lambda: self._policy.started(following, now))
