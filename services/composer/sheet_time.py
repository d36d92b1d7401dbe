"""A row of time on the contact sheet: sections, cuts, waveform, motion and beats over the same seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from services.composer.sheet_content import Cut, Part, Sheet
from services.composer.sheet_ink import FAINT, GROUND, INK, OFF, SOFT, tint_of, write
from services.composer.sheet_layout import CONTENT, MARGIN, WIDTH, TimeRow, clock

SECTION, MARKS, WAVE, MOTION, BEATS, CLOCK = 40, 34, 170, 46, 22, 34
"""Heights of its parts, from the top."""
HEIGHT = SECTION + MARKS + WAVE + MOTION + BEATS + CLOCK
BAR = 4
"""Pixels from one bar of the waveform to the next."""
LEAST_BEAT = 5
"""Pixels between beats below which only downbeats are drawn."""
CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


def draw_row(draw: ImageDraw.ImageDraw, sheet: Sheet, row: TimeRow, top: int) -> None:
    """Draws a row of time, `HEIGHT` pixels high, from `top` on."""
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
        draw.rectangle((left, top, max(left, right - 3), top + SECTION - 9), fill=tint_of(part.group))
        if right - left > 40:
            base = top + SECTION - 17
            write(draw, (left + 10, base), part.label.upper(), ("caption", 17), GROUND, width=right - left - 16)


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
        tint = tint_of(sheet.parts[number].group) if number >= 0 else SOFT
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
            free = x + 10 + write(draw, (x, top - 14), cut.name, ("caption", 16), colour)


def _clock(draw: ImageDraw.ImageDraw, row: TimeRow, top: int) -> None:
    step = next((step for step in CLOCK_STEPS if step * row.scale >= 110), int(row.end - row.start) + 1)
    first = int(-(-row.start // step))
    for number in range(first, int(row.end // step) + 1):
        x = row.x(number * step)
        anchor = "ls" if x < 20 else "rs" if x > CONTENT - 20 else "ms"
        write(draw, (MARGIN + x, top + 24), clock(number * step), ("caption", 16), SOFT, anchor=anchor)
