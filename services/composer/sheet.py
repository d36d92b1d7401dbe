"""The contact sheet: a frame of each scene over the waveform with its beats, sections and cuts. For a child.

Drawn from what was measured; nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from PIL import Image, ImageDraw

from services.composer.sheet_content import Frame, Sheet
from services.composer.sheet_ink import FAINT, GROUND, INK, OFF, SOFT, tint_of, write
from services.composer.sheet_layout import CONTENT, MARGIN, WIDTH, clock, grid, time_rows
from services.composer.sheet_time import HEIGHT, draw_row

HEAD = 196
ROW_GAP, FOOT = 44, 116
MAX_BYTES = 600_000


def draw_sheet(sheet: Sheet) -> bytes:
    """The sheet as a JPEG of at most `MAX_BYTES`, or near."""
    cells = grid(len(sheet.frames), *sheet.size)
    rows = time_rows(sheet.duration)
    time_top = HEAD + cells.total_height + 64
    height = time_top + len(rows) * HEIGHT + (len(rows) - 1) * ROW_GAP + FOOT
    image = Image.new("RGB", (WIDTH, height), GROUND)
    draw = ImageDraw.Draw(image)
    _head(draw, sheet)
    for number, frame in enumerate(sheet.frames):
        x, y = cells.place(number)
        _frame(image, draw, frame, (MARGIN + x, HEAD + y), (cells.width, cells.height))
    for number, row in enumerate(rows):
        draw_row(draw, sheet, row, time_top + number * (HEIGHT + ROW_GAP))
    _foot(draw, sheet, height - FOOT + 44)
    return _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    for quality in (90, 84, 78, 70, 60, 48, 36, 26):
        out = BytesIO()
        image.save(out, "JPEG", quality=quality, optimize=True, subsampling=0 if quality > 80 else 2)
        if out.tell() <= MAX_BYTES:
            break
    return out.getvalue()


def _head(draw: ImageDraw.ImageDraw, sheet: Sheet) -> None:
    draw.rectangle((MARGIN, 64, MARGIN + 56, 71), fill=INK)
    aside = write(draw, (WIDTH - MARGIN, 124), sheet.aside, ("caption", 27), SOFT, anchor="rs")
    write(draw, (MARGIN - 2, 126), sheet.headline, ("grotesk", 50), INK, width=CONTENT - aside - 60)
    write(draw, (MARGIN, 166), sheet.measured, ("caption", 22), SOFT, width=CONTENT)


def _frame(
    image: Image.Image, draw: ImageDraw.ImageDraw, frame: Frame, at: tuple[int, int], size: tuple[int, int]
) -> None:
    (x, y), (width, height) = at, size
    if frame.picture is None:
        draw.rectangle((x, y, x + width - 1, y + height - 1), outline=FAINT)
    else:
        picture = Image.fromarray(frame.picture)
        image.paste(picture if picture.size == size else picture.resize(size), at)
    draw.rectangle((x, y + height + 6, x + width - 1, y + height + 9), fill=tint_of(frame.group))
    small = 20 if width >= 190 else 17
    base = y + height + 32
    told = write(draw, (x, base), frame.name, ("grotesk", small), INK)
    time = write(draw, (x + width, base), clock(frame.at, 1), ("caption", small - 2), SOFT, anchor="rs")
    if frame.section:
        room = width - told - time - 24
        if room > 40:
            write(
                draw, (x + told + 10, base), frame.section, ("caption", small - 2), tint_of(frame.group), width=room
            )
    write(draw, (x, base + 23), frame.note, ("caption", small - 3), SOFT, width=width)


def _foot(draw: ImageDraw.ImageDraw, sheet: Sheet, base: int) -> None:
    x = float(MARGIN)
    kinds: list[tuple[str, str, int]] = [("waveform", tint_of(-1), 0), ("motion", SOFT, 1)]
    if sheet.beats:
        kinds += [("beat", SOFT, 2), ("downbeat", INK, 3), ("cut on the beat", INK, 4)]
        if any(cut.on_beat is False for cut in sheet.cuts):
            kinds += [("cut off the beat", OFF, 4)]
    else:
        kinds += [("cut", INK, 4)]
    for name, colour, kind in kinds:
        for box in _sign(kind, x, base):
            draw.rectangle(box, fill=colour)
        x += 34 + write(draw, (x + 34, base), name, ("caption", 17), SOFT) + 40


def _sign(kind: int, x: float, base: int) -> Iterable[tuple[float, float, float, float]]:
    """Boxes that stand for a kind of mark."""
    if kind == 0:
        return [(x + 6 * i, base - 6 - tall, x + 6 * i + 3, base - 6 + tall) for i, tall in enumerate((3, 8, 5, 2))]
    if kind == 1:
        return [(x + i, base - 14, x + i, base - 10 + tall) for i, tall in enumerate((2, 4, 6, 9, 10, 8, 5, 3) * 3)]
    high = {2: 7, 3: 16, 4: 22}[kind]
    return [(x + 12, base - high + 4 - 2, x + 12 + (kind > 2), base + 2)]
