"""Scenes, shots and storyboards in few letters."""

from __future__ import annotations

from collections.abc import Sequence

from libs.contracts.storyboard import Camera, Palette, Scene, Shot, Storyboard, Transition

PALETTE = Palette(ground="#101010", low="#202020", mid="#808080", accent="#ff0000", light="#ffffff")


def scene(number: int, start: int, end: int, overlap: int = 0) -> Scene:
    """Frames start..end (exclusive), begun by a crossfade of `overlap` frames, or by a cut."""
    return Scene(
        id=f"s{number:03d}",
        start_frame=start,
        end_frame=end,
        section="verse",
        group=0,
        energy=0.5,
        camera=Camera(move="push", amount=0.5),
        motion=0.5,
        look="auto",
        palette=PALETTE,
        prompt="",
        negative_prompt="",
        seed=number,
        transition=Transition(kind="crossfade", frames=overlap) if overlap else Transition(),
    )


def shot(number: int, frames: int = 30) -> Shot:
    """The shot of scene `number` (from 1) where all are of the same length, without handles."""
    return Shot(lead=0, frames=frames, scene=scene(number, frames * (number - 1), frames * number))


def storyboard(
    lengths: Sequence[int], overlaps: Sequence[int], *, fps: str = "30", width: int = 320, height: int = 180
) -> Storyboard:
    """Scenes of these lengths, numbered from 0; `overlaps[i]` is the crossfade with which scene i begins."""
    scenes, at = [], 0
    for number, (length, overlap) in enumerate(zip(lengths, overlaps, strict=True)):
        scenes.append(scene(number, at, at + length, overlap))
        at += length
    return Storyboard(fps=fps, frames=at, width=width, height=height, seed=1, scenes=tuple(scenes))
