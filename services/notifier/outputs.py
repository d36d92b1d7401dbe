"""A job's files by their names, where artifacts lie in a folder: links beside the blobs, which have none."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from libs.artifacts.store import checked_key
from libs.contracts.artifacts import OUTPUTS
from libs.contracts.tasks import Notify, TellableFile

log = logging.getLogger(__name__)


def lay_out(folder: Path, job_id: str, order: Notify) -> Path | None:
    """Link what a narrated job has made below `output/JOB`, by the names of the API; where that is.

    Doing it again changes nothing. None for other jobs, and where no links can be made: then files are told by
    their blobs.
    """
    if order.voiceover is None:
        return None
    try:
        for file in _files(order):
            _link(folder / file.blob.key, folder / checked_key(f"{OUTPUTS}/{job_id}/{name_of(file.path)}"))
    except (OSError, ValueError) as error:
        log.warning("the files of %s get no names: %s", job_id, error)
        return None
    return folder / OUTPUTS / job_id


def name_of(path: str) -> str:
    """The name of a file among its job's, from its path on the API."""
    return path.partition("/files/")[2]


def _files(order: Notify) -> Iterator[TellableFile]:
    yield from (*order.videos, *order.images)
    if order.video is not None:
        yield TellableFile(path=order.video_path, blob=order.video)
    for file in (order.voiceover, order.manifest):
        if file is not None:
            yield file


def _link(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    new = target.with_name(f"{secrets.token_hex(8)}.new")
    os.link(source, new)
    try:
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
