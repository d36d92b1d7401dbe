"""What a look is: parameters in, the frame at a moment out.

Each look is a module of its own beside this one, with `LOOK`, its entry in the catalogue, and `make(stage)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from libs.contracts.analysis import Word
from libs.contracts.looks import Motif
from libs.contracts.storyboard import Camera
from libs.picture.load import Picture
from libs.picture.subject import Subject
from services.generator.builtin.camera import Pose, pose_at
from services.generator.builtin.paint.colour import Inks

Frame: TypeAlias = npt.NDArray[np.uint8]
"""Height x width x 3, BGR."""


def _unheard(seconds: float) -> Moment:
    return Moment(time=seconds, shot=seconds, pulse=0.0, count=0.0, step=0.0)


@dataclass(frozen=True)
class Stage:
    """What stays the same over a shot."""

    width: int
    height: int
    seconds: float
    """The clip's length, handles included."""
    inks: Inks
    seed: int
    variant: int
    """Counts the scenes: neighbours of one look get another framing or layout."""
    motion: float
    energy: float
    camera: Camera
    picture: Picture | None = None
    """The theme picture, where there is one that shows something."""
    subject: Subject | None = None
    """What can be cut out of the picture."""
    text: str = ""
    """What is written large."""
    words: tuple[Word, ...] = ()
    """The sung words whose times are known; times in seconds of the song."""
    motif: Motif = "disc"
    visit: int = 0
    """How often the song has been in this part before."""
    finale: bool = False
    """The last return of the loudest part: go further."""
    music: Callable[[float], Moment] = _unheard
    """The moment that lies so many seconds into the clip, or before it: for looks that carry a state."""

    @property
    def theme(self) -> Picture:
        """The theme picture. Raises ValueError when there is none."""
        if self.picture is None:
            raise ValueError("This look needs a picture.")
        return self.picture

    @property
    def cutout(self) -> Subject:
        """The picture's subject. Raises ValueError when there is none."""
        if self.subject is None:
            raise ValueError("This look needs a subject.")
        return self.subject

    @property
    def unit(self) -> float:
        """Pixels of this frame for one pixel of a frame with a shorter side of 720."""
        return min(self.width, self.height) / 720.0

    @property
    def pace(self) -> float:
        """How fast things drift: about 1, more in lively scenes."""
        return 0.75 + 0.35 * _part(self.energy) + 0.4 * _part(self.motion)

    @property
    def depth(self) -> float:
        """How strongly things answer to the beat, 0.5..1."""
        return 0.5 + 0.5 * _part(self.energy)

    def random(self) -> np.random.Generator:
        """The shot's own random numbers, the same every time."""
        return np.random.default_rng(self.seed)

    def grid(self, short: int) -> tuple[int, int]:
        """Width and height of a small grid of the frame's shape, `short` cells on the shorter side."""
        side = min(self.width, self.height)
        return max(2, round(self.width * short / side)), max(2, round(self.height * short / side))

    def pose(self, seconds: float) -> Pose:
        """Where the camera is, `seconds` into the shot."""
        return pose_at(self.camera, seconds, self.seconds, (self.seed % 1009) / 1009.0)


@dataclass(frozen=True)
class Moment:
    """A moment of a shot, as the music has it."""

    time: float
    """Seconds of the song."""
    shot: float
    """Seconds into the clip."""
    pulse: float
    """0..1, jumps on the beat and decays."""
    count: float
    """Beats so far, going on evenly."""
    step: float
    """Beats so far, hitting and settling."""
    energy: float = 0.5
    """0..1, how loud it is felt now."""
    bar: float = 0.0
    """Bars so far, going on evenly."""
    bar_step: float = 0.0
    """Bars so far, hitting and settling."""
    bar_pulse: float = 0.0
    """0..1, jumps on the downbeat and decays more slowly."""


class Drawing(Protocol):
    """A shot as a look draws it. Frames may be asked for in any order.

    One that shows the theme picture keeps its `view` or `photo`, one in which a cut subject stands its `figure`:
    lyrics that are set over it then keep clear of the subject.
    """

    def frame(self, moment: Moment) -> Frame:
        """The frame at a moment."""
        ...


def _part(value: float) -> float:
    return min(max(value, 0.0), 1.0)
