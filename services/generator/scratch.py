"""Scratch folders that leave nothing behind: removed after each task, and swept after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

LOCK = "lock"


class Scratch:
    """A folder of this process below `root`, and one in it for each task.

    The folder is held by a file lock that ends with the process. `open` removes folders whose lock is free:
    their process died. So several processes may share one root.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._home: Path | None = None
        self._lock = -1

    def open(self) -> None:
        """Sweep what dead processes left, then make this process's folder."""
        self._root.mkdir(parents=True, exist_ok=True)
        with _held(self._root / LOCK):  # nobody sweeps a folder that is made but not locked yet
            for left in self._root.iterdir():
                if left.is_dir() and _is_free(left):
                    shutil.rmtree(left, ignore_errors=True)
            self._home = Path(tempfile.mkdtemp(dir=self._root))
            self._lock = os.open(self._home / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Remove this process's folder."""
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            os.close(self._lock)
            self._home = None

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A new empty folder, gone with all that is in it when the block ends."""
        if self._home is None:
            raise RuntimeError("the scratch folder is not open")
        with tempfile.TemporaryDirectory(dir=self._home, ignore_cleanup_errors=True) as path:
            yield Path(path)


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
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)
