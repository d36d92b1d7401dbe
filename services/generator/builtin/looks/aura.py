"""Aura: bands in the subject's shape, pushed outward on the beat; the subject in dots of one ink."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from libs.contracts.looks import LookEntry
from services.generator.builtin.cutout.cut import cut_out
from services.generator.builtin.cutout.hook import Hook, placed
from services.generator.builtin.cutout.standing import Figure, Matrix, breathing, stand, touched, warped
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.paint.colour import Inks, Lab, Table, bgr_of, mix, ramp
from services.generator.builtin.paint.grading import key_of
from services.generator.builtin.paint.layers import lay_over
from services.generator.builtin.paint.screen import dot_screen

LOOK = LookEntry(
    name="aura",
    family="cutout",
    summary="Bands in the subject's shape that grow outward on the beat.",
    needs=("picture", "subject"),
    stand_in="rings",
    mark=5.0,
    energy=(0.45, 1.0),
    sections=("chorus", "drop"),
    texture="flat",
    movement="beat",
    most_seconds=10.0,
)

BAND = 62.0
"""Pixels at 720 that a band is wide."""
CYCLE = 4
"""Bands before the colours come again: one of them is the bar's."""
LEVELS = 256 // CYCLE
EDGE = 2
"""Levels in which one band becomes the next."""
FINE = 16
"""Steps of the field within a level of the table."""
COARSE = 4
"""Pixels of the frame for one of the field's."""
SMOOTH = 7.0
"""Pixels at 720 by which the field is blurred, or its bands are serrated."""
MARGIN = 0.10
"""Parts of the frame that the field reaches beyond it, for the camera."""
PITCH = 7.2
"""Pixels from dot to dot at 720."""
HARDNESS = 3.6
MIDDLES = (0.5, 0.36, 0.64)
"""Where the subjects of neighbouring scenes stand, in parts of the width."""

Field = npt.NDArray[np.uint16]


def make(stage: Stage) -> Drawing:
    """The look for a shot."""
    return Aura(stage)


class Aura:
    """The field is the distance from the subject where it stands; a table turns it into bands."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        tall = stage.height > stage.width
        middle = 0.5 if tall else MIDDLES[(stage.variant + stage.visit) % 3]
        cut = cut_out(stage.theme, stage.cutout)
        bands = _bands(stage)
        self.hook = _hook(stage, bands) if stage.finale and stage.text else None
        if self.hook is not None and self.hook.rows:
            self.figure = placed(cut, self.hook, stage)
        else:
            self.figure = stand(
                cut, stage.width, stage.height, middle=middle, tall=0.93, wide=1.15 if tall else 1.0
            )
        self.print = self.figure.cut.plate()
        self.field, self.corner = _field(self.figure, stage)
        self.table = _banded(bands)
        self.screen = dot_screen(stage.width, stage.height, max(4.0, PITCH * stage.unit), 45.0)
        self.dots = ramp(list(zip((0.0, 1.0), _printed(stage.inks), strict=True)))

    def frame(self, moment: Moment) -> Frame:
        at = self.figure.at(breathing(self.stage, moment))
        image = np.asarray(cv2.applyColorMap(self._levels(moment, at), self.table), dtype=np.uint8)
        if self.hook is not None:
            self.hook.draw(image, moment)
        self._subject(image, at, moment)
        return image

    def _levels(self, moment: Moment, at: Matrix) -> npt.NDArray[np.uint8]:
        """The table's level of each pixel: the field moves with the figure, and grows on the beat."""
        stage = self.stage
        place = np.vstack([at, (0.0, 0.0, 1.0)])
        stretch = np.array([[COARSE, 0.0, self.corner[0]], [0.0, COARSE, self.corner[1]], [0.0, 0.0, 1.0]])
        half = (np.diag((0.5, 0.5, 1.0)) @ place @ stretch)[:2]
        size = (-(-stage.width // 2), -(-stage.height // 2))
        small = cv2.warpAffine(self.field, half, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        field = cv2.resize(small, (stage.width, stage.height), interpolation=cv2.INTER_LINEAR)
        grown = 0.8 * moment.step + 0.2 * moment.count + 0.15 * stage.depth * moment.bar_pulse
        offset = np.uint16(round(-grown * LEVELS * FINE) % 65536)
        return ((field + offset) // np.uint16(FINE)).astype(np.uint8)

    def _subject(self, image: Frame, at: Matrix, moment: Moment) -> None:
        """The subject through a screen that stays where it is."""
        box = touched(self.print, at, image)
        if box is None:
            return
        seen = warped(self.print, at, box)
        tone, mask = cv2.extractChannel(seen, 0), cv2.extractChannel(seen, 3)
        middle = 128.0 + HARDNESS * 6.0 - 18.0 * self.stage.depth * moment.pulse
        screen = self.screen[box[1] : box[3], box[0] : box[2]]
        dots = cv2.addWeighted(tone, HARDNESS, screen, -HARDNESS, middle)
        colours = cv2.applyColorMap(dots, self.dots)
        share = cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR)
        part = image[box[1] : box[3], box[0] : box[2]]
        lay_over(part, cv2.multiply(colours, share, scale=1.0 / 255.0), mask)


def _field(figure: Figure, stage: Stage) -> tuple[Field, tuple[float, float]]:
    """The distance from the figure in steps of `FINE * LEVELS` a band, and where its corner lies in the figure."""
    across, along = MARGIN * stage.width, MARGIN * stage.height
    corner = (-figure.x - across, -figure.y - along)
    size = (round((stage.width + 2 * across) / COARSE), round((stage.height + 2 * along) / COARSE))
    shrink = np.array([[1.0 / COARSE, 0.0, -corner[0] / COARSE], [0.0, 1.0 / COARSE, -corner[1] / COARSE]])
    small = cv2.warpAffine(figure.cut.mask, shrink, size, flags=cv2.INTER_AREA)
    away = cv2.distanceTransform((small < 128).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    smooth = cv2.GaussianBlur(away, (0, 0), SMOOTH * stage.unit / COARSE)
    return np.rint(smooth * (COARSE * LEVELS * FINE / (BAND * stage.unit))).astype(np.uint16), corner


def _bands(stage: Stage) -> tuple[Lab, Lab, Lab]:
    """Two inks of nearly one lightness, and the bar's own."""
    inks = stage.inks
    match key_of(inks):
        case "night":
            first, second, bar = inks.accent, inks.mid, mix(inks.accent, inks.light, 0.55)
        case "paper":
            first, second, bar = inks.ground, inks.low, inks.accent
        case "colour":
            first, second, bar = inks.ground, mix(inks.ground, inks.low, 0.6), inks.accent
    if stage.visit % 2:
        first, second = second, first
    return first, second, bar


def _hook(stage: Stage, bands: tuple[Lab, Lab, Lab]) -> Hook:
    """The hook in the ink that stands out from the bands."""
    middle = float(np.mean([band[0] for band in bands]))
    loud = max(stage.inks.row, key=lambda ink: abs(float(ink[0]) - middle))
    return Hook(
        stage, stage.text, most=0.34 if stage.height > stage.width else 0.46, loud=loud, quiet=loud, again=False
    )


def _printed(inks: Inks) -> tuple[Lab, Lab]:
    """Ink and paper of the subject."""
    row = inks.by_lightness
    return row[0], row[-1]


def _banded(colours: tuple[Lab, Lab, Lab]) -> Table:
    """Bands in turn: first, second, bar's, second, with a smooth edge."""
    first, second, bar = colours
    table = np.empty((256, 1, 3), np.uint8)
    row = [first, second, bar, second]
    for band, ink in enumerate(row):
        start = band * LEVELS
        table[start : start + LEVELS, 0] = bgr_of(ink)
        for step in range(EDGE):
            table[start + step, 0] = bgr_of(mix(row[band - 1], ink, (step + 1.0) / (EDGE + 1.0)))
    return table
