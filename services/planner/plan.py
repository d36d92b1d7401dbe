"""Direction by rules: from what was heard and asked for to a storyboard and its shots. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from libs.contracts.analysis import Analysis
from libs.contracts.characters import Character
from libs.contracts.jobs import JobOptions
from libs.contracts.storyboard import Shot, Storyboard
from libs.media.frames import fps_text, frame_size, parse_fps
from libs.picture.facts import PictureFacts
from libs.storyboard.people import directed, with_people
from libs.storyboard.shots import make_shots
from services.planner.cuts import find_cuts
from services.planner.scenes import make_scenes
from services.planner.stills import with_stills

VERSION = "5"
"""Raised whenever the same analysis would be directed otherwise."""


class Gpu(NamedTuple):
    """What the plan has to mind where GPU servers make the clips."""

    stills: int = 0
    """The most reference stills to ask for; 0: the storyboard says nothing of any."""
    clip_s: float = 0.0
    """Seconds of a clip that is made in one piece; 0: of any length."""


NO_GPU = Gpu()


def plan(
    analysis: Analysis,
    options: JobOptions,
    seed: int,
    picture: PictureFacts | None = None,
    gpu: Gpu = NO_GPU,
    *,
    characters: Sequence[Character] = (),
) -> tuple[Storyboard, tuple[Shot, ...]]:
    """The storyboard of the whole song and what to ask the generator for.

    The scenes add up to the song's frames exactly. The same arguments give the same storyboard.
    picture: what is known of the theme picture, if there is one. characters: the primary one first; the prompts of
    shots speak of them, those of the storyboard don't.
    Raises `Permanent("bad_options")` for a frame rate or an aspect that can't be used.
    """
    fps = parse_fps(options.fps)
    width, height = frame_size(options.aspect, options.height)
    cuts = find_cuts(analysis, fps, gpu.clip_s, options.clip_seconds)
    scenes = make_scenes(analysis, options, seed, cuts, picture, clip_s=gpu.clip_s)
    scenes = with_people(scenes, characters, options.performance_density)
    storyboard = Storyboard(
        fps=fps_text(fps), frames=cuts[-1], width=width, height=height, seed=seed, scenes=scenes
    )
    if gpu.stills:
        storyboard = with_stills(storyboard, options, gpu.stills, characters, has_image=picture is not None)
    return storyboard, tuple(directed(shot, characters) for shot in make_shots(storyboard.scenes))
