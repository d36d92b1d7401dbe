"""What each scene stands on, so that every cut is seen: the song's colours in changing roles. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from libs.contracts.looks import LookEntry
from services.planner.palette import Ground
from services.planner.seeds import derived
from services.planner.structure import Spot

_PLAIN: tuple[Ground, ...] = ("own", "flip", "tint")
_ALL: tuple[Ground, ...] = get_args(Ground)


def stands_out(before: Ground, after: Ground) -> bool:
    """Whether a cut between these grounds is seen even where one look goes on: both coloured ones are too alike."""
    return before != after and {before, after} != {"tint", "blaze"}


def choose_grounds(spots: Sequence[Spot], looks: Sequence[LookEntry], seed: int) -> list[Ground]:
    """A ground for each scene: neighbours always stand out from each other.

    The looks of a group stand on its two grounds by seed, each on them in turn, and the other way round when the
    group returns; only the finale stands on the blaze. Of all ways to do so, the one with the fewest exceptions.
    """
    pairs = _pairs([spot.group for spot in spots], seed)
    shown: Counter[tuple[int, int, str]] = Counter()
    opening: dict[int, LookEntry] = {}
    for spot, look in zip(spots, looks, strict=True):
        opening.setdefault(spot.group, look)
    costs: dict[Ground, float] = {}
    ways: list[dict[Ground, Ground]] = []
    for spot, look in zip(spots, looks, strict=True):
        leads = look is opening[spot.group]
        seen = (spot.group, spot.visit, look.name)
        wish = pairs[spot.group][(shown[seen] + spot.visit + (not leads)) % 2]
        shown[seen] += 1
        own = {ground: _cost(ground, wish, spot, look, leads=leads) for ground in _ALL}
        if not costs:
            costs = own
            continue
        best = {
            ground: min((before for before in _ALL if stands_out(before, ground)), key=lambda one: costs[one])
            for ground in _ALL
        }
        ways.append(best)
        costs = {ground: own[ground] + costs[best[ground]] for ground in _ALL}
    ground = min(_ALL, key=lambda one: costs[one])
    chosen = [ground]
    for way in reversed(ways):
        chosen.append(way[chosen[-1]])
    return chosen[::-1]


def _cost(ground: Ground, wish: Ground, spot: Spot, look: LookEntry, *, leads: bool) -> float:
    if ground == "blaze":
        return 0.0 if spot.finale and spot.place % 2 == 0 else 9.0
    cost = 0.0 if ground == wish else 1.0 if leads else 0.3
    if spot.finale and spot.place % 2 == 0:
        cost += 3.0
    if look.texture == "soft" or look.family == "land":
        cost += 0.8 * (ground == "tint")  # a strong ink shaded is brown
    if look.texture == "letters":
        cost -= 0.7 * (ground == "tint")
    return cost


def _pairs(groups: Sequence[int], seed: int) -> dict[int, tuple[Ground, Ground]]:
    order = sorted(_PLAIN, key=lambda name: derived(seed, "grounds", name))
    return {group: (order[index % 3], order[(index + 1) % 3]) for index, group in enumerate(dict.fromkeys(groups))}
