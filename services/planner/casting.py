"""Which looks play in a song: cast by seed from the catalogue, for the slots that they suit. Pure.

The cast is the one with the best sum of how well each look suits its slot and how well neighbours differ, so that
a new look needs no word here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from libs.contracts.looks import LookEntry
from services.planner.seeds import unit
from services.planner.slots import FRAME, Slot
from services.planner.structure import Role, Spot

LOUD_DEVICE = 0.6
"""Looks that need so much energy are kept for the loudest part."""
NEVER = 20.0
"""A cost that nothing makes up for."""
_SPREAD = 1.7
"""How far the seed bends the choice, in the unit of marks."""
_SAME, _ALIKE, _TWICE, _REFILTERED = NEVER, 6.0, 2.0, 0.8
"""Costs: the same look next to itself; looks that differ in nothing; a look in two slots; one picture under two
treatments of a family side by side."""
_SWEEPS = 4
_TARGETS: dict[Role, tuple[float, float]] = {
    "home": (0.20, 0.45),
    "hook": (0.60, 0.40),
    "break": (0.15, 0.50),
    "frame": (0.05, 0.45),
}
"""The energy that a role's looks should suit: a + b * energy of its scenes."""
_LABELS: dict[Role, tuple[str, ...]] = {
    "home": ("verse", "pre-chorus"),
    "hook": ("chorus", "hook", "drop"),
    "break": ("bridge", "instrumental"),
    "frame": ("intro", "outro"),
}


@dataclass(frozen=True)
class Means:
    """What there is to work with."""

    picture: bool = False
    short_side: int = 0
    """Pixels of the picture's shorter side."""
    detail: float = 1.0
    """The picture's fine structure."""
    subject: bool = False
    text: bool = False
    """There is a hook to write large."""
    title: bool = False
    words: bool = False
    steady: bool = True
    """The song's beat holds."""
    over: float = 0.0
    """What it is worth, in marks, that lyrics can be set over a look."""


def possible(entry: LookEntry, means: Means) -> bool:
    """Whether the look can be drawn here as it is meant."""
    text = means.title if entry.titles else means.text
    here = {"picture": means.picture, "subject": means.subject, "text": text, "words": means.words}
    rich = entry.least_pixels <= means.short_side and entry.least_detail <= means.detail
    return (
        all(here[need] for need in entry.needs)
        and (rich or not shows_picture(entry))
        and (means.steady or entry.movement != "beat")
    )


def shows_picture(entry: LookEntry) -> bool:
    """Whether the theme picture is seen in it."""
    return "picture" in entry.needs or "subject" in entry.needs


def is_type(entry: LookEntry) -> bool:
    """Whether the song's words are what it is about; a title is not."""
    return not entry.titles and (entry.family == "type" or "text" in entry.needs)


@cache
def differences(one: LookEntry, other: LookEntry) -> int:
    """In how many ways the looks differ: flat or soft; type, cutout, picture or drawn; still or moving."""
    return sum(a != b for a, b in zip(_traits(one), _traits(other), strict=True))


def _traits(entry: LookEntry) -> tuple[bool, str, bool]:
    if is_type(entry) or "text" in entry.needs:
        kind = "type"
    elif "subject" in entry.needs:
        kind = "cutout"
    else:
        kind = "picture" if "picture" in entry.needs else "drawn"
    return entry.texture in ("soft", "photo"), kind, entry.movement == "beat"


def cast(
    spots: Sequence[Spot], slots: Sequence[Slot], entries: Sequence[LookEntry], means: Means, seed: int
) -> dict[Slot, LookEntry]:
    """A look for each slot.

    spots, slots: of each scene. entries: looks that are `possible`, at least one. The same arguments give the
    same cast, another seed most often another one.
    """
    scenes: dict[Slot, list[Spot]] = defaultdict(list)
    for slot, spot in zip(slots, spots, strict=True):
        scenes[slot].append(spot)
    loudest = max(_mean_energy(own) for own in scenes.values())
    worth = {
        slot: [
            _worth(entry, slot, own, means, loudest)
            + _SPREAD * unit(seed, "cast", slot.role, slot.duty, slot.group, slot.chapter, entry.name)
            for entry in entries
        ]
        for slot, own in scenes.items()
    }
    beside: dict[Slot, set[Slot]] = defaultdict(set)
    for left, right in pairwise(slots):
        beside[left].add(right)
        beside[right].add(left)
    found: dict[Slot, LookEntry] = {}
    for _ in range(_SWEEPS):
        before = dict(found)
        for slot in sorted(scenes, key=lambda slot: slot.duty != "ground"):
            others = [(look, other in beside[slot]) for other, look in found.items() if other != slot]
            values = [value - _clash(entry, others) for entry, value in zip(entries, worth[slot], strict=True)]
            found[slot] = entries[values.index(max(values))]
        if found == before:
            break
    return found


def _clash(entry: LookEntry, others: Sequence[tuple[LookEntry, bool]]) -> float:
    """The cost of a look beside those of the other slots; each with whether it is a neighbour."""
    cost = 0.0
    for look, near in others:
        if look is entry:
            cost += _SAME if near else _TWICE
        elif near:
            cost += _ALIKE if differences(entry, look) == 0 else 0.0
            cost += _REFILTERED if shows_picture(entry) and look.family == entry.family else 0.0
    return cost


def _worth(entry: LookEntry, slot: Slot, scenes: Sequence[Spot], means: Means, loudest: float) -> float:
    """How well a look suits a slot and all the scenes that it has."""
    energy = _mean_energy(scenes)
    base, slope = _TARGETS[slot.role]
    target = base + slope * energy
    low, high = entry.energy
    value = 1.2 * (entry.mark - 4.0) - 3.0 * max(low - target, target - high, 0.0)
    if entry.sections:
        fits = {*_LABELS[slot.role], *(spot.label for spot in scenes)} & set(entry.sections)
        value += 0.8 if fits else -0.6
    if entry.most_seconds and max(spot.seconds for spot in scenes) > entry.most_seconds:
        value -= NEVER
    if "words" in entry.needs and min(spot.sung for spot in scenes) < 2:
        value -= NEVER
    if slot.duty == "type":
        return value + (10.0 if is_type(entry) else 0.0)
    if is_type(entry):
        value -= 6.0
    if entry.titles and slot != FRAME:
        value -= 6.0 if "text" in entry.needs else 1.0
    if slot.duty == "ground":
        calm = 1.0 * (entry.movement != "beat") + (4.0 if means.words else 0.4) * entry.carries_type
        return value + calm - 5.0 * shows_picture(entry)
    if slot.duty == "relief":
        return value - 5.0 * shows_picture(entry)
    return value + _leading(entry, slot, scenes, means, loudest)


def _leading(entry: LookEntry, slot: Slot, scenes: Sequence[Spot], means: Means, loudest: float) -> float:
    """What else counts for a look that leads its part."""
    low = entry.energy[0]
    value = 3.5 * entry.titles if slot == FRAME and means.title else 0.0
    if means.picture:
        value += 3.0 * shows_picture(entry) + 0.5 * ("subject" in entry.needs)
    if slot.duty == "peak":
        return value + 3.0 * low
    if low >= LOUD_DEVICE and not (slot.role == "hook" and _mean_energy(scenes) >= loudest - 0.05):
        value -= 3.0
    if any(spot.sung for spot in scenes):
        value += means.over * (0.5 if slot.role == "hook" else 1.0) * entry.carries_type
    return value


def _mean_energy(scenes: Sequence[Spot]) -> float:
    return sum(spot.energy for spot in scenes) / len(scenes)
