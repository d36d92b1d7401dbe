"""Which frames of a preview are drawn: one on each beat, and some evenly between. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from math import ceil

from libs.media.encoding import PREVIEW_RATE


def pictures(frames: int, fps: Fraction, beats: Iterable[float]) -> list[tuple[int, int]]:
    """The frames of a clip that are drawn, in order, each with how many frames it is held; together all `frames`.

    beats: seconds into the clip. A picture shows its beat from the first frame on that does not lie before it, so
    that it hits when the sound does.
    """
    marks = {ceil(Fraction(beat) * fps) for beat in beats}
    edges = sorted({0, frames, *(mark for mark in marks if 0 < mark < frames)})
    starts = [
        start + step * (end - start) // parts for start, end, parts in _spans(edges, fps) for step in range(parts)
    ]
    return [(start, end - start) for start, end in pairwise([*starts, frames])]


def _spans(edges: list[int], fps: Fraction) -> Iterable[tuple[int, int, int]]:
    """From mark to mark, and into how many pictures each span is parted."""
    for start, end in pairwise(edges):
        yield start, end, max(1, round((end - start) * PREVIEW_RATE / fps))
