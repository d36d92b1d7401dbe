"""`beatloom estimate`: what a video would take on a running stack, by its HTTP API."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from libs.contracts.errors import Permanent
from libs.media.probe import probe_song
from libs.runtime.workers import WorkerPool
from services.standalone.client import API, ApiClient
from services.standalone.data_dir import DataDir, default_data_dir
from services.standalone.dead import DEFAULT_URL
from services.standalone.options import existing_file, job_options
from services.standalone.script_file import read_script_file


def estimate(arguments: argparse.Namespace) -> int:
    """`beatloom estimate SONG|--script F [--url URL] [--json]`. 0: it may be ordered; 1: it would be refused."""
    return asyncio.run(_estimate(arguments))


async def _estimate(arguments: argparse.Namespace) -> int:
    if (arguments.song is None) == (arguments.script is None):
        hint = "See `beatloom estimate --help`."
        raise Permanent("bad_request", "Name a song, or a script by --script.", hint=hint)
    asked = await _asked(arguments)
    url = arguments.url or DataDir(default_data_dir()).running_at() or DEFAULT_URL
    async with ApiClient(url) as client:
        found: dict[str, Any] = await client.request("POST", f"{API}/jobs/estimate", json=asked)
    if arguments.json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        _show(Console(highlight=False), found)
    return 0 if found["fits"] else 1


async def _asked(arguments: argparse.Namespace) -> dict[str, Any]:
    """What is sent: a song's length alone, or the script."""
    options = job_options(arguments)
    told = {name: value for name, value in msgspec.to_builtins(options).items() if value is not None}
    script = read_script_file(arguments)
    if script is not None:
        return {"script": script.said.text, "language": script.said.language, "options": told}
    song = existing_file(arguments.song, "song")
    return {"duration": await _seconds(song), "options": told}


async def _seconds(song: Path) -> float:
    async with WorkerPool(1) as pool:
        return (await probe_song(song, pool)).duration


def _show(console: Console, found: dict[str, Any]) -> None:
    table = Table("work", "GPU seconds", "characters", found["currency"], box=None, header_style="dim")
    for kind, one in found["kinds"].items():
        table.add_row(kind, f"{one['gpu_seconds']:.0f}", str(one["characters"]), f"{one['cost']:.2f}")
    if found["kinds"]:
        console.print(table)
    whole = f"{found['gpu_seconds']:.0f} GPU seconds, {found['cost']:.2f} {found['currency']}"
    console.print(f"{found['seconds']:.0f} s of video: {whole}, with a buffer of {found['buffer']:.0%}")
    if not found["fits"]:
        console.print(f"It would be refused: it may cost {found['cap']:.2f} {found['currency']}.")
