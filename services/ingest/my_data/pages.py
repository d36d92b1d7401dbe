"""What a person reads of a data export: a page for the browser, and a text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

README = """Beatloom: all that is kept of you, as of {at:%Y-%m-%d %H:%M} UTC.

index.html     your projects and videos, for a browser
data/          what the ledger says of you: a file for each table, a JSON object in each line
files.json     which file is which: paths by SHA-256, as the lines in data/ name them
projects/      songs, pictures, takes and videos, by project
uploads/       what you have sent and not used yet
jobs/, files/  what else was made for you

Passwords, keys and the secrets of webhooks are left out. {missing}
"""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Beatloom: your data</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem }}
h2 {{ margin: 2rem 0 0 }} small {{ color: #666 }} video {{ width: 100%; margin: .5rem 0; background: #000 }}
</style>
<h1>Your data</h1>
<p>As of {at:%Y-%m-%d %H:%M} UTC. What the ledger says of you is in <a href="data/">data</a>;
<a href="README.txt">README.txt</a> tells what is where.</p>
{projects}
</html>
"""


def readme(at: datetime, missing: Sequence[str]) -> str:
    """README.txt. missing: digests of files that were gone."""
    gone = f"{len(missing)} files were gone already; files.json lists them as `missing`." if missing else ""
    return README.format(at=at, missing=gone).rstrip() + "\n"


def index(
    at: datetime,
    projects: Sequence[Mapping[str, Any]],
    videos: Sequence[Mapping[str, Any]],
    paths: Mapping[str, str],
) -> str:
    """index.html. paths: of files by digest."""
    told = "\n".join(
        _project(project, [one for one in videos if one["project_id"] == project["id"]], paths)
        for project in projects
    )
    return _PAGE.format(at=at, projects=told or "<p>There are no projects.</p>")


def _project(project: Mapping[str, Any], videos: Collection[Mapping[str, Any]], paths: Mapping[str, str]) -> str:
    title = escape(str(project.get("title") or project.get("song_name") or "Without a title"))
    lines = [f"<h2>{title}</h2>", f"<small>{escape(str(project['created_at']))}, {project['id']}</small>"]
    for video in videos:
        path = paths.get((video.get("video") or {}).get("sha256", ""))
        if path is not None:
            lines.append(f'<video controls preload="none" src="{escape(path)}"></video>')
    return "\n".join(lines)
