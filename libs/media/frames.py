"""Frame arithmetic: time as whole frames of a rational frame rate. Pure and exact."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from libs.contracts.errors import Permanent
from libs.contracts.jobs import ASPECTS

MIN_FPS = Fraction(10)
MAX_FPS = Fraction(60)

_NTSC = {
    f"{base * 1000 / 1001:.{digits}f}": Fraction(base * 1000, 1001)
    for base in (12, 15, 24, 30, 48, 60)
    for digits in (2, 3)
}
"""How people write the NTSC rates: 23.98 and 23.976 both mean 24000/1001."""

_TEXT = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3}|/[0-9]{1,4})?")


def parse_fps(text: str) -> Fraction:
    """The frame rate that `text` means: "30", "29.97" (30000/1001), "30000/1001", "12.5".

    Raises `Permanent("bad_options")` when it is not a rate, or outside 10 to 60.
    """
    if not _TEXT.fullmatch(text):
        raise Permanent("bad_options", "fps is a number or a fraction, as 30, 29.97 or 30000/1001.")
    try:
        rate = _NTSC.get(text) or Fraction(text)
    except ZeroDivisionError as error:
        raise Permanent("bad_options", "fps has a zero below its line.") from error
    if not MIN_FPS <= rate <= MAX_FPS:
        raise Permanent("bad_options", "fps lies between 10 and 60.")
    return rate


def fps_text(fps: Fraction) -> str:
    """The rate as the storyboard writes it: "30" or "30000/1001"."""
    return str(fps)


def frame_at(seconds: float, fps: Fraction) -> int:
    """The frame nearest to a time in seconds; a half rounds up. Exact for the float that is given."""
    return math.floor(Fraction(seconds) * fps + Fraction(1, 2))


def frame_size(aspect: str, height: int) -> tuple[int, int]:
    """Width and height in pixels, both even, of an aspect whose shorter side is `height`."""
    ratio = ASPECTS.get(aspect)
    if ratio is None:
        raise Permanent("bad_options", f"The aspect is one of {', '.join(ASPECTS)}.")
    short = height + height % 2
    long = 2 * round(short * max(ratio, 1 / ratio) / 2)
    return (long, short) if ratio >= 1 else (short, long)
