"""What a workflow can make: sizes, rates and numbers of frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated

import msgspec
from msgspec import Meta

Positive = Annotated[int, Meta(gt=0, le=1 << 31)]


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits of a workflow. A number of frames is allowed when it is `frame_step` * n + `frame_rest`."""

    size_multiple: Positive = 1
    """Width and height are multiples of it."""
    min_side: Positive = 64
    max_side: Positive = 8192
    max_pixels: Positive | None = None
    """Width times height; None: as `max_side` allows."""
    fps: Annotated[float, Meta(ge=1, le=1000)] | None = None
    """The rate that the model was trained for; clips are ordered at it. None: any."""
    min_frames: Positive = 1
    max_frames: Positive | None = None
    """The longest clip; None: no clips, or of any length."""
    frame_step: Positive = 1
    frame_rest: Annotated[int, Meta(ge=0, le=1 << 31)] = 0
    max_seconds: Annotated[float, Meta(gt=0, le=86_400)] | None = None
    """The longest sound."""

    def allows(self, frames: int) -> bool:
        """Whether a clip can have exactly so many frames."""
        within = self.min_frames <= frames <= (self.max_frames or frames)
        return within and frames % self.frame_step == self.frame_rest % self.frame_step

    def round_up(self, frames: int) -> int:
        """The least allowed number of frames that is not below `frames`; may be over `max_frames`."""
        frames = max(frames, self.min_frames)
        return frames + (self.frame_rest - frames) % self.frame_step


def contradiction(limits: Limits) -> str:
    """Why nothing at all can be made within these limits, in words; "" where something can."""
    least = -(-limits.min_side // limits.size_multiple) * limits.size_multiple
    if least > limits.max_side:
        return f"no side from {limits.min_side} to {limits.max_side} is a multiple of {limits.size_multiple}"
    if limits.max_pixels is not None and least * least > limits.max_pixels:
        return f"{least}x{least}, the least size, is over max_pixels"
    if limits.max_frames is not None and limits.round_up(limits.min_frames) > limits.max_frames:
        return f"no number of frames from {limits.min_frames} to {limits.max_frames} is allowed"
    return ""


def why_not(limits: Limits, values: Mapping[str, object]) -> str:
    """What of `width`, `height`, `frames` and `seconds` the limits don't allow, in words; "" if they allow all."""
    width, height, frames = (values.get(name) for name in ("width", "height", "frames"))
    for side in (width, height):
        if isinstance(side, int) and (
            side % limits.size_multiple or not limits.min_side <= side <= limits.max_side
        ):
            return f"a side of {side} pixels"
    if (
        isinstance(width, int)
        and isinstance(height, int)
        and width * height > (limits.max_pixels or width * height)
    ):
        return f"{width}x{height} pixels"
    if isinstance(frames, int) and not limits.allows(frames):
        return f"{frames} frames"
    seconds = values.get("seconds")
    if isinstance(seconds, (int, float)) and seconds > (limits.max_seconds or seconds):
        return f"{seconds:g} seconds"
    return ""


def fit_size(limits: Limits, width: int, height: int) -> tuple[int, int]:
    """The size to order for a picture of width x height: the same shape as nearly as it can, never larger.

    Scaled down to `max_pixels` and `max_side`, up to `min_side`, then rounded to multiples.
    """
    step = limits.size_multiple
    scale = Fraction(min(1.0, limits.max_side / max(width, height)))
    if limits.max_pixels is not None:
        scale = min(scale, Fraction(math.sqrt(limits.max_pixels / (width * height))))
    scale = max(scale, Fraction(limits.min_side, min(width, height)))
    sides = [max(step, round(side * scale / step) * step) for side in (width, height)]
    ceiling = limits.max_side // step * step
    sides = [min(side, ceiling) for side in sides]
    while limits.max_pixels is not None and sides[0] * sides[1] > limits.max_pixels and max(sides) > step:
        longer = 0 if sides[0] >= sides[1] else 1
        sides[longer] -= step
    return sides[0], sides[1]
