"""Which look and which ground each scene gets, so that a song reads as one video and its cuts are seen. Pure.

The parts of a song (groups) have their own looks, wherever they return; the job's seed says which. Inside a
part the ground changes from scene to scene, and a guest look breaks long runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from services.planner.palette import Ground
from services.planner.seeds import derived

T = TypeVar("T")

CALM = ("hills", "silk", "blobs")
LIVELY = ("tiles", "rings", "tunnel", "blobs")
CALM_PICTURED = ("print", "duotone", "engraving")
LIVELY_PICTURED = ("halftone", "matte", "duotone")
"""Looks that the renderer knows by name. Whoever sends a picture wants to see it: it has most of the scenes."""
CHAPTER = 4
"""Scenes on end that a part keeps its main look."""
GUEST_AT = 2
"""The scene of a chapter that goes to the guest."""
_GROUNDS: tuple[Ground, ...] = ("own", "flip", "tint")


@dataclass(frozen=True)
class Cast:
    """The looks of one group of sections, for its chapters in turn, and its two grounds."""

    mains: tuple[str, ...]
    guests: tuple[str, ...]
    grounds: tuple[Ground, Ground]

    def look(self, place: int) -> str:
        """The look of a run's scene number `place`, from 0."""
        chapter, within = divmod(place, CHAPTER)
        names = self.guests if within == GUEST_AT else self.mains
        return names[chapter % len(names)]

    def ground(self, place: int) -> Ground:
        """The ground of a run's scene number `place`: neighbours differ."""
        return self.grounds[place % 2]


def choose_looks(
    groups: Sequence[int], energies: Sequence[float], seed: int, *, pictured: bool, steady: bool
) -> list[tuple[str, Ground]]:
    """Look and ground of each scene, given its group and energy.

    pictured: there is a theme picture. steady: the song's beat holds; else no look that lives on it comes first.
    Runs of one group are told the same way each time: its first scene has the same look and ground, and so
    on, but for a ground that would be the neighbour's. The last return of the loudest group that returns
    stands on a ground that nothing else has.
    """
    casts = cast_of(groups, energies, seed, pictured=pictured, steady=steady)
    finale = last_return(groups, energies)
    chosen: list[tuple[str, Ground]] = []
    place = 0
    for i, group in enumerate(groups):
        place = place + 1 if i and groups[i - 1] == group else 0
        ground = casts[group].ground(place)
        if finale[0] <= i < finale[1] and place % 2 == 0:
            ground = "blaze"
        if chosen and not stands_out(chosen[-1][1], ground):
            beside = casts[group].ground(place + 1)
            fitting = [other for other in _GROUNDS if stands_out(chosen[-1][1], other)]
            ground = next((other for other in fitting if other != beside), fitting[0])
        chosen.append((casts[group].look(place), ground))
    return chosen


def stands_out(before: Ground, after: Ground) -> bool:
    """Whether a cut between these grounds is seen even where one look goes on: both coloured ones are too alike."""
    return before != after and {before, after} != {"tint", "blaze"}


def cast_of(
    groups: Sequence[int], energies: Sequence[float], seed: int, *, pictured: bool, steady: bool
) -> dict[int, Cast]:
    """The cast of each group. The louder half of them gets lively looks first, the others calm ones.

    Groups have different main looks while there are enough.
    """
    order = list(dict.fromkeys(groups))
    calm, lively = _shuffled(CALM, seed, "calm"), _shuffled(LIVELY, seed, "lively")
    drawn = list(dict.fromkeys(lively + calm if steady else calm + lively))
    if pictured:
        calm, lively = _shuffled(CALM_PICTURED, seed, "calm"), _shuffled(LIVELY_PICTURED, seed, "lively")
    grounds = _shuffled(_GROUNDS, seed, "grounds")
    louds = sorted((_mean(groups, energies, group) for group in order), reverse=True)
    middle = louds[(len(louds) - 1) // 2]
    taken: list[str] = []
    homes: dict[int, str] = {}
    for group in order:
        loud = steady and _mean(groups, energies, group) >= middle
        wishes = lively + calm if loud else calm + lively
        homes[group] = next((name for name in wishes if name not in taken), wishes[len(taken) % len(wishes)])
        taken.append(homes[group])
    everything = list(dict.fromkeys(lively + calm if steady else calm + lively))
    casts: dict[int, Cast] = {}
    for index, group in enumerate(order):
        home = homes[group]
        rest = [name for name in everything if name not in taken] + [name for name in taken if name != home]
        rest = rest[index % len(rest) :] + rest[: index % len(rest)]
        mains = (home, *rest) if len(order) == 1 else (home, *rest[:2])
        guests = tuple(drawn[index:] + drawn[:index]) if pictured else (*mains[1:], mains[0])
        pair = (grounds[index % 3], grounds[(index + 1) % 3])
        casts[group] = Cast(mains=mains, guests=guests, grounds=pair)
    return casts


def last_return(groups: Sequence[int], energies: Sequence[float]) -> tuple[int, int]:
    """The scenes (from, to) of the last run of the loudest group that has several runs; (0, 0) without one."""
    starts = [0, *(i for i, (left, right) in enumerate(pairwise(groups), 1) if left != right)]
    runs = list(pairwise([*starts, len(groups)]))
    best, found = 0.0, (0, 0)
    for group in dict.fromkeys(groups):
        own = [run for run in runs if groups[run[0]] == group]
        mean = _mean(groups, energies, group)
        if len(own) > 1 and mean > best:
            best, found = mean, own[-1]
    return found


def _mean(groups: Sequence[int], energies: Sequence[float], group: int) -> float:
    own = [energy for other, energy in zip(groups, energies, strict=True) if other == group]
    return sum(own) / len(own)


def _shuffled(names: Sequence[T], seed: int, what: str) -> list[T]:
    return sorted(names, key=lambda name: derived(seed, "looks", what, name))
