"""Captions that light up, as an ASS script of one segment, whose clock begins with it. Pure.

Every word has its own tags in every state, so that nothing but its colour changes from one word to the next.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import floor

from libs.type.coverage import choose_face
from libs.type.faces import Face
from libs.type.metrics import line_height
from services.composer.captions import BY_ITS_LETTERS, clock, escaped, head, layout
from services.composer.lit import Lit, LitCaption
from services.composer.type_width import FONT, Setting, face_of

LIGHT = "&HFFFFFF&"
LIT = "&H3CD2FF&"
"""A warm yellow. ASS writes blue, green, red."""
TIGHT = 0.97
"""Of the room between the margins, what rows may take: renderers round letters to pixels."""


def setting(width: int, height: int) -> Setting:
    """How captions are set on a picture of this size."""
    sizes = layout(width, height)
    return Setting(sizes.size, TIGHT * (width - 2 * sizes.side))


def lit_script(shown: Iterable[LitCaption], start: int, end: int, fps: Fraction, size: tuple[int, int]) -> str:
    """The script of what is seen in frames start (included) to end (excluded) of the video; empty without any.

    size: width and height of the picture. Frame `start` is the script's time 0.
    """
    events = [
        event
        for one in shown
        if one.start < end and one.end > start
        for event in _events(one, start, end, fps, layout(*size).size)
    ]
    return "\n".join([*head(*size, _styles(*size)), *events]) + "\n" if events else ""


def _styles(width: int, height: int) -> list[str]:
    """Words with a thin outline; below them the same words as a soft dark cloud, for light and restless grounds."""
    sizes = layout(width, height)
    place = f"2,{sizes.side},{sizes.side},{sizes.below},{BY_ITS_LETTERS}"
    line, cloud = sizes.size * 0.05, sizes.size * 0.2
    letters = f"{FONT.family},{sizes.size}"
    shape = "-1,0,0,0,100,100,0,0,1"
    return [
        f"Style: Line,{letters},&H00FFFFFF,&H00FFFFFF,&H00101010,&HFF000000,{shape},{line:.2f},0,{place}",
        f"Style: Cloud,{letters},&HFF000000,&HFF000000,&H50000000,&HFF000000,{shape},{cloud:.2f},0,{place}",
    ]


def _events(one: LitCaption, start: int, end: int, fps: Fraction, size: int) -> Iterator[str]:
    first, last = max(one.start, start), min(one.end, end)
    begins, ends = _clock(first - start, fps), _clock(last - start, fps)
    yield f"Dialogue: 0,{begins},{ends},Cloud,,0,0,0,,{{\\blur{size * 0.12:.1f}}}{_text(one, None, size)}"
    words = [word for row in one.rows for word in row]
    changes = {first, last, *(edge for word in words for edge in (word.start, word.end) if first < edge < last)}
    for here, after in pairwise(sorted(changes)):
        text = _text(one, here, size)
        yield f"Dialogue: 1,{_clock(here - start, fps)},{_clock(after - start, fps)},Line,,0,0,0,,{text}"


def _text(one: LitCaption, frame: int | None, size: int) -> str:
    """The caption as it is in a frame; None: without colours."""
    whole = choose_face("caption", "".join(word.text for row in one.rows for word in row))
    return "\\N".join(_row(row, one.rightward, frame, whole, size) for row in one.rows)


def _row(row: tuple[Lit, ...], rightward: bool, frame: int | None, whole: Face | None, size: int) -> str:
    told = []
    for number, word in enumerate(row):
        face = whole or face_of(word.text)
        tags = f"\\fn{face.family}\\fs{round(size * line_height(face) / line_height(FONT))}"
        if frame is not None:
            tags += f"\\1c{LIT if word.start <= frame < word.end else LIGHT}"
        told.append(f"{word.gap if number else ''}{{{tags}}}{escaped(word.text)}")
    if rightward == _begins_rightward("".join(word.text for word in row)):
        return "".join(told)
    return ("\u200e" if rightward else "\u200f") + "".join(told)


def _begins_rightward(text: str) -> bool:
    """Whether the first letter that has a direction is read from left to right, as it is where none has."""
    ways = (unicodedata.bidirectional(char) for char in text)
    return next((way == "L" for way in ways if way in ("L", "R", "AL")), True)


def _clock(frame: int, fps: Fraction) -> str:
    """A time of ASS between this frame and the one before it, so that neither is in doubt."""
    return clock(max(0, floor((frame * 1000 / fps - 1) / 10)))
