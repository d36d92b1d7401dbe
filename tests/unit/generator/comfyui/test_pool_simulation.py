"""The simulated pool keeps to its own rules, and nobody beats the lower bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.pool_baselines import LeastQueue, ModelPressure, Policy, RoundRobin
from benchmarks.pool_bound import lower_bound
from benchmarks.pool_simulation import Simulation
from benchmarks.pool_world import GIB, Clip, Machine, World, make_world
from services.generator.comfyui.learned import Learned
from services.generator.comfyui.scheduler import Scheduler
from services.generator.comfyui.waiting import ANYTHING, Need


def world(seconds: float, *machines: Machine, need: Need = ANYTHING) -> World:
    made = Clip(id="c", job="j", workflow="w", size="s", models="m", need=need, prior=60.0, seconds=seconds)
    return World(seed=1, clips=[made], machines=list(machines), loads={"m": 20.0}, faults=0.0)


def machine(*up: tuple[float, float], name: str = "a", speed: float = 1.0, vram: int = 24 * GIB) -> Machine:
    return Machine(name=name, cls="gpu", speed=speed, vram=vram, up=up)


def test_the_bound_is_work_and_load_over_what_was_up() -> None:
    assert lower_bound(world(100.0, machine((0, 1e9))), {}) == pytest.approx(118, abs=1)
    assert lower_bound(world(100.0, machine((0, 1e9))), {"m": 50.0}) == pytest.approx(168, abs=1)
    assert lower_bound(world(100.0, machine((0, 1e9), speed=2.0)), {}) == pytest.approx(68, abs=1)
    both = world(100.0, machine((0, 1e9)), machine((0, 1e9), name="b"))
    assert lower_bound(both, {}) == pytest.approx(68, abs=1), "each loads"
    assert lower_bound(world(100.0, machine((0, 60), (200, 1e9))), {}) == pytest.approx(276, abs=1), "loads twice"


def test_the_bound_counts_able_servers_only() -> None:
    small = machine((0, 1e9), name="b", vram=16 * GIB)
    assert lower_bound(world(100.0, machine((0, 1e9)), small, need=Need("", 20 * GIB)), {}) == pytest.approx(
        118, abs=1
    )


@pytest.mark.parametrize("seed", range(3))
def test_nobody_beats_the_bound_and_the_scheduler_loads_little(seed: int) -> None:
    given = make_world(seed, clips=150)
    policies: dict[str, Callable[[Learned], Policy]] = {
        "ours": Scheduler,
        "pressure": lambda _: ModelPressure(),
        "least": lambda _: LeastQueue(),
        "robin": lambda _: RoundRobin(),
    }
    loads = {}
    for name, policy in policies.items():
        outcome = Simulation(given, policy).run()
        assert outcome.makespan >= lower_bound(given, outcome.destroyed)
        loads[name] = outcome.loads
        if name == "ours":
            assert outcome.most_wait < 3 * outcome.mean_wait
    assert loads["ours"] <= loads["least"] / 2
