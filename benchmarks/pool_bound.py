"""The earliest time at which a pool could have done its work, whoever shares it out and whatever they know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from benchmarks.pool_world import LOAD_NOISE, World

EXACT_S = 0.5


def lower_bound(world: World, destroyed: dict[str, float]) -> float:
    """Seconds from the start. destroyed: by model set, work that faults destroyed, in seconds at speed 1.

    What has to be done is the clips and what was destroyed, W(q) for each model set q. What there is are the
    spans of time p in which a server was really up: until T, for L(p) seconds at speed v(p). A server comes with
    nothing loaded, so a span in which q is made pays the load l(q) at least once, counted at the least that noise
    leaves of it.

    Let x(p,q) be the share of the span p that goes to q, loading included. Then p makes at most x(p,q) (L(p) -
    l(q)) v(p) of q, since a load paid in full is never less than a share of it. So T can't be less than the
    smallest one for which shares exist with sum over q of x(p,q) <= 1 for each span, and sum over p of what it
    makes >= W(q) for each set, where only able servers count. That is a linear program; T is found by halving. It
    knows the future, splits clips at will, takes no time to hand work over and has no fault at the end: it can't
    be reached.
    """
    work = dict.fromkeys(world.loads, 0.0)
    vram = dict.fromkeys(world.loads, 0)
    for clip in world.clips:
        work[clip.models] += clip.seconds
        vram[clip.models] = clip.need.vram
    for models, seconds in destroyed.items():
        work[models] += seconds
    sets = [models for models in work if work[models]]
    wanted = np.array([work[models] for models in sets])
    loads = np.array([(1 - LOAD_NOISE) * world.loads[models] for models in sets])
    spans = [
        (begins, ends, machine.speed, [machine.vram >= vram[models] for models in sets])
        for machine in world.machines
        for begins, ends in machine.up
    ]

    def done(by: float) -> bool:
        rates = [
            np.maximum(0.0, min(by, ends) - begins - loads) * speed * np.array(able)
            for begins, ends, speed, able in spans
            if begins < by
        ]
        return bool(rates) and _shareable(np.array(rates), wanted)

    low, high = 0.0, 60.0
    while not done(high):
        low, high = high, high * 2
    while high - low > EXACT_S:
        middle = (low + high) / 2
        low, high = (low, middle) if done(middle) else (middle, high)
    return low


def _shareable(rates: NDArray[np.float64], wanted: NDArray[np.float64]) -> bool:
    """True when spans can be shared out so that all is made. rates: what each span makes of each set alone."""
    spans, sets = rates.shape
    makes = np.zeros((sets, spans * sets))
    for each in range(sets):
        makes[each, each::sets] = -rates[:, each]
    shares = np.repeat(np.eye(spans), sets, axis=1)
    answer = linprog(
        np.zeros(spans * sets),
        A_ub=np.vstack([makes, shares]),
        b_ub=np.concatenate([-wanted, np.ones(spans)]),
        bounds=(0, 1),
        method="highs",
    )
    return bool(answer.status == 0)
