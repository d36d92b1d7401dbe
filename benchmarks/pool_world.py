"""A pool of ComfyUI servers in simulated time: clips, servers that come and go, faults. No scheduler is in it."""

from __future__ import annotations

import random

import msgspec

from services.generator.comfyui.waiting import ANYTHING, Need

GIB = 1 << 30
LOAD_NOISE = 0.1
"""Loads take up to so much more or less than usual, as a share."""


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made, with what the scheduler is not told."""

    id: str
    job: str
    workflow: str
    size: str
    models: str
    need: Need
    prior: float
    """Seconds that one would guess."""
    seconds: float
    """Seconds that it really takes on a server of speed 1."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A server and the spans of time in which it is up, in seconds from the start, in order."""

    name: str
    cls: str
    speed: float
    vram: int
    up: tuple[tuple[float, float], ...]


class World(msgspec.Struct, frozen=True, kw_only=True):
    """All that is given, whatever the policy: the same seed, the same world."""

    seed: int
    clips: list[Clip]
    machines: list[Machine]
    loads: dict[str, float]
    """Seconds to load each model set."""
    faults: float
    """The share of attempts that fail somewhere on the way."""

    def fault(self, clip: str, attempt: int) -> float | None:
        """At which share of its work this attempt fails, if it does. The same for every policy."""
        chance = random.Random(f"{self.seed} {clip} {attempt}")
        return chance.random() if chance.random() < self.faults else None

    def load(self, models: str, server: str, count: int) -> float:
        """Seconds that the server's load number `count` takes."""
        chance = random.Random(f"{self.seed} {server} {count}")
        return self.loads[models] * chance.uniform(1 - LOAD_NOISE, 1 + LOAD_NOISE)


CLASSES = (("small", 0.6, 16 * GIB), ("middle", 1.0, 24 * GIB), ("large", 1.9, 80 * GIB))
FLEET = (0, 0, 1, 1, 1, 1, 2, 2)
"""Classes of the servers, over and over."""
FOREVER = 1e9


def make_world(
    seed: int,
    *,
    clips: int = 500,
    servers: int = 8,
    model_sets: int = 6,
    faults: float = 0.1,
    goes_every: float = 1800.0,
) -> World:
    """goes_every: mean seconds for which a server is up before it goes, for minutes."""
    chance = random.Random(seed)
    loads = {f"set{i}": chance.uniform(15, 60) for i in range(model_sets)}
    return World(
        seed=seed,
        clips=_clips(chance, clips, list(loads)),
        machines=[_machine(chance, i, goes_every) for i in range(servers)],
        loads=loads,
        faults=faults,
    )


def _clips(chance: random.Random, count: int, model_sets: list[str]) -> list[Clip]:
    """Jobs of 5 to 40 clips, which come mixed, each job with one or two workflows."""
    sizes = {"short": 30.0, "usual": 60.0, "long": 100.0}
    made: list[Clip] = []
    off = {models: chance.uniform(0.7, 1.4) for models in model_sets}
    job = 0
    while len(made) < count:
        job += 1
        for models in chance.sample(model_sets, min(len(model_sets), chance.choice((1, 1, 2)))):
            for _ in range(min(chance.randint(5, 20), count - len(made))):
                size = chance.choice(tuple(sizes))
                seconds = min(120.0, max(20.0, sizes[size] * off[models] * chance.lognormvariate(0, 0.12)))
                need = Need("", 20 * GIB) if models == model_sets[-1] else ANYTHING
                made.append(
                    Clip(
                        id=f"clip{len(made)}",
                        job=f"job{job}",
                        workflow=f"workflow of {models}",
                        size=size,
                        models=models,
                        need=need,
                        prior=sizes[size],
                        seconds=seconds,
                    )
                )
    chance.shuffle(made)
    return made


def _machine(chance: random.Random, number: int, goes_every: float) -> Machine:
    cls, speed, vram = CLASSES[FLEET[number % len(FLEET)]]
    up: list[tuple[float, float]] = []
    begins = 0.0 if number % 8 < 6 else chance.uniform(0, goes_every / 3)  # a quarter comes later
    while goes_every and begins < 20 * goes_every:
        ends = begins + max(120.0, chance.expovariate(1 / goes_every))
        up.append((begins, ends))
        begins = ends + chance.uniform(60, 600)
    return Machine(name=f"server{number}", cls=cls, speed=speed, vram=vram, up=(*up, (begins, FOREVER)))
