"""The contact sheet: a frame of each scene over the waveform with its beats, sections and cuts. For a child.

Drawn from what was measured; nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from libs.type.coverage import choose_face
from libs.type.faces import FACES, Face, Role
from services.composer.sheet_layout import (
    CONTENT,
    MARGIN,
    WIDTH,
    TimeRow,
    clock,
    grid,
    time_rows,
)

GROUND, INK, SOFT, FAINT = "#15171b", "#efeae0", "#9aa0a8", "#343840"
OFF = "#ff7a59"
"""A cut that isn't on the beat."""
TINTS = ("#e0b15c", "#63aaa2", "#d97b66", "#8592cc", "#a5ba70", "#c48bb4", "#86b6dc", "#b79c7c")
"""Sections of one group have one tint."""

HEAD = 196
SECTION, MARKS, WAVE, MOTION, BEATS, CLOCK = 40, 34, 170, 46, 22, 34
"""Heights within a row of time, from the top."""
ROW = SECTION + MARKS + WAVE + MOTION + BEATS + CLOCK
ROW_GAP, FOOT = 44, 116
BAR = 4
"""Pixels from one bar of the waveform to the next."""
LEAST_BEAT = 5
"""Pixels between beats below which only downbeats are drawn."""
CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
MAX_BYTES = 600_000

Style = tuple[Role, int]
"""The role of a face, and its size in pixels."""
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


def draw_sheet(sheet: Sheet) -> bytes:
    """The sheet as a JPEG of at most `MAX_BYTES`, or near."""
    cells = grid(len(sheet.frames), *sheet.size)
    rows = time_rows(sheet.duration)
    time_top = HEAD + cells.total_height + 64
    height = time_top + len(rows) * ROW + (len(rows) - 1) * ROW_GAP + FOOT
    image = Image.new("RGB", (WIDTH, height), GROUND)
    draw = ImageDraw.Draw(image)
    _head(draw, sheet)
    for number, frame in enumerate(sheet.frames):
        x, y = cells.place(number)
        _frame(image, draw, frame, (MARGIN + x, HEAD + y), (cells.width, cells.height))
    for number, row in enumerate(rows):
        _row(draw, sheet, row, time_top + number * (ROW + ROW_GAP))
    _foot(draw, sheet, height - FOOT + 44)
    return _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    for quality in (90, 84, 78, 70, 60, 48, 36, 26):
        out = BytesIO()
        image.save(out, "JPEG", quality=quality, optimize=True, subsampling=0 if quality > 80 else 2)
        if out.tell() <= MAX_BYTES:
            break
    return out.getvalue()


@lru_cache(maxsize=64)
def _font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(face.path), size)
    if face.axes:
        font.set_variation_by_axes(list(face.axes))
    return font


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    style: Style,
    fill: str,
    *,
    anchor: str = "ls",
    width: float = 0,
) -> float:
    """Writes a line on its baseline, cut to `width` if that is given; answers how wide it is."""
    role, size = style
    font = _font(choose_face(role, text) or FACES[role][0], size)
    if width and font.getlength(text) > width:
        while text and font.getlength(text + "…") > width:
            text = text[:-1].rstrip()
        text += "…"
    draw.text(at, text, fill, font, anchor)
    return float(font.getlength(text))


def _head(draw: ImageDraw.ImageDraw, sheet: Sheet) -> None:
    draw.rectangle((MARGIN, 64, MARGIN + 56, 71), fill=INK)
    aside = _text(draw, (WIDTH - MARGIN, 124), sheet.aside, ("caption", 27), SOFT, anchor="rs")
    _text(draw, (MARGIN - 2, 126), sheet.headline, ("grotesk", 50), INK, width=CONTENT - aside - 60)
    _text(draw, (MARGIN, 166), sheet.measured, ("caption", 22), SOFT, width=CONTENT)


def _frame(
    image: Image.Image, draw: ImageDraw.ImageDraw, frame: Frame, at: tuple[int, int], size: tuple[int, int]
) -> None:
    (x, y), (width, height) = at, size
    if frame.picture is None:
        draw.rectangle((x, y, x + width - 1, y + height - 1), outline=FAINT)
    else:
        picture = Image.fromarray(frame.picture)
        image.paste(picture if picture.size == size else picture.resize(size), at)
    draw.rectangle((x, y + height + 6, x + width - 1, y + height + 9), fill=_tint(frame.group))
    small = 20 if width >= 190 else 17
    base = y + height + 32
    told = _text(draw, (x, base), frame.name, ("grotesk", small), INK)
    time = _text(draw, (x + width, base), clock(frame.at, 1), ("caption", small - 2), SOFT, anchor="rs")
    if frame.section:
        room = width - told - time - 24
        if room > 40:
            _text(
                draw, (x + told + 10, base), frame.section, ("caption", small - 2), _tint(frame.group), width=room
            )
    _text(draw, (x, base + 23), frame.note, ("caption", small - 3), SOFT, width=width)


def _tint(group: int) -> str:
    return SOFT if group < 0 else TINTS[group % len(TINTS)]


def _row(draw: ImageDraw.ImageDraw, sheet: Sheet, row: TimeRow, top: int) -> None:
    wave = top + SECTION + MARKS
    moving = wave + WAVE
    beats = moving + MOTION
    bottom = beats + BEATS
    _sections(draw, sheet.parts, row, top)
    _wave(draw, sheet, row, wave)
    _motion(draw, sheet, row, moving)
    _beats(draw, sheet.beats, row, beats)
    _cuts(draw, sheet.cuts, row, top + SECTION + MARKS, moving + MOTION)
    _clock(draw, row, bottom)


def _sections(draw: ImageDraw.ImageDraw, parts: Sequence[Part], row: TimeRow, top: int) -> None:
    for part in parts:
        if part.end <= row.start or part.start >= row.end:
            continue
        left, right = MARGIN + row.x(part.start), MARGIN + row.x(part.end)
        draw.rectangle((left, top, max(left, right - 3), top + SECTION - 9), fill=_tint(part.group))
        if right - left > 40:
            base = top + SECTION - 17
            _text(draw, (left + 10, base), part.label.upper(), ("caption", 17), GROUND, width=right - left - 16)


def _wave(draw: ImageDraw.ImageDraw, sheet: Sheet, row: TimeRow, top: int) -> None:
    if not sheet.peaks:
        return
    peaks = np.asarray(sheet.peaks)
    middle = top + WAVE // 2
    edges = np.array([part.start for part in sheet.parts])
    for x in range(0, CONTENT, BAR):
        start, end = row.start + x / row.scale, row.start + (x + BAR) / row.scale
        first = min(int(start / sheet.duration * peaks.size), peaks.size - 1)
        last = max(first + 1, int(end / sheet.duration * peaks.size))
        half = max(1, round(float(peaks[first:last].max()) * (WAVE / 2 - 6)))
        number = int(np.searchsorted(edges, (start + end) / 2, "right")) - 1
        tint = _tint(sheet.parts[number].group) if number >= 0 else SOFT
        draw.rectangle((MARGIN + x, middle - half, MARGIN + x + BAR - 2, middle + half), fill=tint)


def _motion(draw: ImageDraw.ImageDraw, sheet: Sheet, row: TimeRow, top: int) -> None:
    """A curve that grows downward from the foot of the waveform."""
    if not sheet.motion.size:
        return
    ceiling = max(float(np.percentile(sheet.motion, 97)), 0.5)
    for x in range(0, CONTENT, 2):
        start, end = row.start + x / row.scale, row.start + (x + 2) / row.scale
        first = min(int(start / sheet.duration * sheet.motion.size), sheet.motion.size - 1)
        last = max(first + 1, int(end / sheet.duration * sheet.motion.size))
        deep = round(min(float(sheet.motion[first:last].mean()) / ceiling, 1.0) * (MOTION - 12))
        draw.rectangle((MARGIN + x, top + 2, MARGIN + x, top + 2 + deep), fill=SOFT)


def _beats(draw: ImageDraw.ImageDraw, beats: Sequence[tuple[float, bool]], row: TimeRow, top: int) -> None:
    inside = [one for one in beats if row.holds(one[0])]
    dense = len(inside) > 1 and (row.end - row.start) / len(inside) * row.scale < LEAST_BEAT
    draw.rectangle((MARGIN, top, WIDTH - MARGIN - 1, top), fill=FAINT)
    for at, downbeat in inside:
        if downbeat or not dense:
            x = MARGIN + row.x(at)
            draw.rectangle(
                (x, top, x + int(downbeat), top + (16 if downbeat else 7)), fill=INK if downbeat else SOFT
            )


def _cuts(draw: ImageDraw.ImageDraw, cuts: Sequence[Cut], row: TimeRow, top: int, bottom: int) -> None:
    free = -100.0
    for cut in cuts:
        if not row.holds(cut.at):
            continue
        x = MARGIN + row.x(cut.at)
        colour = OFF if cut.on_beat is False else INK
        draw.rectangle((x - 2, top - 8, x + 3, bottom), fill=GROUND)
        draw.rectangle((x, top - 8, x + 1, bottom), fill=colour)
        if x - 2 >= free:
            free = x + 10 + _text(draw, (x, top - 14), cut.name, ("caption", 16), colour)


def _clock(draw: ImageDraw.ImageDraw, row: TimeRow, top: int) -> None:
    step = next((step for step in CLOCK_STEPS if step * row.scale >= 110), int(row.end - row.start) + 1)
    first = int(-(-row.start // step))
    for number in range(first, int(row.end // step) + 1):
        x = row.x(number * step)
        anchor = "ls" if x < 20 else "rs" if x > CONTENT - 20 else "ms"
        _text(draw, (MARGIN + x, top + 24), clock(number * step), ("caption", 16), SOFT, anchor=anchor)


def _foot(draw: ImageDraw.ImageDraw, sheet: Sheet, base: int) -> None:
    x = float(MARGIN)
    kinds: list[tuple[str, str, int]] = [("waveform", _tint(-1), 0), ("motion", SOFT, 1)]
    if sheet.beats:
        kinds += [("beat", SOFT, 2), ("downbeat", INK, 3), ("cut on the beat", INK, 4)]
        if any(cut.on_beat is False for cut in sheet.cuts):
            kinds += [("cut off the beat", OFF, 4)]
    else:
        kinds += [("cut", INK, 4)]
    for name, colour, kind in kinds:
        for box in _sign(kind, x, base):
            draw.rectangle(box, fill=colour)
        x += 34 + _text(draw, (x + 34, base), name, ("caption", 17), SOFT) + 40


def _sign(kind: int, x: float, base: int) -> Iterable[tuple[float, float, float, float]]:
    """Boxes that stand for a kind of mark."""
    if kind == 0:
        return [(x + 6 * i, base - 6 - tall, x + 6 * i + 3, base - 6 + tall) for i, tall in enumerate((3, 8, 5, 2))]
    if kind == 1:
        return [(x + i, base - 14, x + i, base - 10 + tall) for i, tall in enumerate((2, 4, 6, 9, 10, 8, 5, 3) * 3)]
    high = {2: 7, 3: 16, 4: 22}[kind]
    return [(x + 12, base - high + 4 - 2, x + 12 + (kind > 2), base + 2)]
