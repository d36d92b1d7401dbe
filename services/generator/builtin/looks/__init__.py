"""The looks by name, and which one draws a shot."""

from __future__ import annotations

from collections.abc import Callable

from libs.contracts.storyboard import Scene
from services.generator.builtin.looks.blobs import Blobs
from services.generator.builtin.looks.duotone import Duotone
from services.generator.builtin.looks.halftone import Halftone
from services.generator.builtin.looks.hills import Hills
from services.generator.builtin.looks.matte import Matte
from services.generator.builtin.looks.rings import Rings
from services.generator.builtin.looks.silk import Silk
from services.generator.builtin.looks.stage import Look, Stage
from services.generator.builtin.looks.tunnel import Tunnel
from services.generator.builtin.picture import Picture

DRAWN: dict[str, Callable[[Stage], Look]] = {
    "silk": Silk,
    "blobs": Blobs,
    "hills": Hills,
    "rings": Rings,
    "tunnel": Tunnel,
}
"""Looks that need nothing but a palette."""

PICTURED: dict[str, Callable[[Stage, Picture], Look]] = {
    "duotone": Duotone,
    "halftone": Halftone,
    "matte": Matte,
}
"""Looks of the theme picture."""

AUTO_DRAWN = ("hills", "blobs", "silk", "rings", "tunnel")
AUTO_PICTURED = ("duotone", "halftone", "matte")
"""The looks that take turns over the groups of a song. Whoever sends a picture wants to see it."""


def choose(scene: Scene, *, turn: int, pictured: bool) -> str:
    """The name of the look for a scene.

    One that is named and can be drawn is taken. Else the groups of the song take turns: scenes of one
    group share a look, and groups beside each other have different ones. `turn` is the same for all
    scenes of a video and moves the start.
    """
    if scene.look in DRAWN or (pictured and scene.look in PICTURED):
        return scene.look
    names = AUTO_PICTURED if pictured else AUTO_DRAWN
    return names[(scene.group + turn) % len(names)]


def make(name: str, stage: Stage) -> Look:
    """The look, ready to draw. Raises KeyError for an unknown name or a missing picture."""
    if name in DRAWN:
        return DRAWN[name](stage)
    if stage.picture is None:
        raise KeyError(name)
    return PICTURED[name](stage, stage.picture)
