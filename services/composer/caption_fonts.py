"""The faces that captions need, in one folder: so that they look the same on a machine without any font."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from libs.type.faces import FACES, Face


def font_folder(parent: Path, faces: Iterable[Face]) -> Path:
    """A folder in `parent` with links to the files of the faces and of the usual one."""
    folder = parent / "fonts"
    folder.mkdir(exist_ok=True)
    for face in {FACES["caption"][0], *faces}:
        link = folder / face.path.name
        if not link.exists():
            link.symlink_to(face.path)
    return folder
