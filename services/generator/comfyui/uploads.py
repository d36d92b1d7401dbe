"""Files that a prompt needs on its server: named by their bytes, sent once, ending as their content says."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from services.generator.comfyui.server import Server

_MARKS: tuple[tuple[bytes, int, bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, b"", ".png"),
    (b"\xff\xd8\xff", 0, b"", ".jpg"),
    (b"RIFF", 8, b"WEBP", ".webp"),
    (b"RIFF", 8, b"WAVE", ".wav"),
    (b"GIF8", 0, b"", ".gif"),
    (b"fLaC", 0, b"", ".flac"),
    (b"OggS", 0, b"", ".ogg"),
    (b"ID3", 0, b"", ".mp3"),
    (b"\x1aE\xdf\xa3", 0, b"", ".webm"),
    (b"", 4, b"ftyp", ".mp4"),
)
"""What a file begins with, what it has at another place, and its ending."""
_HEAD = 16


class InputFile(NamedTuple):
    """A file as it was when it was looked at."""

    path: Path
    sha256: str
    ending: str
    """By content, with its dot: nodes list files by their ending, and what comes from the store has none."""

    @property
    def name(self) -> str:
        """What it is called on servers: the same bytes have the same name."""
        return f"beatloom-{self.sha256[:32]}{self.ending}"


Inputs = Mapping[str, InputFile]
"""By the parameter that they are for."""


async def looked_at(files: Mapping[str, Path]) -> Inputs:
    """The files by parameter. Raises OSError."""
    return {parameter: await asyncio.to_thread(_read, path) for parameter, path in files.items()}


def _read(path: Path) -> InputFile:
    with path.open("rb") as file:
        ending = ending_of(file.read(_HEAD)) or path.suffix
        file.seek(0)
        return InputFile(path, hashlib.file_digest(file, "sha256").hexdigest(), ending)


def ending_of(head: bytes) -> str:
    """The ending for a file that begins with `head`; "" for none that we know."""
    for mark, at, other, ending in _MARKS:
        if head.startswith(mark) and head[at : at + len(other)] == other:
            return ending
    return ""


class Uploads:
    """What we have sent, by server. A server that was started anew may have lost it."""

    def __init__(self) -> None:
        self._there: dict[str, tuple[str, set[str]]] = {}
        """By server, its epoch and the names."""

    async def put(self, server: Server, inputs: Inputs) -> dict[str, str]:
        """The names of the files on the server, by parameter; what is not there is sent. Raises ComfyError."""
        epoch, there = self._there.get(server.name, ("", set[str]()))
        if epoch != server.epoch:
            there = set()
            self._there[server.name] = server.epoch, there
        names: dict[str, str] = {}
        for parameter, file in inputs.items():
            names[parameter] = file.name
            if file.name not in there:
                names[parameter] = await server.gateway.upload(file.path, file.name)
                if names[parameter] == file.name:
                    there.add(file.name)
        return names

    def forget(self, server: Server) -> None:
        """They are gone there."""
        self._there.pop(server.name, None)
