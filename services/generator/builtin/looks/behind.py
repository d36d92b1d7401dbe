"""Behind: the hook as wide as the frame, the subject in front of it."""

from __future__ import annotations

from libs.contracts.looks import LookEntry
from services.generator.builtin.cutout.cut import cut_out
from services.generator.builtin.cutout.halo import Halo
from services.generator.builtin.cutout.hook import Hook, placed, type_inks
from services.generator.builtin.cutout.logo import is_logo, logo_table
from services.generator.builtin.cutout.standing import aired, breathing, lay
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.glow import Glow, glow_of
from services.generator.builtin.paint.grading import graded, key_of

LOOK = LookEntry(
    name="behind",
    family="cutout",
    summary="The hook in letters as wide as the frame, the subject in front of it.",
    needs=("picture", "subject", "text"),
    stand_in="aura",
    mark=5.0,
    energy=(0.4, 1.0),
    sections=("chorus", "drop"),
    texture="letters",
    movement="bar",
    most_seconds=10.0,
)

GAP = 5.0
"""Pixels at 720 of ground between the letters and the subject, so that dark hair doesn't run into dark letters."""


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Behind(stage)


class Behind:
    """Ground, letters, subject. The subject stands where it leaves the letters readable."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        inks = stage.inks
        key = key_of(inks)
        loud, quiet = type_inks(inks)
        tall = stage.height > stage.width
        self.hook = Hook(stage, stage.text, most=0.40 if tall else 0.52, loud=loud, quiet=quiet)
        cut = cut_out(stage.theme, stage.cutout)
        flat = is_logo(cut)
        self.figure = placed(cut, self.hook, stage)
        body = inks.ground if key == "colour" else inks.by_lightness[2]
        table = logo_table(inks, key) if flat else graded(inks, key, body)
        plain = self.figure.inked(table, stage.unit, natural=stage.visit % 2 == 0 and not flat)
        self.layer, self.air = self.figure.outlined(plain, inks.ground, GAP * stage.unit)
        self.halo = Halo(self.figure, (inks.accent, inks.mid), stage) if stage.finale else None
        self.ground = Glow(stage, inks.ground, glow_of(inks), (0.5, 1.0), 0.85)

    def frame(self, moment: Moment) -> Frame:
        image = self.ground.frame(moment)
        self.hook.draw(image, moment)
        sway = breathing(self.stage, moment)
        if self.halo is not None:
            self.halo.draw(image, sway, moment)
        lay(image, self.layer, aired(self.figure.at(sway), self.air))
        return image
