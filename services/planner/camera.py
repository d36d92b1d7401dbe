"""How the camera moves in each scene. Pure."""

from __future__ import annotations

from services.planner.seeds import derived

_MOVES: dict[str, tuple[str, ...]] = {
    "intro": ("push", "tilt_up", "pan_right"),
    "verse": ("pan_left", "pan_right", "push", "handheld"),
    "chorus": ("push", "pull", "orbit", "handheld"),
    "bridge": ("orbit", "tilt_up", "tilt_down", "pull"),
    "outro": ("pull", "tilt_up", "pan_left"),
    "part": ("push", "pan_left", "pull", "pan_right"),
}


def camera_moves(kinds: list[tuple[str, int]], seed: int) -> list[str]:
    """A move for each scene, given its (label, group): a group begins with the same move, neighbours differ."""
    moves: list[str] = []
    place = 0
    for i, (label, group) in enumerate(kinds):
        place = place + 1 if i and kinds[i - 1] == kinds[i] else 0
        family = _MOVES.get(label, _MOVES["part"])
        start = derived(seed, "camera", label, group)
        move = family[(start + place) % len(family)]
        if moves and move == moves[-1]:
            place += 1
            move = family[(start + place) % len(family)]
        moves.append(move)
    return moves
