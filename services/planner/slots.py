"""The slots that a song's scenes fall into: what each part is made of, in which order. Pure.

A song has few slots, so that it reads as one video: what the verses live in, what the choruses are for, what the
bridge turns to, a calm ground for type, type itself, and a frame to begin and end with.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from services.planner.structure import Role, Spot

Duty = Literal["main", "second", "ground", "type", "relief", "peak"]
"""What a slot is for within its part. A relief is drawn, where there are no words to write; the peak is the
finale's own: the loudest device of the song."""


@dataclass(frozen=True)
class Slot:
    """A place in the cast. Slots of group -1 are the whole song's."""

    role: Role
    duty: Duty
    group: int = -1
    chapter: int = 0
    """Long runs change their looks: which of their chapters it is."""


CHAPTER = 8
"""Scenes on end after which a part gets other looks; half as many where the song is one part."""
FRAMED_FROM = 5
"""Scenes from which a song begins and ends with its frame."""
FRAME = Slot("frame", "main")


def slots_of(spots: Sequence[Spot], *, pictured: bool, typed: bool) -> list[Slot]:
    """The slot of each scene; no scene has that of its neighbour.

    pictured: there is a theme picture, which then has most of the scenes. typed: there are words to write large.
    """
    slots: list[Slot] = []
    several = len({spot.group for spot in spots}) > 1
    late = _late_types(spots)
    last = len(spots) - 1
    for index, spot in enumerate(spots):
        edge = len(spots) >= FRAMED_FROM and index in (0, last)
        slot = FRAME if edge else _slot(spot, _pattern(spot, late, pictured=pictured, typed=typed), several=several)
        beside = {slots[-1]} if slots else set()
        if len(spots) >= FRAMED_FROM and index == last - 1:
            beside.add(FRAME)
        if slot in beside and not edge:
            own = (Slot(spot.role, "main", spot.group), Slot(spot.role, "second", spot.group))
            slot = next(other for other in own if other not in beside)
        slots.append(slot)
    return slots


def _slot(spot: Spot, duties: tuple[Duty, ...], *, several: bool) -> Slot:
    # An outro is counted from its end, so that the frame closes it.
    step = spot.left if spot.label == "outro" else spot.place
    duty = duties[step % len(duties)]
    if spot.finale and duty == "second":
        return Slot("hook", "peak")
    if duty == "ground" or (spot.role == "frame" and duty == "main"):
        return Slot(spot.role if duty == "main" else "home", duty)
    length = CHAPTER if several else CHAPTER // 2
    return Slot(spot.role, duty, spot.group, step // length)


def _pattern(spot: Spot, late: Collection[int], *, pictured: bool, typed: bool) -> tuple[Duty, ...]:
    """What comes after what in a part, again and again."""
    match spot.role:
        case "home":
            return ("main", "second", "ground") if pictured else ("main", "ground", "main", "second")
        case "hook" if typed:
            return ("main", "second", "type") if spot.group in late else ("main", "type", "second")
        case "hook":
            return ("main", "second", "relief")
        case _:
            return ("main", "ground")


def _late_types(spots: Sequence[Spot]) -> set[int]:
    """Groups whose type comes third instead of second, where the scenes are shorter: type is quickly read."""
    lengths: dict[tuple[int, int], list[float]] = defaultdict(list)
    for spot in spots:
        lengths[spot.group, spot.place % 3].append(spot.seconds)
    return {
        group for group, step in lengths if step == 2 and fmean(lengths[group, 2]) < fmean(lengths[group, 1]) - 0.1
    }
