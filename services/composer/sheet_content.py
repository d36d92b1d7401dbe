"""What a contact sheet shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


class Frame(NamedTuple):
    """A scene's picture (height, width, 3), RGB, or None; what is said below it."""

    picture: Picture | None
    name: str
    at: float
    section: str
    group: int
    note: str


class Cut(NamedTuple):
    """A change of scene at this second; `on_beat` None where there are no beats."""

    at: float
    name: str
    on_beat: bool | None


class Part(NamedTuple):
    """A section of the song."""

    label: str
    start: float
    end: float
    group: int


class Sheet(NamedTuple):
    """All that is drawn."""

    headline: str
    aside: str
    measured: str
    size: tuple[int, int]
    """Width and height of the video."""
    duration: float
    frames: Sequence[Frame]
    cuts: Sequence[Cut]
    parts: Sequence[Part]
    beats: Sequence[tuple[float, bool]]
    """Seconds of each, and whether it is a downbeat."""
    peaks: Sequence[float]
    """The waveform, 0..1, evenly spaced over the song."""
    motion: npt.NDArray[np.float64]
    """How much moves, evenly spaced over the video."""
