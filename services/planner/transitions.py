"""How scenes meet: hard cuts, and a few crossfades where the song breathes. Pure."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from libs.contracts.storyboard import Transition

_LONGEST, _SHORTEST = 0.8, 0.4
"""Seconds of a crossfade where it is calm, and where it is loud."""
_CALM = 0.55

CUT = Transition()


def choose_transitions(
    cuts: list[int],
    energies: list[float],
    sections: list[str],
    new_section: list[bool],
    fps: Fraction,
    *,
    clip_s: float = 0.0,
) -> list[Transition]:
    """How each scene begins, the first with a cut. At most one transition in three is a crossfade.

    cuts: frames as `find_cuts` gives them. energies, sections: of each scene; new_section: whether the
    scene opens a section. A crossfade stands at a section's bound or in a calm part, never into a chorus. clip_s:
    seconds of a clip that is made in one piece, which no crossfade makes longer; 0: of any length.
    """
    count = len(cuts) - 1
    ranked: list[tuple[float, int]] = []
    for i in range(1, count):
        energy = (energies[i - 1] + energies[i]) / 2
        calm = energy < _CALM
        if sections[i] == "chorus" and new_section[i]:
            continue
        if (new_section[i] and energies[i] < 0.85) or calm:
            ranked.append((energy - 0.5 * new_section[i], i))
    chosen = [CUT] * count
    room = [_room(after - before, clip_s, fps) for before, after in pairwise(cuts)]
    left = (count - 1) // 3
    for _, i in sorted(ranked):
        if left == 0:
            break
        frames = crossfade_frames((energies[i - 1] + energies[i]) / 2, _shorter(cuts, i), fps)
        if frames and frames // 2 <= min(room[i - 1], room[i]):
            chosen[i] = Transition(kind="crossfade", frames=frames)
            room[i - 1] -= frames // 2
            room[i] -= frames // 2
            left -= 1
    return chosen


def crossfade_frames(energy: float, shorter: int, fps: Fraction) -> int:
    """Even frames of a crossfade, at most a third of the shorter neighbour; 0 where none fits."""
    seconds = _LONGEST - (_LONGEST - _SHORTEST) * min(max(energy, 0.0), 1.0)
    frames = 2 * round(seconds * float(fps) / 2)
    frames = min(frames, 2 * (shorter // 6))
    return frames if frames >= 2 * math.floor(_SHORTEST * float(fps) / 2) and frames >= 2 else 0


def _room(frames: int, clip_s: float, fps: Fraction) -> float:
    """Frames that crossfades may add to a scene's clip: any number where it is made in several pieces anyway."""
    longest = math.floor(clip_s * fps) + 1
    return longest - frames if clip_s and frames <= longest else math.inf


def _shorter(cuts: list[int], i: int) -> int:
    return min(cuts[i] - cuts[i - 1], cuts[i + 1] - cuts[i])
