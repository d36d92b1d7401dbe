"""A data directory for one render, beside those of others, and gone at its end."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from libs.contracts.errors import Permanent

YOUNG_S = 60.0
"""A folder this young may belong to a render that has not locked it yet."""
KEPT_LOGS = 10


@contextmanager
def run_folder(renders: Path) -> Iterator[Path]:
    """A new folder below `renders`, removed at the end. What killed renders left there is removed first."""
    try:
        renders.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(renders)
        folder = Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=renders))
    except OSError as error:
        hint = "Set XDG_CACHE_HOME to a folder that can be written to."
        raise Permanent("bad_setting", f"{renders} can't be used: {error.strerror}.", hint=hint) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(renders: Path) -> None:
    """Remove the folders of renders whose process is gone: nobody holds their lock."""
    for folder in renders.iterdir():
        with suppress(OSError):
            if folder.is_dir() and time.time() - folder.stat().st_mtime > YOUNG_S and _is_free(folder / "lock"):
                shutil.rmtree(folder, ignore_errors=True)


def _is_free(lock: Path) -> bool:
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def keep_log(log: Path, logs: Path) -> Path:
    """Save the log of a render that failed, and drop the oldest of those kept. Returns where it lies."""
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = logs / f"{log.parent.name}.log"
    shutil.copyfile(log, kept)
    for old in sorted(logs.glob("*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return kept


@contextmanager
def stderr_into(log: Path) -> Iterator[TextIO]:
    """Send what this process and its children write to stderr to a file; yields the real stderr.

    Logs and what libraries print would tear the progress bar apart.
    """
    sys.stderr.flush()
    real = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    out = os.fdopen(os.dup(real), "w", encoding="utf-8", errors="replace")
    try:
        yield out
    finally:
        sys.stderr.flush()
        os.dup2(real, 2)
        os.close(real)
        out.close()
