"""The song's one signature shape: its outline at any size, place and turn."""

from __future__ import annotations

from functools import cache
from math import pi

import numpy as np

from libs.contracts.looks import Motif
from services.generator.builtin.paint.shapes import Points

_ROUND = 96
"""Points of a whole circle."""


@cache
def unit_outline(motif: Motif) -> Points:
    """The motif around (0, 0), upright, as large as a disc of radius 1, so that all weigh the same. Read only."""
    match motif:
        case "disc":
            return _arc(0.0, 2.0 * pi, _ROUND)
        case "hexagon":
            return _sized(_corners(6, 0.5 * pi))
        case "diamond":
            return _sized(_corners(4, 0.5 * pi) * np.array([1.0, 1.18]))
        case "arch":
            gate = np.concatenate([_arc(pi, 2.0 * pi, _ROUND // 2), [[1.0, 1.2], [-1.0, 1.2]]])
            return _sized(gate - np.array([0.0, 0.1]))


def outline(motif: Motif, radius: float, centre: tuple[float, float] = (0.0, 0.0), turn: float = 0.0) -> Points:
    """The motif's corners, in order, in pixels.

    radius: of the disc with the same area. turn: radians, clockwise; 0 is upright.
    """
    c, s = np.cos(turn), np.sin(turn)
    return np.asarray(unit_outline(motif) @ np.array([[c, s], [-s, c]]) * radius + np.array(centre))


@cache
def rim(motif: Motif, count: int) -> Points:
    """The motif of `unit_outline` as `count` points at even distances, for outlines that are bent. Read only."""
    points = unit_outline(motif)
    closed = np.concatenate([points, points[:1]])
    passed = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    at = np.linspace(0.0, passed[-1], count, endpoint=False)
    return np.stack([np.interp(at, passed, closed[:, axis]) for axis in (0, 1)], axis=-1)


@cache
def clearance(motif: Motif) -> float:
    """Radius of the largest disc around the centre that the motif of radius 1 holds: it covers that much whatever
    its turn."""
    points = unit_outline(motif)
    edges = np.roll(points, -1, axis=0) - points
    crossed = points[:, 0] * edges[:, 1] - points[:, 1] * edges[:, 0]
    return float(np.min(np.abs(crossed) / np.hypot(edges[:, 0], edges[:, 1])))


def _corners(count: int, first: float) -> Points:
    return _arc(first, first + 2.0 * pi, count)


def _arc(start: float, end: float, count: int) -> Points:
    """Points on the circle of radius 1; the last angle is left out where the arc is a whole circle."""
    whole = abs(end - start - 2.0 * pi) < 1e-9
    angles = np.linspace(start, end, count, endpoint=not whole)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _sized(points: Points) -> Points:
    x, y = points[:, 0], points[:, 1]
    area = 0.5 * abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))))
    return np.asarray(points * np.sqrt(pi / area), dtype=np.float64)
