"""Brings what a job has made to where the person wants it."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from libs.contracts.errors import Permanent
from services.standalone.client import API, ApiClient

REPORT, SHEET, VIDEO = "report.json", "sheet.jpg", "video.mp4"


async def fetch_results(client: ApiClient, job: dict[str, Any], video: Path, report: Path, sheet: Path) -> None:
    """The video, its report and its contact sheet, or none. The video comes last: one that lies there has both."""
    files = f"{API}/jobs/{job['job_id']}/files"
    await client.download(f"{files}/{REPORT}", report)
    try:
        _indent(report)
        await client.download(f"{files}/{SHEET}", sheet)
        await client.download(job["links"]["download"], video)
    except BaseException:
        _forget(report, sheet)
        raise


def _forget(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


async def fetch_kept(client: ApiClient, job_id: str, folder: Path) -> None:
    """All files that the job has made so far but the video itself; also of a job that failed."""
    listed = (await client.request("GET", f"{API}/jobs/{job_id}/files"))["files"]
    for file in listed:
        if file["name"] == VIDEO:
            continue
        name = PurePosixPath(file["name"])
        if name.is_absolute() or ".." in name.parts:
            raise Permanent("unexpected", f"The server names a file {file['name']!r}.")
        out = folder.joinpath(*name.parts)
        out.parent.mkdir(parents=True, exist_ok=True)
        await client.download(file["link"], out)


def _indent(path: Path) -> None:
    """The report is for people, too."""
    path.write_text(
        json.dumps(json.loads(path.read_bytes()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
