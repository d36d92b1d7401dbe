"""Folders for files in work that leave nothing behind, not even after the process was killed.

Each process has a folder below `<scratch>/composer`, held by a lock on a file in it that ends with the process.
Whoever starts removes the folders whose lock is free.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_LOCK = ".lock"


class Scratch:
    """This process's folder. `open` before use, `close` after."""

    def __init__(self, root: Path) -> None:
        self._root = root / "composer"
        self._own: Path | None = None
        self._lock = -1

    def open(self) -> None:
        """Makes this process's folder, after removing those of dead processes."""
        self._root.mkdir(parents=True, exist_ok=True)
        gate = _lock(self._root / _LOCK, wait=True)
        try:
            for folder in self._root.iterdir():
                if folder.is_dir():
                    free = _lock(folder / _LOCK, wait=False)
                    if free >= 0:
                        shutil.rmtree(folder, ignore_errors=True)
                        os.close(free)
            self._own = Path(tempfile.mkdtemp(dir=self._root))
            self._lock = _lock(self._own / _LOCK, wait=True)
        finally:
            os.close(gate)

    def close(self) -> None:
        """Removes this process's folder."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = None

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A fresh folder, removed with all in it at the end, whatever the end is."""
        if self._own is None:
            raise RuntimeError("the scratch folder is not open")
        folder = Path(tempfile.mkdtemp(dir=self._own))
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def _lock(path: Path, *, wait: bool) -> int:
    """A descriptor that holds the file's lock; -1 when another process has it and `wait` is not set."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return -1
    return descriptor
