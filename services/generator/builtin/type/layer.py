"""A layer of lyrics over a look: the protocol, and what all styles share: phrases, places and the scrim."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

from services.generator.builtin.easing import quintic, smooth
from services.generator.builtin.looks.stage import Drawing, Frame, Moment, Stage
from services.generator.builtin.type.contrast import SOFT, Box, Edge, Lettering, Scrim
from services.generator.builtin.type.phrases import Phrase, Run, around, at, phrases, runs, sung_lines
from services.generator.builtin.type.room import Place, Side, Taken, roomiest
from services.generator.builtin.type.setting import Align, Block, Style, Typesetter, reads_rightward

NARROW = 0.5
"""Places of a smaller share stand beside a subject; type is smaller there."""
SMALLER = 0.8
AIR = 0.03
"""What stays between type and subject, in parts of the width."""
BESIDE = 0.24
"""How far a scrim beside a subject reaches, in parts of the frame."""
SCRIM_S = 0.35
"""How long a scrim takes to come and to go."""
SCRIM_AHEAD_S = 0.2
"""It begins so long before the words."""
PROBES = (0.05, 0.28, 0.5, 0.71, 0.93)
"""Parts of a run at which its ground is looked at."""
LOW = 0.7
"""Parts of the height below which a block stands at the foot of the frame."""


class Layer(Protocol):
    """Lyrics over a look, a function of the moment alone."""

    def draw(self, frame: Frame, moment: Moment) -> None:
        """Draw the words of a moment into the frame."""
        ...


@dataclass(frozen=True)
class Area:
    """Where type may stand, in pixels: clear of the edges and, upright, of what phones lay over a video."""

    left: float
    right: float
    top: float
    bottom: float
    upright: bool
    wide: bool

    @classmethod
    def of(cls, width: int, height: int) -> Area:
        """The safe area of a frame."""
        upright, wide = height > 1.3 * width, width > 1.3 * height
        if upright:
            return cls(0.085 * width, 0.88 * width, 0.14 * height, 0.76 * height, True, False)
        side = 0.09 if wide else 0.075
        return cls(side * width, (1.0 - side) * width, 0.07 * height, 0.92 * height, False, wide)

    @property
    def width(self) -> float:
        """Pixels from side to side."""
        return self.right - self.left


class LyricLayer(ABC):
    """What the styles share. A style says how words are set and where, and draws one phrase."""

    ahead = 0.0
    """Seconds that a phrase is seen before its first word is sung."""
    most_rows = 3
    accented = False
    """Some words are written in the accent."""

    def __init__(self, stage: Stage, look: Drawing, taken: Taken | None = None) -> None:
        self.stage, self.look = stage, look
        self.area = Area.of(stage.width, stage.height)
        self.style = self.set_in(stage)
        texts = [word.text for word in stage.words]
        rightward = 2 * sum(map(reads_rightward, texts)) >= len(texts)
        self.sides: tuple[Side, ...] = ("left", "right") if rightward else ("right", "left")
        self.place = roomiest([(place, self.parts(place)) for place in self.places()], taken)
        if self.place.share < NARROW:
            self.style = replace(self.style, size=SMALLER * self.style.size)
            self.most_rows += 1
        lines = sung_lines(stage.words, self.style.role)
        self.setter = Typesetter(lines, self.style)
        near = around(lines, stage.music(0.0).time, stage.music(stage.seconds).time)
        most, rows = self.most_width(self.place), self.most_rows
        self.phrases = phrases([turn for line in near for turn in self.setter.turns(line, most, rows)])
        ground = [look.frame(stage.music(part * stage.seconds)) for part in (0.0, 0.5)]
        self.inks = Lettering.over(stage.inks, ground, self.usual_box(self.place), accented=self.accented)
        self.weakest = self.inks.weakest(accented=self.accented)
        self.block = lru_cache(maxsize=4)(self._block)
        self.runs = runs(self.phrases)
        self.box = lru_cache(maxsize=4)(self._box)
        self.scrim = lru_cache(maxsize=4)(self._scrim)
        self.density = lru_cache(maxsize=4)(self._density)

    @abstractmethod
    def set_in(self, stage: Stage) -> Style:
        """How this style sets its words at the frame's size."""

    @abstractmethod
    def places(self) -> Sequence[Place]:
        """Where this style's blocks may stand, the best place first."""

    def most_width(self, place: Place) -> float:
        """The longest row at a place, in pixels."""
        return place.share * self.area.width

    def align(self, phrase: Phrase) -> Align:
        """Where the rows begin: a script that runs leftward begins at the right."""
        if self.place.side == "centre":
            return "centre"
        return "left" if all(reads_rightward(word.text) for word in phrase.words[:1]) else "right"

    def usual_box(self, place: Place) -> Box:
        """About where text stands at a place, in pixels, before there is any."""
        width, high = self.most_width(place), 0.5 * self.most_rows * self.style.leading * self.style.size
        centre = min(max(place.middle * self.stage.height, self.area.top + high), self.area.bottom - high)
        left = self.left_of(width, place.side)
        return left, centre - high, left + width, centre + high

    def parts(self, place: Place) -> Box:
        """The same with some air, in parts of the frame."""
        left, top, right, bottom = self.usual_box(place)
        width, height = self.stage.width, self.stage.height
        return left / width - AIR, top / height, right / width + AIR, bottom / height

    def left_of(self, width: float, side: Side) -> float:
        """Where a block of this width begins."""
        if side == "centre":
            return 0.5 * (self.area.left + self.area.right - width)
        return self.area.left if side == "left" else self.area.right - width

    def origin(self, block: Block) -> tuple[int, int]:
        """Where a block's left edge and first baseline stand, in whole pixels."""
        centre = self.place.middle * self.stage.height
        y = centre - 0.5 * (block.top + block.bottom)
        y = min(max(y, self.area.top - block.top), max(self.area.bottom - block.bottom, self.area.top - block.top))
        x = self.left_of(self.most_width(self.place), self.place.side)
        spare = {"left": 0.0, "centre": 0.5, "right": 1.0}[block.align] * (
            self.most_width(self.place) - block.width
        )
        return round(x + spare), round(y)

    def draw(self, frame: Frame, moment: Moment) -> None:
        """Lay the scrim, then the phrase that is seen now."""
        self._shade(frame, moment.time)
        phrase = at(self.phrases, moment.time, self.ahead)
        if phrase is None:
            return
        block = self.block(phrase)
        x, y = self.origin(block)
        self.draw_phrase(frame, moment.time, phrase, block, (x, y))

    def _shade(self, frame: Frame, time: float) -> None:
        """Lay the scrim of the run of phrases that is on, as dense as the frame behind them needs."""
        for run in self.runs:
            come = smooth((time - run[0].start + self.ahead + SCRIM_AHEAD_S) / SCRIM_S)
            here = come * (1.0 - smooth((time - run[-1].leave) / SCRIM_S))
            if here > 0.0:
                usual, now = self.density(run), self.inks.needed(frame, self.box(run), self.weakest)
                self.scrim(run).lay(frame, self.inks.scrim, here * max(usual, now))

    @abstractmethod
    def draw_phrase(self, frame: Frame, time: float, phrase: Phrase, block: Block, origin: tuple[int, int]) -> None:
        """Draw the phrase as it is at a time."""

    def left(self, phrase: Phrase, time: float) -> float:
        """0..1: how far the phrase is gone."""
        return quintic((time - phrase.leave) / max(phrase.end - phrase.leave, 1e-3))

    def _block(self, phrase: Phrase) -> Block:
        most = self.most_width(self.place)
        return self.setter.block(phrase.words, most, self.most_rows, align=self.align(phrase))

    def _box(self, run: Run) -> Box:
        """Where the phrases of a run stand, all of them."""
        boxes = []
        for phrase in run:
            block = self.block(phrase)
            x, y = self.origin(block)
            boxes.append((x, y + block.top, x + block.width, y + block.bottom))
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        return min(lefts), min(tops), max(rights), max(bottoms)

    def _density(self, run: Run) -> float:
        """The densest scrim that some moments of the run need: so it stays as it is, whatever the beat does."""
        stage = self.stage
        begin = stage.music(0.0).time
        first = max(run[0].start - self.ahead - begin, 0.0)
        last = min(run[-1].end - begin, stage.seconds)
        moments = [stage.music(first + (last - first) * part) for part in PROBES]
        return max(self.inks.needed(self.look.frame(moment), self.box(run), self.weakest) for moment in moments)

    def _scrim(self, run: Run) -> Scrim:
        left, top, right, bottom = self.box(run)
        pad = 0.3 * self.style.size
        box = (left - pad, top - pad, right + pad, bottom + pad)
        soft = SOFT if self.place.share > NARROW else BESIDE
        return Scrim(self.stage.width, self.stage.height, box, self.edge, soft)

    @property
    def edge(self) -> Edge:
        """The side of the frame that the scrim comes from."""
        if self.place.middle > LOW and not self.area.upright:
            return "bottom"
        if self.place.side == "centre" or not self.area.wide:
            return "across"
        return self.place.side
