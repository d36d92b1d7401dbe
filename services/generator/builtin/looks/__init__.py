"""The looks by name, and which one draws a shot."""

from __future__ import annotations

from collections.abc import Callable

from libs.contracts.storyboard import Scene
from services.generator.builtin.looks.blobs import Blobs
from services.generator.builtin.looks.duotone import Duotone
from services.generator.builtin.looks.engraving import Engraving
from services.generator.builtin.looks.halftone import Halftone
from services.generator.builtin.looks.hills import Hills
from services.generator.builtin.looks.matte import Matte
from services.generator.builtin.looks.print import Print
from services.generator.builtin.looks.rings import Rings
from services.generator.builtin.looks.silk import Silk
from services.generator.builtin.looks.stage import Look, Stage
from services.generator.builtin.looks.tiles import Tiles
from services.generator.builtin.looks.tunnel import Tunnel
from services.generator.builtin.picture import Picture

DRAWN: dict[str, Callable[[Stage], Look]] = {
    "silk": Silk,
    "blobs": Blobs,
    "hills": Hills,
    "rings": Rings,
    "tunnel": Tunnel,
    "tiles": Tiles,
}
"""Looks that need nothing but a palette."""

PICTURED: dict[str, Callable[[Stage, Picture], Look]] = {
    "duotone": Duotone,
    "halftone": Halftone,
    "matte": Matte,
    "engraving": Engraving,
    "print": Print,
}
"""Looks of the theme picture."""

STAND_INS = {"duotone": "silk", "halftone": "tiles", "matte": "blobs", "engraving": "rings", "print": "hills"}
"""What is drawn instead of a picture's look when there is no picture, or none that shows anything."""


def choose(scene: Scene, *, turn: int, pictured: bool) -> str:
    """The name of the look for a scene: the one that the storyboard names.

    A look of a picture that is missing has its stand-in. For `auto` and unknown names the groups of the song
    take turns; `turn` is the same for all scenes of a video and moves the start.
    """
    if scene.look in DRAWN or (pictured and scene.look in PICTURED):
        return scene.look
    if scene.look in STAND_INS:
        return STAND_INS[scene.look]
    names = tuple(PICTURED) if pictured else tuple(DRAWN)
    return names[(scene.group + turn) % len(names)]


def make(name: str, stage: Stage) -> Look:
    """The look, ready to draw. Raises KeyError for an unknown name or a missing picture."""
    if name in DRAWN:
        return DRAWN[name](stage)
    if stage.picture is None:
        raise KeyError(name)
    return PICTURED[name](stage, stage.picture)
