"""What was learned of how much work takes: GPU seconds for a second of clip, a still, a spoken character. Pure.

Sums that forget: each observation fades what was seen before it a little, and so does time. A mean is the quotient
of two such sums, so that what jobs take as a whole comes out right however long their scenes are. Where little was
seen, the mean over all sizes counts, and at first what the settings say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from libs.money.amounts import Micros
from libs.money.prices import Prices

FigureKind = Literal["animate", "imagine", "voice", "score"]
"""Kinds of tasks that GPU servers do. Their units: seconds of the scene, stills, characters, seconds of music."""

CLIP_GPU_S = 12.0
"""GPU seconds that a second of clip is taken to need where GPUs make it and nothing was seen yet."""
FADE = 0.98
"""What an observation leaves of those before it: about the last fifty count."""
HALF_LIFE = timedelta(days=30)
FAR = 10.0
"""An observation counts as so many times the usual at most: a strange one changes little."""
WEIGHT: dict[FigureKind, float] = {"animate": 6.0, "imagine": 1.0, "voice": 100.0, "score": 5.0}
"""Units that a first guess is worth."""
FIRST: dict[FigureKind, float] = {"animate": 1.0, "imagine": 0.8, "voice": 0.0, "score": 0.08}
"""GPU seconds for a unit before anything was seen, in those of a second of clip."""
SPREAD = 0.4
"""How far work usually is from its mean before anything was seen, of the mean."""
SPREAD_SHARE = 0.1
"""Of an observation, in the spread."""
PRICED_S = 60.0
"""GPU seconds at the dearest price that the first guess of the price is worth."""
SIDES = (360, 480, 720, 1080, 1440, 2160)


def size_class(width: int, height: int) -> str:
    """By which figures are told apart: the shorter side, rounded up to a usual one."""
    side = min(width, height)
    return f"{next((usual for usual in SIDES if side <= usual), SIDES[-1])}p"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one kind of work by one workflow at one size."""

    kind: FigureKind
    workflow: str
    """That made it; "" for all together, with the attempts that gave nothing."""
    size: str
    """A size class; "" for sounds."""
    count: int = 0
    """Results that were seen."""
    units: float = 0.0
    """Faded sum, as are the next three."""
    gpu_seconds: float = 0.0
    cost: float = 0.0
    """Millionths of the currency."""
    dearest: float = 0.0
    """The same, had all of it been done at the highest price of its hour."""
    spread: float = SPREAD
    """Running mean of how far results are from the mean, of the mean."""
    at: datetime
    """Of the last observation."""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt took."""

    kind: FigureKind
    workflow: str
    """"" where there was none, or it gave nothing."""
    size: str
    units: float
    """0 for an attempt that gave nothing."""
    gpu_seconds: float
    cost: Micros
    dearest: Micros
    at: datetime

    @property
    def workflows(self) -> tuple[str, ...]:
        """Whose figures it is part of."""
        return tuple(dict.fromkeys(("", self.workflow)))


def observed(known: Figure, seen: Observation) -> Figure:
    """The figure with one more observation."""
    mean = known.gpu_seconds / known.units if known.units > 0 else 0.0
    most = FAR * mean * seen.units if mean and seen.units else math.inf
    part = min(1.0, most / seen.gpu_seconds) if seen.gpu_seconds else 1.0
    off = abs(seen.gpu_seconds / seen.units / mean - 1) if mean and seen.units else known.spread
    return Figure(
        kind=known.kind,
        workflow=known.workflow,
        size=known.size,
        count=known.count + (seen.units > 0),
        units=FADE * known.units + seen.units,
        gpu_seconds=FADE * known.gpu_seconds + part * seen.gpu_seconds,
        cost=FADE * known.cost + part * seen.cost,
        dearest=FADE * known.dearest + part * seen.dearest,
        spread=known.spread + SPREAD_SHARE * (min(off, FAR) - known.spread),
        at=max(known.at, seen.at),
    )


class _Sums(msgspec.Struct):
    """Of several figures, each as old as it is."""

    units: float = 0.0
    gpu_seconds: float = 0.0
    cost: float = 0.0
    dearest: float = 0.0
    spread: float = 0.0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """All figures, and the prices, as of now."""

    known: tuple[Figure, ...] = ()
    """Those of all workflows together."""
    prices: Prices = Prices()
    at: datetime
    first_s: float = 0.0
    """GPU seconds that a second of clip takes before anything was seen; 0: clips are drawn without a GPU."""

    @property
    def costly(self) -> bool:
        """Whether anything can cost money. Where nothing can, nothing has to be reserved."""
        return bool(self.prices)

    def mean(self, kind: FigureKind, size: str = "") -> float:
        """GPU seconds for a unit of this work."""
        first, weight = FIRST[kind] * self.first_s, WEIGHT[kind]
        every = self._sums(one for one in self.known if one.kind == kind)
        general = (every.gpu_seconds + weight * first) / (every.units + weight)
        same = self._sums(one for one in self.known if one.kind == kind and one.size == size)
        return (same.gpu_seconds + weight * general) / (same.units + weight)

    def spread(self, kind: FigureKind) -> float:
        """How far single results usually are from the mean, of the mean."""
        every = self._sums(one for one in self.known if one.kind == kind)
        weight = WEIGHT[kind]
        return (every.spread + weight * SPREAD) / (every.units + weight)

    def seen(self, kind: FigureKind) -> bool:
        """Whether there was any result of this kind."""
        return any(one.count for one in self.known if one.kind == kind)

    def money(self, gpu_seconds: float, ahead_s: float = 0.0) -> Micros:
        """What so many GPU seconds cost within the next `ahead_s`, by the servers that usually do the work."""
        hour = self.prices.dearest(self.at, max(ahead_s, gpu_seconds))
        if not hour:
            return 0
        first = PRICED_S * hour / 3600
        every = self._sums(self.known)
        share = (every.cost + first) / (every.dearest + first)
        return math.ceil(gpu_seconds * share * hour / 3600)

    def at_most(self, gpu_seconds: float) -> Micros:
        """What so many GPU seconds cost now on the dearest server."""
        return math.ceil(gpu_seconds * self.prices.dearest(self.at, gpu_seconds) / 3600)

    def _sums(self, figures: Iterable[Figure]) -> _Sums:
        sums = _Sums()
        for one in figures:
            share = 0.5 ** (max(self.at - one.at, timedelta()) / HALF_LIFE)
            sums.units += share * one.units
            sums.gpu_seconds += share * one.gpu_seconds
            sums.cost += share * one.cost
            sums.dearest += share * one.dearest
            sums.spread += share * one.units * one.spread
        return sums
