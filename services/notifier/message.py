"""The body of a webhook: the same over all tries, but that its addresses are signed anew for each. Pure."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from libs.contracts.announcements import BudgetNews
from libs.contracts.artifacts import BLOBS, Blob
from libs.contracts.tasks import Notify, Task
from libs.seal.addresses import Addresses
from services.notifier.outputs import name_of


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job failed."""

    code: str
    message: str


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """The job that the event is about. Files are paths on this host where artifacts lie in a folder, and addresses
    where they lie in S3."""

    job_id: str
    run_id: str
    """The client's own, or the number of the job's run."""
    kind: str
    """full, storyboard, takes or export."""
    status: str
    video_url: str | None
    """An address in any case."""
    final_video_path: str | None
    output_dir: str | None
    error: Failure | None
    video_files: tuple[str, ...]
    image_files: tuple[str, ...]
    voiceover_path: str | None


class Ping(msgspec.Struct, frozen=True, kw_only=True):
    """What a test says."""

    endpoint_id: str


class Expiring(msgspec.Struct, frozen=True, kw_only=True):
    """A finished video that will be deleted."""

    job_id: str
    project_id: str
    video_url: str
    expires_at: datetime


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The body."""

    event: str
    timestamp: datetime
    """When it happened."""
    data: Data | Ping | BudgetNews | Expiring


class Places:
    """Where receivers find what a job has made.

    public_url: the API as receivers reach it. folder: that of the artifacts; None where they lie in S3. addresses:
    signs those of files, where the settings name a key: then they need no login. until: how long these are good.
    output: where the job's files lie by their names; None: by their digests.
    """

    def __init__(
        self,
        public_url: str,
        folder: Path | None,
        addresses: Addresses,
        until: datetime,
        output: Path | None = None,
    ) -> None:
        self._base = public_url.rstrip("/")
        self._folder = folder.absolute() if folder is not None else None
        self._addresses = addresses
        self._until = until
        self._output = output.absolute() if output is not None else None

    def address(self, path: str) -> str:
        """The address of a file on the API."""
        return self._base + (self._addresses.sign(path, self._until) if self._addresses.signs else path)

    def of(self, path: str, blob: Blob) -> str:
        """Where a file is."""
        if self._output is not None:
            return str(self._output / name_of(path))
        return self.address(path) if self._folder is None else str(self._folder / blob.key)

    def all_of(self, job_id: str) -> str:
        """Where all files of a job are."""
        if self._output is not None:
            return str(self._output)
        return f"{self._base}/api/v1/jobs/{job_id}/files" if self._folder is None else str(self._folder / BLOBS)


def body_of(task: Task, order: Notify, places: Places) -> bytes:
    """The JSON body of a task's webhook."""
    data = _announced(task, order, places) or _data(task, order, places)
    return msgspec.json.encode(Message(event=order.event, timestamp=order.timestamp, data=data))


def _announced(task: Task, order: Notify, places: Places) -> Ping | BudgetNews | Expiring | None:
    """What is told of other things than a run's end."""
    if order.event == "ping":
        return Ping(endpoint_id=task.task.partition(".")[2])
    if order.output is None:
        return order.budget
    return Expiring(
        job_id=order.output.job_id,
        project_id=order.output.project_id,
        video_url=places.address(order.output.video_path),
        expires_at=order.output.expires_at,
    )


def _data(task: Task, order: Notify, places: Places) -> Data:
    error = Failure(code=order.error_code, message=order.error_message) if order.error_code else None
    has_files = order.video is not None or order.videos or order.images
    return Data(
        job_id=task.job_id,
        run_id=order.run_id or str(task.run),
        kind=order.kind,
        status=order.status,
        video_url=places.address(order.video_path) if order.video_path else None,
        final_video_path=places.of(order.video_path, order.video) if order.video is not None else None,
        output_dir=places.all_of(task.job_id) if has_files else None,
        error=error,
        video_files=tuple(places.of(file.path, file.blob) for file in order.videos),
        image_files=tuple(places.of(file.path, file.blob) for file in order.images),
        voiceover_path=places.of(order.voiceover.path, order.voiceover.blob) if order.voiceover else None,
    )
