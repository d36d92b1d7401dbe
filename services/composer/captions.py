"""Given lyrics as captions: words with times become lines on the screen, and those an ASS script. Pure.

The text comes from a user: everything that ASS could take for a command is made harmless here, and the script
reaches ffmpeg as a file.
"""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from libs.contracts.analysis import Word
from libs.contracts.storyboard import Scene
from libs.type.coverage import choose_face, drawable
from libs.type.faces import FACES, Face
from libs.type.metrics import line_height

FONT = FACES["caption"][0]
"""What captions are set in, where it has their letters."""
MIN_SECONDS = 0.8
"""A caption stays at least so long, unless the next one comes earlier."""
LINGER_SECONDS = 0.35
"""How long a caption stays after its last word, if nothing follows."""
MAX_ROWS = 2
MIN_PART_SECONDS = 0.25
"""What is left of a caption beside a scene that has its words drawn in is not shown for less."""
BY_ITS_LETTERS = -1
"""The encoding of a style whose rows read to the left or to the right, as their first letter does."""
FULL_WIDTH = 0.43
"""The width of an ordinary letter in parts of one that is as wide as high."""


class Caption(NamedTuple):
    """Rows of text shown from `start` to `end`, in seconds."""

    start: float
    end: float
    rows: tuple[str, ...]


class Layout(NamedTuple):
    """Sizes of captions in pixels of the picture."""

    size: int
    side: int
    below: int
    columns: int
    """Letters that fit into a row."""


def layout(width: int, height: int) -> Layout:
    """Sizes that can be read and stay clear of the edges, and of what phones lay over upright video."""
    short = min(width, height)
    upright = height > width * 1.3
    size = max(12, round(short * (0.075 if width > height else 0.07)))
    side = round(width * (0.1 if width > height else 0.08))
    below = round(height * (0.17 if upright else 0.08))
    columns = max(8, int((width - 2 * side) / (FULL_WIDTH * size)))
    return Layout(size, side, below, columns)


def captions(words: Iterable[Word], columns: int) -> list[Caption]:
    """Captions of at most two rows, at the times of their words; those of one line of lyrics stay together.

    Lines that don't fit are shown in turns, each at the time of its own first word. No two captions overlap.
    Symbols that no face has, such as emoji, are left out.
    """
    timed = [word for word in words if word.placed and drawable(word.text) and _is_timed(word)]
    shown: list[tuple[float, float, tuple[str, ...]]] = []
    for _, line in groupby(timed, key=lambda word: word.line):
        for group in _turns(list(line), columns):
            rows = _kept(_rows([drawable(word.text) for word in group], columns))
            shown.append((group[0].start, max(word.end for word in group), rows))
    shown.sort(key=lambda caption: caption[0])
    found = []
    for index, (start, end, text_rows) in enumerate(shown):
        latest = shown[index + 1][0] if index + 1 < len(shown) else math.inf
        stop = min(max(end + LINGER_SECONDS, start + MIN_SECONDS), latest)
        if stop - max(start, 0.0) >= 0.05:
            found.append(Caption(max(start, 0.0), stop, text_rows))
    return found


def _is_timed(word: Word) -> bool:
    return math.isfinite(word.start) and math.isfinite(word.end)


def _turns(line: Sequence[Word], columns: int) -> list[list[Word]]:
    """A line's words in groups that each fit into `MAX_ROWS` rows."""
    turns: list[list[Word]] = [[]]
    for word in line:
        group = [*turns[-1], word]
        if turns[-1] and len(_rows([drawable(one.text) for one in group], columns)) > MAX_ROWS:
            turns.append([word])
        else:
            turns[-1] = group
    return turns


def _rows(texts: Sequence[str], columns: int) -> list[str]:
    """The words in as few rows as they need, of about equal length."""
    text = " ".join(texts)
    if any(unicodedata.east_asian_width(char) in "WF" for char in text):
        columns = max(4, int(columns * FULL_WIDTH))
    rows = textwrap.wrap(text, columns)
    for narrower in range(max(8, len(text) // max(len(rows), 1)), columns):
        closer = textwrap.wrap(text, narrower)
        if len(closer) == len(rows):
            return closer
    return rows


def _kept(rows: Sequence[str]) -> tuple[str, ...]:
    """As many rows as are shown; a dot, dot, dot tells of a word that is longer than that."""
    if len(rows) <= MAX_ROWS:
        return tuple(rows)
    return (*rows[: MAX_ROWS - 1], rows[MAX_ROWS - 1][:-1] + "…")


def escaped(text: str) -> str:
    """Text that ASS shows as it stands: no override blocks, no line breaks, no escapes.

    A backslash has no escape of its own in ASS, so a word joiner of no width parts it from what follows.
    """
    return text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def within(all_captions: Iterable[Caption], start: int, end: int, fps: Fraction) -> list[Caption]:
    """The captions that are seen in frames start (included) to end (excluded)."""
    return [one for one in all_captions if one.start < float(end / fps) and one.end > float(start / fps)]


def beside(shown: Iterable[Caption], scenes: Iterable[Scene], fps: Fraction) -> list[Caption]:
    """The captions outside of scenes that have the words drawn into their picture, or show none."""
    left = list(shown)
    for scene in scenes:
        if scene.lyrics != "captions":
            start, end = float(scene.start_frame / fps), float(scene.end_frame / fps)
            left = [part for one in left for part in _outside(one, start, end)]
    return left


def _outside(one: Caption, start: float, end: float) -> list[Caption]:
    if one.end <= start or one.start >= end:
        return [one]
    parts = (one._replace(end=min(one.end, start)), one._replace(start=max(one.start, end)))
    return [part for part in parts if part.end - part.start >= MIN_PART_SECONDS]


def face_of(one: Caption) -> Face:
    """The face that has the caption's letters; the usual one when none has."""
    return choose_face("caption", "".join(one.rows)) or FONT


def script(shown: Iterable[Caption], width: int, height: int) -> str:
    """The ASS script that shows these captions on a picture of this size. Times are those of the whole video."""
    sizes = layout(width, height)
    outline = max(1.0, sizes.size * 0.055)
    style = (
        f"Style: Line,{FONT.family},{sizes.size},&H00FFFFFF,&H00FFFFFF,&H30000000,&H80000000,-1,0,0,0,100,100,0,0,"
        f"1,{outline:.2f},{outline / 2:.2f},2,{sizes.side},{sizes.side},{sizes.below},{BY_ITS_LETTERS}"
    )
    lines = head(width, height, [style])
    for one in shown:
        text = "\\N".join(escaped(row) for row in one.rows)
        face = face_of(one)
        size = round(sizes.size * line_height(face) / line_height(FONT))
        font = f"\\fn{face.family}\\fs{size}" if face != FONT else ""
        lines.append(
            f"Dialogue: 0,{_hundredths(one.start)},{_hundredths(one.end)},Line,,0,0,0,,{{\\fad(90,90){font}}}{text}"
        )
    return "\n".join(lines) + "\n"


def head(width: int, height: int, styles: Sequence[str]) -> list[str]:
    """The lines of an ASS script for a picture of this size, up to its first event."""
    return [
        "[Script Info]",
        "ScriptType: v4.00+",
        f"PlayResX: {width}",
        f"PlayResY: {height}",
        "WrapStyle: 0",
        "ScaledBorderAndShadow: yes",
        "YCbCr Matrix: TV.709",
        "",
        "[V4+ Styles]",
        "Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic,"
        " Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL,"
        " MarginR, MarginV, Encoding",
        *styles,
        "",
        "[Events]",
        "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text",
    ]


def _hundredths(seconds: float) -> str:
    return clock(round(seconds * 100))


def clock(hundredths: int) -> str:
    """A time of ASS, which is written in hundredths of a second."""
    return f"{hundredths // 360000}:{hundredths // 6000 % 60:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"
