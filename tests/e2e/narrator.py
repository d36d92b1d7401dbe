"""Somebody who has scripts told over HTTP, and counts what was made for it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from libs.contracts.manifest import Manifest
from libs.contracts.report import Report
from tests.faults.fleet import ENDED, Client

LOOK_S = 0.3
"""Between two looks at a job: it needs the processor more than who waits for it."""
DONE = ("voice.rendered", "storyboard.planned", "take.rendered", "video.composed")


@dataclass(frozen=True)
class Made:
    """What a job had to make; what had been made before is not in it."""

    sentences: int
    """Spoken."""
    clips: tuple[str, ...]
    """Ids of scenes."""
    facts: tuple[str, ...]
    """Names of all that was made, in order."""


class Narrator:
    """A client of a stack whose data lies in a folder."""

    def __init__(self, client: Client, data: Path) -> None:
        self.client = client
        self._ledger = data / "ledger.sqlite3"

    def ask(self, script: str, *, music: Path | None = None, **more: Any) -> httpx.Response:
        """Order a video. more: `options`, `prompts`, `language`."""
        if music is None:
            return httpx.post(f"{self.client.url}/api/v1/jobs", json={"script": script, **more}, timeout=60)
        parts: list[tuple[str, tuple[str | None, bytes]]] = [
            ("script", (None, script.encode())),
            ("song", (music.name, music.read_bytes())),
            *((name, (None, msgspec.json.encode(value))) for name, value in more.items()),
        ]
        return httpx.post(f"{self.client.url}/api/v1/jobs", files=parts, timeout=60)

    def tell(self, script: str, *, seconds: float = 180, **more: Any) -> dict[str, Any]:
        """The job, once it has ended well."""
        job = self.ended(script, seconds=seconds, **more)
        assert job["status"] == "completed", job
        return job

    def ended(self, script: str, *, seconds: float = 180, **more: Any) -> dict[str, Any]:
        """The job, once it has ended."""
        answer = self.ask(script, **more)
        assert answer.status_code == 202, answer.text
        job_id, end = answer.json()["job_id"], time.monotonic() + seconds
        while (job := self.client.job(job_id)).get("status") not in ENDED:
            assert time.monotonic() < end, f"{job_id} does not end: {job}"
            time.sleep(LOOK_S)
        return job

    def file(self, job: dict[str, Any], name: str) -> bytes:
        """A file of its output."""
        answer = httpx.get(f"{self.client.url}/api/v1/jobs/{job['job_id']}/files/{name}", timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.content

    def names(self, job: dict[str, Any]) -> set[str]:
        """All files of its output."""
        answer = httpx.get(f"{self.client.url}/api/v1/jobs/{job['job_id']}/files", timeout=60)
        return {file["name"] for file in answer.json()["files"]}

    def manifest(self, job: dict[str, Any]) -> Manifest:
        """What is told, shown and heard when."""
        return msgspec.json.decode(self.file(job, "manifest.json"), type=Manifest)

    def report(self, job: dict[str, Any]) -> Report:
        """What was measured of the file."""
        return msgspec.json.decode(self.file(job, "report.json"), type=Report)

    def made(self, job: dict[str, Any]) -> Made:
        """Counted from the ledger's facts."""
        with closing(sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True, timeout=10)) as ledger:
            query = "select message from facts where job_id = ? order by id"
            rows = ledger.execute(query, (job["job_id"],)).fetchall()
        facts = [msgspec.json.decode(row[0]) for row in rows]
        new = [fact["body"] for fact in facts if fact["task"] and not fact.get("usage", {}).get("reused")]
        return Made(
            sentences=sum(body.get("made", 0) for body in new),
            clips=tuple(sorted(body["clip"]["scene_id"] for body in new if body["type"] == "take.rendered")),
            facts=tuple(body["type"] for body in new if body["type"] in DONE),
        )
