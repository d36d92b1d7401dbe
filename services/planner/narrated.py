"""Direction of a narrated video by rules: from what is told and asked for to a storyboard and its shots. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from libs.contracts.analysis import Analysis, Notice
from libs.contracts.characters import Character
from libs.contracts.jobs import JobOptions
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Scene, Shot, Storyboard
from libs.media.frames import fps_text, frame_size, parse_fps
from libs.picture.facts import PictureFacts
from libs.storyboard.people import directed
from services.planner.parts import parts_of
from services.planner.pauses import Meeting, meetings
from services.planner.plan import NO_GPU, Gpu
from services.planner.seen import with_cast, with_places
from services.planner.setting import setting_of
from services.planner.told import told_scenes

VERSION = "1"
"""Raised whenever the same narration would be directed otherwise."""


class Direction(NamedTuple):
    """What a narrated video becomes."""

    storyboard: Storyboard
    shots: tuple[Shot, ...]
    notices: tuple[Notice, ...] = ()


def direct(
    narration: Narration,
    options: JobOptions,
    seed: int,
    picture: PictureFacts | None = None,
    gpu: Gpu = NO_GPU,
    *,
    prompts: Sequence[str] = (),
    characters: Sequence[Character] = (),
    bed: Analysis | None = None,
) -> Direction:
    """The storyboard of the whole narration and what to ask the generator for.

    The scenes add up to the narration's frames exactly. Their length is the voice's, and nobody performs: the
    options that say otherwise are of songs. prompts: what the scenes show, in order; those that are missing are
    made of what is told. bed: the music under the voice. The rest is as for `plan`.
    Raises `Permanent("bad_options")` for a frame rate or an aspect that can't be used.
    """
    fps = parse_fps(narration.fps)
    width, height = frame_size(options.aspect, options.height)
    parts = parts_of(narration)
    met = meetings(parts, narration.lead_frames, narration.frames, fps, bed)
    setting = setting_of(options, seed, picture, bed)
    scenes = with_cast(told_scenes(parts, met, prompts, setting), parts, characters, seed)
    board = Storyboard(
        fps=fps_text(fps), frames=narration.frames, width=width, height=height, seed=seed, scenes=scenes
    )
    if gpu.stills:
        board = with_places(board, parts, characters, gpu.stills, setting)
    shots = tuple(directed(shot, characters) for shot in _shots(board.scenes, met))
    return Direction(board, shots, _notices(len(prompts), len(parts)))


def _shots(scenes: Sequence[Scene], met: Sequence[Meeting]) -> list[Shot]:
    """A shot for each scene: it reaches over all of both meetings."""
    return [
        Shot(scene=scene, lead=begin.cut - begin.first, frames=end.last - begin.first)
        for scene, (begin, end) in zip(scenes, pairwise(met), strict=True)
    ]


def _notices(prompts: int, scenes: int) -> tuple[Notice, ...]:
    if prompts <= scenes:
        return ()
    message = (
        f"{prompts} prompts were sent, and the video has {scenes} scenes: the last {prompts - scenes} are unused."
    )
    return (Notice(code="prompts_unused", message=message),)
