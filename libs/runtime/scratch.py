"""Folders for files in work that leave nothing behind, not even after the process was killed.

Each process has a folder of its own below a root that processes may share. It is held by a lock on a file in it,
and the lock ends with the process; whoever starts removes the folders whose lock is free.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from libs.runtime.disk import full_disk_is_retryable

LOCK = "lock"
"""The name of the lock in the root, and in each process's folder."""


class Scratch:
    """This process's folder below `root`, and one in it for each piece of work. An async context manager.

    Raises Retryable("no_space") when not even a folder fits.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._own: Path | None = None
        self._lock = -1

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.shield(asyncio.to_thread(self.close))

    def open(self) -> None:
        """Remove what dead processes left, then make this process's folder. Blocks."""
        with full_disk_is_retryable():
            self._root.mkdir(parents=True, exist_ok=True)
            with _held(self._root / LOCK):  # nobody removes a folder that is made but not locked yet
                for left in self._root.iterdir():
                    if left.is_dir() and _is_free(left):
                        shutil.rmtree(left, ignore_errors=True)
                own = Path(tempfile.mkdtemp(dir=self._root))
                self._lock = os.open(own / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                self._own = own

    def close(self) -> None:
        """Remove this process's folder with all in it. Blocks."""
        if self._own is not None:
            own, self._own = self._own, None
            shutil.rmtree(own, ignore_errors=True)
            os.close(self._lock)

    @contextlib.asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A new empty folder, removed with all in it when the block ends, whatever the end is.

        Raises RuntimeError when the scratch is not open.
        """
        if self._own is None:
            raise RuntimeError("the scratch is not open")
        with full_disk_is_retryable():
            folder = Path(tempfile.mkdtemp(dir=self._own))
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_free(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:  # not ours to judge
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)
