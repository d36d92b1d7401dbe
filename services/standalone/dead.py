"""`beatloom dead`: the dead letters of a running stack, by its HTTP API."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
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
    url = arguments.url or DataDir(default_data_dir()).running_at() or DEFAULT_URL
    return asyncio.run(dead_letters(arguments.action, arguments.id, url))


async def dead_letters(action: str, letter_id: str, url: str, *, as_json: bool = False) -> int:
    """List, show, replay or drop. as_json: what the API answers, as it is. Raises Permanent("bad_request")."""
    if action != "list" and not letter_id:
        raise Permanent("bad_request", f"`dead {action}` needs an ID.", hint="`beatloom dead list` shows them.")
    console = Console(highlight=False)
    path = f"{API}/dead/{dead_token(letter_id)}"
    method, address = {
        "list": ("GET", f"{API}/dead"),
        "show": ("GET", path),
        "replay": ("POST", f"{path}/replay"),
        "drop": ("DELETE", path),
    }[action]
    async with ApiClient(url) as client:
        answer = await client.request(method, address)
    if as_json:
        sys.stdout.write(json.dumps(answer) + "\n")
    elif action == "list":
        _list(console, answer["letters"])
    elif action == "show":
        _show(console, answer)
    elif action == "replay":
        console.print(f"run {answer['run']} of job {answer['job_id']} was opened", markup=False)
    else:
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
