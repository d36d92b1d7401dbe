"""The lyric styles by name."""

from __future__ import annotations

from libs.contracts.storyboard import SceneLyrics
from services.generator.builtin.looks.stage import Frame, Stage
from services.generator.builtin.type.layer import Layer, LyricLayer, Side
from services.generator.builtin.type.line import Line
from services.generator.builtin.type.stack import Stack
from services.generator.builtin.type.sweep import Sweep

STYLES: dict[SceneLyrics, type[LyricLayer]] = {"line": Line, "stack": Stack, "sweep": Sweep}


def make_layer(style: SceneLyrics, stage: Stage, backdrop: Frame, side: Side = "left") -> Layer | None:
    """The layer of a style over a scene; None where there is nothing to draw.

    `backdrop` is a frame of the scene: the inks are chosen by it.
    """
    if style not in STYLES or not stage.words:
        return None
    layer = STYLES[style](stage, backdrop, side)
    return layer if layer.phrases else None
