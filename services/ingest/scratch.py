"""A place for uploads in work that leaves nothing behind, not even after the process was killed.

Each process has a folder of its own below `uploads/`, held by a lock on a file in it. Whoever starts removes the
folders whose lock is free: their process is gone.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from libs.runtime.disk import full_disk_is_retryable

LOCK = ".lock"


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold an exclusive lock on the file; yields False when another process has it and `wait` is not set."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _remove_leftovers(root: Path) -> None:
    for folder in root.iterdir():
        if not folder.is_dir():
            continue
        try:
            with _locked(folder / LOCK, wait=False) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue


class UploadRoom:
    """This process's folder for uploads. Use `open_room`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A fresh folder, removed with all in it at the end, whatever the end is. Raises Retryable("no_space")."""
        with full_disk_is_retryable():
            folder = Path(tempfile.mkdtemp(dir=self.path))
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@contextmanager
def open_room(scratch: Path) -> Iterator[UploadRoom]:
    """Make this process's folder below `scratch/uploads`, after removing those of dead processes."""
    root = scratch / "uploads"
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        with _locked(root / LOCK, wait=True):
            _remove_leftovers(root)
            own = Path(tempfile.mkdtemp(dir=root))
            held.enter_context(_locked(own / LOCK, wait=True))
        held.callback(shutil.rmtree, own, ignore_errors=True)
        yield UploadRoom(own)
