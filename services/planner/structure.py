"""Where each scene stands in the song: its part, how often that has come, and what it is to the whole. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Role = Literal["home", "hook", "break", "frame"]
"""What a part is to the song: where it lives, what it is for, what is otherwise, and how it begins and ends."""

_ROLES: dict[str, Role] = {
    "verse": "home",
    "chorus": "hook",
    "bridge": "break",
    "intro": "frame",
    "outro": "frame",
}


@dataclass(frozen=True)
class Spot:
    """A scene as the direction sees it."""

    label: str
    """Of its section."""
    group: int
    energy: float
    seconds: float
    sung: int = 0
    """Words in it whose times are known."""
    role: Role = "home"
    place: int = 0
    """Which scene of its run it is: a run is all that the song spends in one group without leaving it."""
    left: int = 0
    """Scenes of the run that follow."""
    visit: int = 0
    """Which run of its group it is in."""
    finale: bool = False


def placed(spots: Sequence[Spot]) -> list[Spot]:
    """The same spots with role, place, left, visit and finale, which follow from labels, groups and energies."""
    groups = [spot.group for spot in spots]
    energies = [spot.energy for spot in spots]
    roles = roles_of(spots)
    finale = last_return([roles[group] for group in groups], groups, energies)
    known: Counter[int] = Counter()
    found: list[Spot] = []
    for start, end in runs_of(groups):
        group = groups[start]
        for i in range(start, end):
            spot = spots[i]
            found.append(
                Spot(
                    label=spot.label,
                    group=group,
                    energy=spot.energy,
                    seconds=spot.seconds,
                    sung=spot.sung,
                    role=roles[group],
                    place=i - start,
                    left=end - 1 - i,
                    visit=known[group],
                    finale=finale[0] <= i < finale[1],
                )
            )
        known[group] += 1
    return found


def runs_of(groups: Sequence[int]) -> list[tuple[int, int]]:
    """The scenes (from, to) of each run: neighbours of one group."""
    starts = [0, *(i for i, (left, right) in enumerate(pairwise(groups), 1) if left != right)]
    return list(pairwise([*starts, len(groups)])) if groups else []


def roles_of(spots: Sequence[Spot]) -> dict[int, Role]:
    """The role of each group: by its usual label, or where that says nothing, by loudness and length."""
    order = list(dict.fromkeys(spot.group for spot in spots))
    labels = {group: Counter(spot.label for spot in spots if spot.group == group) for group in order}
    usual = {group: labels[group].most_common(1)[0][0] for group in order}
    roles = {group: _ROLES[usual[group]] for group in order if usual[group] in _ROLES}
    unknown = [group for group in order if group not in roles]
    if unknown and "hook" not in roles.values() and len(order) > 1:
        loudest = max(unknown, key=lambda group: _mean(spots, group))
        roles[loudest] = "hook"
    for group in unknown:
        roles.setdefault(group, "break" if "home" in roles.values() else "home")
    return roles


def last_return(roles: Sequence[Role], groups: Sequence[int], energies: Sequence[float]) -> tuple[int, int]:
    """The scenes (from, to) of the last run of the loudest part, of the hooks if there are any.

    (0, 0) where that part comes only once.
    """
    order = list(dict.fromkeys(groups))
    role_of = {group: roles[groups.index(group)] for group in order}

    def rank(group: int) -> tuple[bool, float]:
        own = [energy for other, energy in zip(groups, energies, strict=True) if other == group]
        return role_of[group] == "hook", sum(own) / len(own)

    loudest = max((group for group in order if role_of[group] != "frame"), key=rank, default=None)
    runs = [run for run in runs_of(groups) if groups[run[0]] == loudest]
    return runs[-1] if len(runs) > 1 else (0, 0)


def _mean(spots: Sequence[Spot], group: int) -> float:
    own = [spot.energy for spot in spots if spot.group == group]
    return sum(own) / len(own)
