"""Where a text stands beside a subject: never over its head, and beside all of it where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt

from libs.picture.load import Gray
from services.generator.builtin.cutout.standing import Figure, Sway
from services.generator.builtin.looks.stage import Moment
from services.generator.builtin.picture.photograph import Photograph
from services.generator.builtin.picture.view import View

Side = Literal["left", "centre", "right"]
Taken = npt.NDArray[np.float32]
"""A small grid over the frame, 0..1: how much a cell must stay free of type."""

SHORT = 48
"""Cells on the frame's shorter side."""
BODY = 0.3
"""What lies below a subject's head counts so much."""
HEAD = 0.4
"""The upper part of a subject that is taken for its head."""
ENOUGH = 0.012
"""So much of a place may be taken."""


@dataclass(frozen=True)
class Place:
    """Where a block may stand: at a side, around a height, as wide as a share of the usual width."""

    side: Side
    middle: float
    share: float = 1.0


@runtime_checkable
class Seen(Protocol):
    """A look that shows the theme picture through a camera."""

    view: View


@runtime_checkable
class Photographed(Protocol):
    """A look around a photograph that is seen through a camera."""

    photo: Photograph


@runtime_checkable
class Standing(Protocol):
    """A look in which the cut subject stands."""

    figure: Figure


def taken(look: object, moment: Moment, width: int, height: int) -> Taken | None:
    """What the look's subject, or else what is busy in its picture, takes of the frame at a moment; None
    without a picture."""
    scale = SHORT / min(width, height)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    if isinstance(look, Standing):
        matrix = scale * look.figure.at(Sway())
        return _warped(look.figure.cut.mask, matrix, size, cv2.INTER_LINEAR)
    view = look.view if isinstance(look, Seen) else look.photo.view if isinstance(look, Photographed) else None
    if view is None:
        return None
    matrix = np.array(view.matrix(moment), dtype=np.float64)
    matrix[:, :2] /= scale
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if view.framing.mask is None:
        return np.asarray(cv2.warpAffine(_busy(view.framing.tone), matrix, size, flags=how), dtype=np.float32)
    return _warped(view.framing.mask, matrix, size, how)


def _busy(tone: Gray) -> Taken:
    """Weights of a picture without a known subject: what has more in it than the rest, like a house by a lake."""
    scale = 2.0 * SHORT / min(tone.shape)
    small = cv2.resize(tone, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    detail = cv2.GaussianBlur(np.abs(cv2.Laplacian(small, cv2.CV_32F)), (0, 0), 0.08 * min(small.shape))
    more = np.clip(detail / max(float(detail.mean()), 1.0) - 1.0, 0.0, 1.0)
    return np.asarray(cv2.resize(more, (tone.shape[1], tone.shape[0])), dtype=np.float32)


def _warped(mask: Gray, matrix: npt.NDArray[np.float64], size: tuple[int, int], how: int) -> Taken:
    return np.asarray(cv2.warpAffine(_important(mask), matrix, size, flags=how), dtype=np.float32)


def _important(mask: Gray) -> Taken:
    """The mask as weights: its head whole, the rest a little."""
    soft = mask.astype(np.float32) / 255.0
    rows = np.flatnonzero((mask >= 128).any(axis=1))
    if len(rows):
        neck = int(rows[0]) + round(HEAD * (int(rows[-1]) - int(rows[0])))
        soft[neck:] *= BODY
    return soft


def share_taken(grid: Taken, box: tuple[float, float, float, float]) -> float:
    """The mean weight in a box, given in parts of the frame."""
    rows, columns = grid.shape
    x0, x1 = int(max(box[0], 0.0) * columns), int(np.ceil(min(box[2], 1.0) * columns))
    y0, y1 = int(max(box[1], 0.0) * rows), int(np.ceil(min(box[3], 1.0) * rows))
    part = grid[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return float(part.mean()) if part.size else 0.0


def roomiest(boxes: Sequence[tuple[Place, tuple[float, float, float, float]]], grid: Taken | None) -> Place:
    """The first place that is free, or else the freest."""
    if grid is None:
        return boxes[0][0]
    shares = [share_taken(grid, box) for _, box in boxes]
    free = [index for index, share in enumerate(shares) if share <= ENOUGH]
    return boxes[free[0] if free else int(np.argmin(shares))][0]
