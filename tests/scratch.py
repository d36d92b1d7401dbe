"""What lies in a service's scratch folder."""

from __future__ import annotations

from pathlib import Path

from libs.runtime.scratch import LOCK


def files_in_work(scratch: Path) -> list[Path]:
    """All files but the locks, which a running service keeps."""
    return [path for path in scratch.rglob("*") if path.is_file() and path.name != LOCK]
