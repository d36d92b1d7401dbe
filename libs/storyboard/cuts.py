"""Edits of where scenes begin and end, and of their order. Pure.

Scenes beside an edit follow; all others stay as they are. What a scene shows stays with its id, and the energy that
it was directed for stays too, so that a take goes on fitting as long as it covers its scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from libs.contracts.errors import Permanent
from libs.contracts.storyboard import Scene, Storyboard, Transition
from libs.storyboard.rules import (
    MOST_SCENES,
    highest_number,
    length_of,
    longest,
    place_of,
    rebuilt,
    shortest,
)
from libs.storyboard.snap import Grid, snapped

SLOT = ("start_frame", "end_frame", "section", "group", "energy", "motion", "visit", "finale", "transition")
"""What belongs to a scene's time in the song rather than to what it shows."""


def move_cut(board: Storyboard, scene_id: str, frame: int, grid: Grid | None) -> Storyboard:
    """Begin a scene at another frame; the scene before ends there. grid: what the cut snaps to.

    The cut keeps the shortest scene's length from the cuts beside it. Raises Permanent: scene_not_found,
    scene_locked when either scene is; bad_edit for the first scene, or a frame that neither scene has or would
    leave one too short or too long.
    """
    place = place_of(board, scene_id)
    if place == 0:
        raise Permanent("bad_edit", "The first scene begins with the song.")
    before, after = board.scenes[place - 1], board.scenes[place]
    if not before.start_frame < frame < after.end_frame:
        raise Permanent("bad_edit", "A cut stays between the cuts beside it.")
    low, high = room(board, before.start_frame, after.end_frame)
    at = snapped(frame, low, high, grid)
    return rebuilt(board, with_cut(board.scenes, place, at))


def room(board: Storyboard, start: int, end: int) -> tuple[int, int]:
    """First and last frame that a cut between two others may have."""
    least, most = shortest(board), longest(board)
    return max(start + least, end - most), min(end - least, start + most)


def with_cut(scenes: Sequence[Scene], place: int, frame: int) -> list[Scene]:
    """The scenes once the one at `place` begins at `frame`."""
    before = msgspec.structs.replace(scenes[place - 1], end_frame=frame)
    after = msgspec.structs.replace(scenes[place], start_frame=frame)
    return [*scenes[: place - 1], before, after, *scenes[place + 1 :]]


def split(board: Storyboard, scene_id: str, frame: int | None, grid: Grid | None) -> Storyboard:
    """Cut a scene in two at a frame, or at its middle. The first keeps the id; the second shows the same.

    Raises Permanent: scene_not_found, scene_locked; bad_edit when a part would be too short.
    """
    place = place_of(board, scene_id)
    scene = board.scenes[place]
    wanted = (scene.start_frame + scene.end_frame) // 2 if frame is None else frame
    if not scene.start_frame < wanted < scene.end_frame:
        raise Permanent("bad_edit", "That frame is not within the scene.")
    if len(board.scenes) >= MOST_SCENES:
        raise Permanent("bad_edit", "There are too many scenes.")
    least = shortest(board)
    at = snapped(wanted, scene.start_frame + least, scene.end_frame - least, grid)
    first = msgspec.structs.replace(scene, end_frame=at)
    new_id = f"s{highest_number(board) + 1:03d}"
    second = msgspec.structs.replace(scene, id=new_id, start_frame=at, transition=Transition())
    return rebuilt(board, [*board.scenes[:place], first, second, *board.scenes[place + 1 :]])


def merge(board: Storyboard, scene_id: str) -> Storyboard:
    """Let a scene go on over the next one, whose id is gone for good.

    Raises Permanent: scene_not_found, scene_locked; bad_edit for the last scene, or when it would be too long.
    """
    place = place_of(board, scene_id)
    if place + 1 == len(board.scenes):
        raise Permanent("bad_edit", "No scene follows the last one.")
    scene, following = board.scenes[place], board.scenes[place + 1]
    merged = msgspec.structs.replace(scene, end_frame=following.end_frame)
    if length_of(merged) > longest(board):
        raise Permanent("bad_edit", "The scene would be too long: 30 seconds at most.")
    return rebuilt(board, [*board.scenes[:place], merged, *board.scenes[place + 2 :]])


def reorder(board: Storyboard, order: Sequence[str]) -> Storyboard:
    """Let what scenes show change places. Cuts stay on their beats, and so do transitions.

    order: every scene's id, once, as they shall follow. Ids go along with prompt, look, camera, text, lyrics and
    characters, and so do takes; the time in the song (`SLOT`) stays where it is. Raises Permanent: bad_edit for
    another set of ids; scene_locked when a locked scene would change its place.
    """
    scenes = {scene.id: scene for scene in board.scenes}
    if len(order) != len(scenes) or set(order) != set(scenes):
        raise Permanent("bad_edit", "Name every scene once.")
    moved = [scenes[scene_id] for scene_id in order]
    placed = [
        msgspec.structs.replace(scene, **{name: getattr(slot, name) for name in SLOT})
        for scene, slot in zip(moved, board.scenes, strict=True)
    ]
    return rebuilt(board, placed)


def follow_grid(board: Storyboard, old: Grid, new: Grid) -> Storyboard:
    """Take cuts along that lay on a beat which a correction has moved: each to the nearest beat of the new grid,
    no further than half of the old beat. A cut beside a locked scene stays, and so does one that has no room."""
    known, there = set(old.frames), set(new.frames)
    for place in range(1, len(board.scenes)):
        before, after = board.scenes[place - 1 : place + 1]
        cut = after.start_frame
        if cut not in known or cut in there:
            continue
        half = _half_beat(old, cut)
        low, high = room(board, before.start_frame, after.end_frame)
        near = [beat for beat in new.frames if abs(beat - cut) <= half and low <= beat <= high]
        if near:
            nearest = min(near, key=lambda beat: (abs(beat - cut), beat))
            with suppress(Permanent):
                board = rebuilt(board, with_cut(board.scenes, place, nearest))
    return board


def _half_beat(grid: Grid, frame: int) -> int:
    """Half of the frames from a beat to the nearest one beside it."""
    at = grid.frames.index(frame)
    beside = [abs(beat - frame) for beat in (*grid.frames[max(at - 1, 0) : at], *grid.frames[at + 1 : at + 2])]
    return min(beside, default=0) // 2
