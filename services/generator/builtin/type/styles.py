"""The lyric styles by name."""

from __future__ import annotations

from libs.contracts.storyboard import SceneLyrics
from services.generator.builtin.looks.stage import Drawing, Stage
from services.generator.builtin.type.layer import Layer, LyricLayer
from services.generator.builtin.type.line import Line
from services.generator.builtin.type.room import taken
from services.generator.builtin.type.stack import Stack
from services.generator.builtin.type.sweep import Sweep

STYLES: dict[SceneLyrics, type[LyricLayer]] = {"line": Line, "stack": Stack, "sweep": Sweep}


def make_layer(style: SceneLyrics, stage: Stage, look: Drawing) -> Layer | None:
    """The layer of a style over a look; None where there is nothing to draw.

    Inks are chosen by the look's first frame, and the place by where its subject stands in the middle of the shot.
    """
    if style not in STYLES or not stage.words:
        return None
    half = stage.music(0.5 * stage.seconds)
    subject = taken(look, half, stage.width, stage.height)
    layer = STYLES[style](stage, look, subject)
    return layer if layer.phrases else None
