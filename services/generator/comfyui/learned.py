"""What was learned about the pool: how long work takes, how fast servers are, what loading models costs.

All figures are running estimates of a logarithm, so that a factor of two is as far up as down. Each observation
moves the estimate by a share of what it says, the less the surer the estimate is, and one that is far off counts
as if it were `FAR` times the usual distance: one strange render changes little, a lasting change is followed
within a few. What a render took is shared between what is known of the work and of the server, the greater part
to the less sure. So only their quotient means anything; the scheduler needs no more.

Figures may be lost; then it begins at the priors again.
"""

from __future__ import annotations

import math

import msgspec

WORK_PRIOR = 0.7
"""How far, in logarithm, a prior of a workflow is usually off."""
SPEED_PRIOR = 0.5
NOISE = 0.15
"""How far two renders of the same usually differ."""
DRIFT = 0.03
"""By how much things change from one observation to the next."""
FAR = 3.0

SWITCH_PRIOR_S = 30.0
SWITCH_SPREAD = 0.7
ABSURD = 25.0
"""No logarithm of seconds or of a quotient is so large."""
MOST_KEYS = 4096
"""Figures of a kind that are kept, the last ones used."""


class Figure(msgspec.Struct):
    """A running estimate of a logarithm."""

    mean: float = 0.0
    sigma: float = WORK_PRIOR
    """How unsure it is."""
    spread: float = NOISE
    """How far observations usually are from it, running mean."""
    count: int = 0

    def moved(self, by: float) -> None:
        """One more observation was taken in, which moved it so far."""
        self.mean += by
        self.count += 1


def observe(value: float, *figures: tuple[Figure, int]) -> None:
    """Take in one observation of a sum of figures, each with its sign: +1 or -1.

    value: the logarithm that was seen.
    """
    surprise = value - sum(sign * figure.mean for figure, sign in figures)
    unsure = sum(figure.sigma**2 for figure, _ in figures)
    total = NOISE**2 + unsure
    far = FAR * math.sqrt(max(NOISE, figures[0][0].spread) ** 2 + unsure)
    for figure, sign in figures:
        share = figure.sigma**2 / total
        figure.moved(sign * share * min(max(surprise, -far), far))
        figure.sigma = math.sqrt(figure.sigma**2 * (1 - share) + DRIFT**2)
        figure.spread += (min(abs(surprise), far) - figure.spread) * 0.1


class Learned(msgspec.Struct):
    """All figures of a pool. Serialisable."""

    work: dict[str, Figure] = {}
    """Seconds over the prior, by workflow and by workflow and size class."""
    speeds: dict[str, Figure] = {}
    """By server class; faster is more."""
    switches: dict[str, Figure] = {}
    """Seconds, by model set."""
    gaps: dict[str, Figure] = {}
    """Seconds between steps, by workflow, size class and server class."""

    def seconds(self, workflow: str, size: str, prior: float) -> float:
        """Expected seconds on a server of speed 1 with its models loaded.

        prior: seconds that the workflow's binding gives for this much work.
        """
        figure = self.work.get(_key(workflow, size)) or self.work.get(workflow)
        return prior * math.exp(figure.mean) if figure else prior

    def spread(self, workflow: str, size: str) -> float:
        """How far renders usually are from what is expected, as a logarithm."""
        figure = self.work.get(_key(workflow, size)) or self.work.get(workflow)
        return figure.spread if figure else WORK_PRIOR

    def speed(self, cls: str) -> float:
        """Of a server class, against the priors' server."""
        figure = self.speeds.get(cls)
        return math.exp(figure.mean) if figure else 1.0

    def switch(self, models: str) -> float:
        """Seconds to load a set of models; none for a graph without."""
        if not models:
            return 0.0
        figure = self.switches.get(models)
        return math.exp(figure.mean) if figure else SWITCH_PRIOR_S

    def gap(self, workflow: str, size: str, cls: str) -> float | None:
        """The usual longest time between two steps in seconds; None before any was seen."""
        figure = self.gaps.get(_key(workflow, size, cls)) or self.gaps.get(workflow)
        return math.exp(figure.mean) if figure else None

    def take_over(self, theirs: Learned) -> None:
        """Take the figures of others that have seen more."""
        for mine, other in (
            (self.work, theirs.work),
            (self.speeds, theirs.speeds),
            (self.switches, theirs.switches),
            (self.gaps, theirs.gaps),
        ):
            for key, figure in other.items():
                if _makes_sense(figure) and (key not in mine or mine[key].count < figure.count):
                    _figure(mine, key, figure)
                    mine[key] = msgspec.structs.replace(figure)

    def took(self, workflow: str, size: str, cls: str, seconds: float, prior: float) -> None:
        """A render ended well. seconds: from its first step to its end, without loading."""
        if not (0 < seconds < math.inf and prior > 0):
            return
        value = math.log(seconds / prior)
        general = _figure(self.work, workflow, Figure())
        known = _figure(self.work, _key(workflow, size), Figure(general.mean, general.sigma, general.spread))
        speed = _figure(self.speeds, cls, Figure(sigma=SPEED_PRIOR))
        observe(value + speed.mean, (general, 1))
        observe(value, (known, 1), (speed, -1))

    def switched(self, models: str, seconds: float) -> None:
        """Models were loaded in so many seconds."""
        if models and 0 < seconds < math.inf:
            first = Figure(math.log(SWITCH_PRIOR_S), SWITCH_SPREAD)
            observe(math.log(seconds), (_figure(self.switches, models, first), 1))

    def stepped(self, workflow: str, size: str, cls: str, gap: float) -> None:
        """A render ended well whose longest time between two steps was this, in seconds."""
        if 0 < gap < math.inf:
            first = Figure(math.log(gap))
            for key in (workflow, _key(workflow, size, cls)):
                observe(math.log(gap), (_figure(self.gaps, key, first), 1))


def _makes_sense(figure: Figure) -> bool:
    return abs(figure.mean) < ABSURD and 0 < figure.sigma < ABSURD and 0 <= figure.spread < ABSURD


def _key(*parts: str) -> str:
    return "|".join(parts)


def _figure(figures: dict[str, Figure], key: str, first: Figure) -> Figure:
    """The figure of this key, moved to the end of those to be forgotten."""
    figure = figures.pop(key, None) or msgspec.structs.replace(first)
    figures[key] = figure
    if len(figures) > MOST_KEYS:
        del figures[next(iter(figures))]
    return figure
