"""What holds for every storyboard, whatever was done to it. Pure."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Scene, Storyboard, Transition
from libs.media.frames import parse_fps

SHORTEST_S = Fraction(1)
"""No edit makes a scene shorter."""
LONGEST_S = Fraction(30)
"""No edit makes a scene longer: its clip is one piece of work."""
MOST_SCENES = 900
"""As many as the longest song has seconds."""


def length_of(scene: Scene) -> int:
    """The scene's frames, without handles."""
    return scene.end_frame - scene.start_frame


def shortest(board: Storyboard) -> int:
    """Frames of the shortest scene that an edit may leave."""
    return math.ceil(SHORTEST_S * parse_fps(board.fps))


def longest(board: Storyboard) -> int:
    """Frames of the longest scene that an edit may make."""
    return math.floor(LONGEST_S * parse_fps(board.fps))


def place_of(board: Storyboard, scene_id: str) -> int:
    """Which scene it is, from 0. Raises Permanent("scene_not_found")."""
    for place, scene in enumerate(board.scenes):
        if scene.id == scene_id:
            return place
    raise Permanent("scene_not_found")


def refuse_locked(board: Storyboard, *scenes: Scene) -> None:
    """Raises Permanent("scene_locked") when one of these scenes is locked."""
    for scene in scenes:
        if scene.id in (board.locked or ()):
            raise Permanent("scene_locked", f"Scene {scene.id} is locked.")


def most_overlap(before: Scene, after: Scene) -> int:
    """Frames of the longest crossfade between two scenes: even, at most a third of the shorter one."""
    return 2 * (min(length_of(before), length_of(after)) // 6)


def number_of(scene_id: str) -> int:
    """The number in a scene's id; 0 for an id of another kind."""
    digits = scene_id.removeprefix("s")
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def highest_number(board: Storyboard) -> int:
    """The highest number that a scene's id has ever had."""
    return max(board.last_scene or 0, *(number_of(scene.id) for scene in board.scenes))


def rebuilt(board: Storyboard, scenes: list[Scene]) -> Storyboard:
    """The storyboard with these scenes, each transition as long as it still can be.

    Raises Permanent: scene_locked when a locked scene would not stay exactly as it is; bad_edit when anything else
    that must hold doesn't.
    """
    fitted = scenes[:1]
    for before, scene in pairwise(scenes):
        fitted.append(msgspec.structs.replace(scene, transition=_fitted(scene.transition, before, scene)))
    refuse_locked(board, *(scene for scene in board.scenes if scene not in fitted))
    made = msgspec.structs.replace(board, scenes=tuple(fitted))
    made = msgspec.structs.replace(made, last_scene=max(highest_number(board), highest_number(made)))
    check(made)
    return made


def _fitted(transition: Transition, before: Scene, after: Scene) -> Transition:
    if transition.kind == "cut":
        return transition
    frames = min(transition.frames, most_overlap(before, after))
    return msgspec.structs.replace(transition, frames=frames) if frames else Transition()


def check(board: Storyboard) -> None:
    """Raises Permanent("bad_edit") unless scenes touch, in order, and add up to the storyboard's frames; ids are
    each used once; and transitions are even and never touch one another."""
    scenes = board.scenes
    ids = {scene.id for scene in scenes}
    touching = all(before.end_frame == after.start_frame for before, after in pairwise(scenes))
    whole = bool(scenes) and scenes[0].start_frame == 0 and scenes[-1].end_frame == board.frames
    if not (whole and touching and all(length_of(scene) > 0 for scene in scenes)):
        raise Permanent("bad_edit", "The scenes would not add up to the song.")
    if len(ids) != len(scenes) or len(scenes) > MOST_SCENES:
        raise Permanent("bad_edit", "Scenes would share an id, or be too many.")
    if not ids.issuperset(board.locked or ()):
        raise Permanent("bad_edit", "A scene that is locked would be gone.")
    halves = [scene.transition.frames // 2 for scene in scenes] + [0]
    even = all(
        scene.transition.frames % 2 == 0 and (scene.transition.frames > 0) == (scene.transition.kind == "crossfade")
        for scene in scenes
    )
    if (
        halves[0]
        or not even
        or any(a + b > length_of(s) for s, (a, b) in zip(scenes, pairwise(halves), strict=True))
    ):
        raise Permanent("bad_edit", "The transitions would not fit their scenes.")
