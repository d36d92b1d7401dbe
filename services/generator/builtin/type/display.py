"""Words set as large as a place allows."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import cv2
import numpy as np

from libs.type.coverage import choose_face, drawable, draws
from libs.type.faces import Face, Role
from services.generator.builtin.type.raster import Mask, clusters, word_mask

LONGEST = 40
"""Letters of a word that are drawn; the rest of a longer one is left out."""
TIGHT = -0.02
"""Tracking of large letters."""
_SAMPLE = 200.0


def capitals(text: str) -> str:
    """The text in capitals as its language writes them: Turkish i keeps its dot, Greek loses its accents."""
    if any(char in text for char in "ıİğĞ"):
        text = text.replace("i", "İ")
    upper = unicodedata.normalize("NFD", text.upper())
    kept: list[str] = []
    for char in upper:
        greek = bool(kept) and unicodedata.name(kept[-1], "").startswith("GREEK")
        if not (greek and char == "\u0301"):
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))


def face_for(role: Role, text: str) -> tuple[Face, str] | None:
    """The face that the text is set in, and the text as it is set: in capitals for the display role."""
    shown = drawable(text)
    if role == "display" and (upper := capitals(shown)) != shown:
        face = choose_face(role, upper)
        if face is not None:
            return face, upper
    face = choose_face(role, shown)
    return (face, shown) if face is not None and shown else None


def shortened(text: str, face: Face, most: int = LONGEST) -> str:
    """The text with at most so many letters."""
    letters = clusters(text)
    if len(letters) <= most:
        return text
    return "".join(letters[: most - 1]).rstrip() + ("…" if draws(face, "…") else "")


@lru_cache(maxsize=64)
def display_word(text: str, width: float, height: float, role: Role = "display") -> Mask | None:
    """The text in one row, its ink as large as a box of `width` x `height` pixels holds it.

    The display role writes capitals. None where no face has all the letters.
    """
    found = face_for(role, text)
    if found is None:
        return None
    face, shown = found[0], shortened(found[1], found[0])
    sample = word_mask(shown, face, _SAMPLE, TIGHT)
    size = max(6.0, min(width / sample.width, height / sample.height) * _SAMPLE)
    return _held(word_mask(shown, face, round(size, 2), TIGHT), width, height)


def _held(mask: Mask, width: float, height: float) -> Mask:
    """The mask made smaller where rounding, or its least size, has let it grow out of the box."""
    factor = min(width / mask.width, height / mask.height)
    if factor >= 1.0:
        return mask
    across, along = max(1, int(mask.width * factor)), max(1, int(mask.height * factor))
    alpha = np.asarray(cv2.resize(mask.alpha, (across, along), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return Mask(alpha, round(mask.left * factor), round(mask.top * factor), mask.advance * factor)
