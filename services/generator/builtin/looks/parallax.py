"""Parallax: the photograph with real depth; the subject stands free before its ground, dust hangs between."""

from __future__ import annotations

from libs.contracts.looks import LookEntry
from libs.picture.load import Picture
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.atmosphere import Dust, Leak
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.layers import lit
from services.generator.builtin.picture.photograph import Photograph

LOOK = LookEntry(
    name="parallax",
    family="photo",
    summary="The photograph with depth: its subject stands free before the ground.",
    needs=("picture",),
    stand_in="silk",
    mark=4.5,
    energy=(0.0, 0.7),
    sections=("verse", "bridge", "outro"),
    texture="photo",
    movement="drift",
    carries_type=True,
    least_pixels=500,
)


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Parallax(stage, stage.theme)


class Parallax:
    """The photograph under wandering light, with dust before it."""

    def __init__(self, stage: Stage, picture: Picture) -> None:
        inks = stage.inks
        _, _, _, high, light = inks.by_lightness
        self.photo = Photograph(stage, picture)
        dark = key_of(inks) != "paper"
        self.dust = Dust(stage, light, 44 if stage.finale else 30, 0.5 if dark else 0.3)
        self.leak = Leak(stage, (inks.accent, high), 0.42 * (1.0 - self.photo.bright))

    def frame(self, moment: Moment) -> Frame:
        image = lit(self.photo.seen(moment), self.photo.light(moment))
        return self.dust.fall(self.leak.fall(image, moment), moment)
