"""The faces that captions need, in one folder: so that they look the same on a machine without any font.

The renderer of captions doesn't set the axes of variable fonts: of these, the weight that is wanted is cut, with
the letters that are shown.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

from libs.type.coverage import choose_face
from libs.type.faces import FACES, Face

_ALWAYS = string.printable + "…\u200e\u200f"
_FAMILY, _CUT, _FULL, _POSTSCRIPT = 1, 2, 4, 6
"""Ids of a font's names."""


def font_folder(parent: Path, texts: Iterable[str]) -> Path:
    """A folder in `parent` with the faces that these texts are set in, and the usual one."""
    folder = parent / "fonts"
    folder.mkdir(exist_ok=True)
    letters: dict[Face, set[str]] = {FACES["caption"][0]: set()}
    for text in texts:
        letters.setdefault(choose_face("caption", text) or FACES["caption"][0], set()).update(text)
    for face, shown in letters.items():
        file = folder / face.path.name
        if face.axes and not file.exists():
            _cut(face, "".join(sorted({*shown, *_ALWAYS})), file)
        elif not file.exists():
            file.symlink_to(face.path)
    return folder


def _cut(face: Face, letters: str, file: Path) -> None:
    """Writes the face at its axes' settings as a bold font of its family."""
    weight, width = face.axes
    options = Options()
    options.layout_features = ["*"]
    options.name_IDs = ["*"]
    options.notdef_outline = True
    with TTFont(face.path, lazy=True) as font:
        cutter = Subsetter(options)
        cutter.populate(text=letters)
        cutter.subset(font)
        cut = instancer.instantiateVariableFont(font, {"wght": weight, "wdth": width}, inplace=True)
        names = cut["name"]
        names.names = [name for name in names.names if name.nameID not in (16, 17, 21, 22, 25)]
        told = {_FAMILY: face.family, _CUT: "Bold", _FULL: f"{face.family} Bold"}
        for number, name in {**told, _POSTSCRIPT: told[_FULL].replace(" ", "")}.items():
            names.setName(name, number, 3, 1, 0x409)
        cut["OS/2"].usWeightClass = 700
        cut["OS/2"].fsSelection = cut["OS/2"].fsSelection & ~0x41 | 0x20
        cut["head"].macStyle |= 1
        cut["head"].modified = cut["head"].created
        cut.recalcTimestamp = False
        cut.save(file)
