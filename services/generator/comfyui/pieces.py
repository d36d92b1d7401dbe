"""How a shot becomes clips that a model can make: longer ones in pieces, shorter ones with handles.

A model counts frames at its own rate. Model frame i of a cutting stands at i / fps seconds, and the shot's first
frame at model frame `lead`, which need not be whole.
"""

from __future__ import annotations

import math
from fractions import Fraction

import msgspec

from libs.contracts.errors import Permanent
from services.generator.comfyui.limits import Limits

HANDLE = 8
"""Frames of the video on either side of a shot, so that a cut can move by a beat without new work."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One clip to order. Every piece but the first begins with the last frame of the one before."""

    start: int
    """Where its first frame stands in the cutting, in model frames."""
    frames: int
    """Frames to order: a number that the model allows."""
    keep_from: int
    """The first frame that is new: 1 where the piece continues another, else 0."""


class Cutting(msgspec.Struct, frozen=True, kw_only=True):
    """The pieces of a shot; end to end they have `frames` model frames."""

    fps: Fraction
    """The model's rate."""
    lead: Fraction
    """Model frames before the shot's first frame: the handle."""
    frames: int
    pieces: tuple[Piece, ...]


def cut_shot(
    limits: Limits, *, frames: int, fps: Fraction, handle: int = HANDLE, continues: bool = True
) -> Cutting:
    """The pieces for a shot of `frames` frames at `fps`.

    One piece when the shot fits into the longest clip, with handles as long as fit, at most rounded up; several,
    of nearly the same length, when it does not. continues: whether a piece can begin with a given picture.
    Raises Permanent("clip_too_long") when the shot needs several and it can't.
    """
    rate = fps if limits.fps is None else Fraction(limits.fps).limit_denominator(1001)
    ratio = rate / fps
    longest = _longest(limits)
    wanted = limits.round_up(_model_frames(frames + 2 * handle, ratio))
    if longest is None or wanted <= longest:
        return _cutting(rate, [wanted], (frames - 1) * ratio)
    if _model_frames(frames, ratio) <= longest:
        return _cutting(rate, [longest], (frames - 1) * ratio)
    if not continues:
        most = longest / float(rate)
        raise Permanent("clip_too_long", f"A clip of {frames / float(fps):.1f} s; the workflow makes {most:.1f} s.")
    return _cutting(rate, _lengths(limits, wanted, longest), (frames - 1) * ratio)


def _model_frames(frames: int, ratio: Fraction) -> int:
    """Model frames whose span holds every one of `frames` frames."""
    return math.ceil((frames - 1) * ratio) + 1


def _longest(limits: Limits) -> int | None:
    """The largest allowed number of frames."""
    if limits.max_frames is None:
        return None
    return limits.max_frames - (limits.max_frames - limits.frame_rest) % limits.frame_step


def _lengths(limits: Limits, wanted: int, longest: int) -> list[int]:
    """Allowed lengths, nearly the same, that cover `wanted` frames though each but the first repeats one."""
    if longest < 2:
        raise Permanent("clip_too_long", "The workflow makes single frames.")
    lengths: list[int] = []
    left = wanted - 1
    for remaining in range(math.ceil(left / (longest - 1)), 0, -1):
        length = limits.round_up(math.ceil(left / remaining) + 1)
        lengths.append(length)
        left -= length - 1
        if left <= 0:
            break
    return lengths


def _cutting(rate: Fraction, lengths: list[int], span: Fraction) -> Cutting:
    """span: from the shot's first frame to its last, in model frames; what is over is shared by both sides."""
    pieces, start = [], 0
    for index, length in enumerate(lengths):
        pieces.append(Piece(start=start, frames=length, keep_from=1 if index else 0))
        start += length - 1
    return Cutting(fps=rate, lead=(start - span) / 2, frames=start + 1, pieces=tuple(pieces))
