"""Edits of what one scene shows. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from libs.contracts.errors import Permanent
from libs.contracts.jobs import MAX_PROMPT_CHARS
from libs.contracts.looks import looks_by_name
from libs.contracts.storyboard import Camera, SceneLyrics, Storyboard, Transition
from libs.storyboard.rules import most_overlap, place_of, rebuilt, refuse_locked

CameraMove = Literal["push", "pull", "pan_left", "pan_right", "tilt_up", "tilt_down", "orbit", "handheld"]
MOST_CHARACTERS = 8
_CONTROL = frozenset(map(chr, (*range(32), 127, 0x2028, 0x2029))) - {"\n", "\t", "\r"}


class CameraEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A camera's move; what is left out stays."""

    move: CameraMove | UnsetType = UNSET
    amount: Annotated[float, msgspec.Meta(ge=0, le=1)] | UnsetType = UNSET


class TransitionEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the scene begins."""

    kind: Literal["cut", "crossfade"]
    frames: Annotated[int, msgspec.Meta(ge=0, le=240)] = 0
    """Of a crossfade: even, at most a third of the shorter of both scenes."""


class SceneEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What changes of a scene; what is left out stays. On the wire names are in camel case."""

    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)] | UnsetType = UNSET
    negative_prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)] | UnsetType = UNSET
    look: Annotated[str, msgspec.Meta(max_length=40)] | UnsetType = UNSET
    """A look of the catalogue, or `auto`."""
    camera: CameraEdit | UnsetType = UNSET
    lyrics: SceneLyrics | UnsetType = UNSET
    text: Annotated[str, msgspec.Meta(max_length=200)] | UnsetType = UNSET
    """What the look writes large."""
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | UnsetType = UNSET
    characters: (
        Annotated[
            tuple[Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{1,64}$")], ...],
            msgspec.Meta(max_length=MOST_CHARACTERS),
        ]
        | UnsetType
    ) = UNSET
    """Ids of characters of the project."""
    performance: bool | UnsetType = UNSET
    """Whether somebody performs the song in it."""
    transition: TransitionEdit | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    """A locked scene refuses every other edit, in the same request also, unless this one unlocks it."""


def edit_scene(board: Storyboard, scene_id: str, edit: SceneEdit) -> Storyboard:
    """Change one scene. Raises Permanent: scene_not_found; scene_locked; bad_edit for a look that there isn't, a
    transition that doesn't fit, or text with control characters."""
    place = place_of(board, scene_id)
    scene = board.scenes[place]
    values = _values(edit)
    if edit.locked is False:
        board = _with_locks(board, {*(board.locked or ())} - {scene_id})
    if isinstance(edit.camera, CameraEdit):
        move, amount = edit.camera.move or scene.camera.move, edit.camera.amount
        values["camera"] = Camera(move=move, amount=scene.camera.amount if amount is UNSET else amount)
    if isinstance(edit.transition, TransitionEdit):
        values["transition"] = _transition(board, place, edit.transition)
    changed = msgspec.structs.replace(scene, **values)
    board = rebuilt(board, [*board.scenes[:place], changed, *board.scenes[place + 1 :]])
    return _with_locks(board, {*(board.locked or ()), scene_id}) if edit.locked is True else board


def _values(edit: SceneEdit) -> dict[str, Any]:
    """The fields of a scene that the edit names, checked."""
    names = (name for name in edit.__struct_fields__ if name != "locked")
    values = {name: value for name in names if (value := getattr(edit, name)) is not UNSET}
    if any(isinstance(value, str) and _CONTROL & set(value) for value in values.values()):
        raise Permanent("bad_edit", "Text has no control characters.")
    if isinstance(edit.look, str) and edit.look != "auto" and edit.look not in looks_by_name():
        raise Permanent("bad_edit", f"There is no look {edit.look!r}.", hint="docs/looks.md shows them all.")
    if edit.performance is False:
        values["performance"] = UNSET
    if isinstance(edit.characters, tuple):
        values["characters"] = tuple(dict.fromkeys(edit.characters)) or UNSET
    return values


def _transition(board: Storyboard, place: int, wanted: TransitionEdit) -> Transition:
    if wanted.kind == "cut":
        return Transition()
    if place == 0:
        raise Permanent("bad_edit", "The first scene begins with a cut.")
    before, scene = board.scenes[place - 1], board.scenes[place]
    refuse_locked(board, before)
    if wanted.frames % 2 or not 0 < wanted.frames <= most_overlap(before, scene):
        most = most_overlap(before, scene)
        raise Permanent("bad_edit", f"A crossfade here has an even number of frames, 2 to {most}.")
    return Transition(kind="crossfade", frames=wanted.frames)


def _with_locks(board: Storyboard, locked: set[str]) -> Storyboard:
    kept = tuple(scene.id for scene in board.scenes if scene.id in locked)
    return msgspec.structs.replace(board, locked=kept or UNSET)
