"""How well the pool's scheduler shares clips out, in simulated time, against the usual ways to do it.

    python benchmarks/pool.py [--json] [--seeds 20] [--clips 500] [--servers 8] [--sets 6] [--faults 0.1]
    python benchmarks/pool.py --huge [--json]

All clips are there from the start: 20 to 120 seconds of GPU each, in jobs of one or two workflows, over model
sets that take 15 to 60 seconds to load. Servers are of three classes of speed and memory; they come late, go for
one to ten minutes about every half hour, and come back with nothing loaded. One attempt in ten fails somewhere on
the way. The scheduler is the one of production, with the figures that it learns on the way; nobody tells it what
a clip or a load will really take. Each seed is a world of its own, the same for every policy.

`makespan_over_bound`: the end of the last clip over the lower bound of `pool_bound.py`. `loads_over_least_queue`:
model loads over those of the least-queue policy. `max_wait_over_mean`: a clip waits from the start to the
beginning of the attempt that went well. `decision_ms`: CPU of all calls of the scheduler over the clips that it
assigned. Of the first three the medians over all seeds are reported, and the worst beside them; of the last the
worst. The worst makespans are worlds in which one clip fails again in the last minutes, which the bound knows
nothing of: see `--faults 0`.

`--huge` does it with up to 1,000 servers and a million clips, the scheduler alone, and prints how a decision's
cost grows.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from benchmarks.pool_baselines import LeastQueue, ModelPressure, Policy, RoundRobin
from benchmarks.pool_bound import lower_bound
from benchmarks.pool_simulation import Outcome, Simulation
from benchmarks.pool_world import make_world
from services.generator.comfyui.learned import Learned
from services.generator.comfyui.scheduler import Scheduler

POLICIES: dict[str, Callable[[Learned], Policy]] = {
    "scheduler": Scheduler,
    "model pressure": lambda _: ModelPressure(),
    "least queue": lambda _: LeastQueue(),
    "round robin": lambda _: RoundRobin(),
}
STEPS = (
    (10, 1_000, 6),
    (100, 10_000, 6),
    (1_000, 10_000, 6),
    (1_000, 10_000, 60),
    (1_000, 100_000, 6),
    (1_000, 1_000_000, 6),
)
"""Servers, clips and model sets on the way to the largest."""


def main() -> None:
    """Run it; the last line is JSON when asked for."""
    parser = argparse.ArgumentParser(description="The pool's scheduler in simulated time.")
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--huge", action="store_true", help="up to 1,000 servers and a million clips")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--servers", type=int, default=8)
    parser.add_argument("--sets", type=int, default=6)
    parser.add_argument("--faults", type=float, default=0.1)
    chosen = parser.parse_args()
    result = huge() if chosen.huge else compare(chosen)
    if chosen.json:
        print(json.dumps(result))


def compare(chosen: argparse.Namespace) -> dict[str, float]:
    """All policies over all seeds."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in POLICIES}
    ratios: dict[str, list[float]] = {name: [] for name in POLICIES}
    for seed in range(chosen.seeds):
        world = make_world(
            seed, clips=chosen.clips, servers=chosen.servers, model_sets=chosen.sets, faults=chosen.faults
        )
        for name, policy in POLICIES.items():
            outcome = Simulation(world, policy).run()
            outcomes[name].append(outcome)
            ratios[name].append(outcome.makespan / lower_bound(world, outcome.destroyed))
    print(f"{chosen.seeds} worlds of {chosen.clips} clips, {chosen.servers} servers, {chosen.sets} model sets\n")
    print(f"{'median (worst)':16}{'makespan/bound':>18}{'loads':>14}{'longest/mean wait':>20}{'ms a decision':>20}")
    for name in POLICIES:
        found = outcomes[name]
        print(
            f"{name:16}{_both(ratios[name], 3):>18}{_both([each.loads for each in found], 0):>14}"
            f"{_both([_wait(each) for each in found], 2):>20}{_both([_decision_ms(each) for each in found], 3):>20}"
        )
    ours, least = outcomes["scheduler"], outcomes["least queue"]
    loads = [mine.loads / theirs.loads for mine, theirs in zip(ours, least, strict=True)]
    waits = [_wait(each) for each in ours]
    return {
        "makespan_over_bound": round(statistics.median(ratios["scheduler"]), 4),
        "makespan_over_bound_worst": round(max(ratios["scheduler"]), 4),
        "loads_over_least_queue": round(statistics.median(loads), 4),
        "loads_over_least_queue_worst": round(max(loads), 4),
        "max_wait_over_mean": round(statistics.median(waits), 3),
        "max_wait_over_mean_worst": round(max(waits), 3),
        "decision_ms": round(max(_decision_ms(each) for each in ours), 4),
    }


def huge() -> dict[str, float]:
    """The scheduler alone, larger and larger."""
    print("                                 ms of the scheduler for each decision")
    print(
        f"{'servers':>8}{'clips':>10}{'sets':>6}{'mean':>9}{'next: median':>14}{'99.9 %':>9}{'most':>9}{'took':>9}"
    )
    worst = 0.0
    for servers, clips, sets in STEPS:
        world = make_world(1, clips=clips, servers=servers, model_sets=sets)
        began = time.monotonic()
        outcome = Simulation(world, Scheduler).run()
        nexts = sorted(each * 1e3 for each in outcome.nexts)
        worst = max(worst, _decision_ms(outcome))
        print(
            f"{servers:8}{clips:10}{sets:6}{_decision_ms(outcome):9.4f}{nexts[len(nexts) // 2]:14.4f}"
            f"{nexts[int(len(nexts) * 0.999)]:9.3f}{nexts[-1]:9.2f}{time.monotonic() - began:8.0f}s",
            flush=True,
        )
    return {"servers": servers, "clips": clips, "decision_ms": round(worst, 4)}


def _both(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({max(values):.{digits}f})"


def _wait(outcome: Outcome) -> float:
    return outcome.most_wait / outcome.mean_wait


def _decision_ms(outcome: Outcome) -> float:
    return outcome.policy_seconds / outcome.decisions * 1e3


if __name__ == "__main__":
    main()
