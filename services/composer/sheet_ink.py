"""Colours and letters of the contact sheet."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageDraw, ImageFont

from libs.type.coverage import choose_face
from libs.type.faces import FACES, Face, Role

GROUND, INK, SOFT, FAINT = "#15171b", "#efeae0", "#9aa0a8", "#343840"
OFF = "#ff7a59"
"""A cut that isn't on the beat."""
TINTS = ("#e0b15c", "#63aaa2", "#d97b66", "#8592cc", "#a5ba70", "#c48bb4", "#86b6dc", "#b79c7c")
"""Sections of one group have one tint."""

Style = tuple[Role, int]
"""The role of a face, and its size in pixels."""


def tint_of(group: int) -> str:
    """The tint of a group of sections; grey below 0."""
    return SOFT if group < 0 else TINTS[group % len(TINTS)]


@lru_cache(maxsize=64)
def _font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(str(face.path), size)
    if face.axes:
        font.set_variation_by_axes(list(face.axes))
    return font


def write(
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
