"""`beatloom dead`: the dead letters of a running stack, by its HTTP API."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from rich.console import Console
from rich.table import Table

from libs.contracts.errors import Permanent
from services.ingest.views import dead_token
from services.standalone.client import API, ApiClient
from services.standalone.data_dir import DataDir, default_data_dir
from services.standalone.settings import StandaloneSettings

DEFAULT_URL = f"http://127.0.0.1:{StandaloneSettings().port}"


def dead(arguments: argparse.Namespace) -> int:
    """`beatloom dead list|show ID|replay ID|drop ID [--url URL]`."""
    if arguments.action != "list" and not arguments.id:
        raise Permanent(
            "bad_request", f"`dead {arguments.action}` needs an ID.", hint="`beatloom dead list` shows them."
        )
    url = arguments.url or DataDir(default_data_dir()).running_at() or DEFAULT_URL
    return asyncio.run(_act(arguments.action, arguments.id, url))


async def _act(action: str, letter_id: str, url: str) -> int:
    console = Console(highlight=False)
    async with ApiClient(url) as client:
        path = f"{API}/dead/{dead_token(letter_id)}"
        if action == "list":
            _list(console, (await client.request("GET", f"{API}/dead"))["letters"])
        elif action == "show":
            _show(console, await client.request("GET", path))
        elif action == "replay":
            opened = await client.request("POST", f"{path}/replay")
            console.print(f"run {opened['run']} of job {opened['job_id']} was opened", markup=False)
        else:
            await client.request("DELETE", path)
            console.print(f"{letter_id} was dropped", markup=False)
    return 0


def _list(console: Console, letters: list[dict[str, Any]]) -> None:
    if not letters:
        console.print("There are no dead letters.")
        return
    table = Table("id", "kind", "code", "when", box=None, header_style="dim")
    for letter in letters:
        table.add_row(letter["id"], letter["kind"], letter["code"], letter["at"])
    console.print(table, soft_wrap=True)


def _show(console: Console, letter: dict[str, Any]) -> None:
    for name in ("id", "kind", "job_id", "run", "task", "attempt", "code", "title", "hint", "at"):
        console.print(f"{name:8} {letter[name]}", markup=False, soft_wrap=True)
    for error in letter.get("errors", ()):
        told = f"try {error['attempt']}: {error['code']}: {error['message']}"
        console.print(f"{'':8} {error['at']}  {told}", markup=False, soft_wrap=True)
