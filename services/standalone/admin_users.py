"""`beatloom admin users create`: by the API of a stack, or in the ledger itself where none runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from libs.contracts.errors import Permanent
from services.standalone.client import API, ApiClient
from services.standalone.data_dir import DataDir, default_data_dir, hold

DATABASE_URL = "BEATLOOM_INGEST_DATABASE_URL"


def create_user(arguments: argparse.Namespace) -> int:
    """Make a user, and say their password where it was made up."""
    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else ""
    if arguments.password_stdin and not password:
        raise Permanent("weak_password", "No password came on stdin.")
    order = {"email": arguments.email, "password": password, "role": "operator" if arguments.operator else "user"}
    place = DataDir(arguments.data_dir or default_data_dir())
    url = arguments.url or ("" if DATABASE_URL in os.environ else place.running_at())
    made = asyncio.run(_by_api(url, order)) if url else _in_ledger(place.root, order)
    if arguments.json:
        sys.stdout.write(json.dumps(made) + "\n")
        return 0
    user = made["user"]
    sys.stdout.write(f"{user['email']} is {user['role']} {user['id']}\n")
    if made["password"]:
        sys.stdout.write(f"password {made['password']}\n")
    return 0


async def _by_api(url: str, order: dict[str, str]) -> dict[str, Any]:
    async with ApiClient(url) as client:
        made: dict[str, Any] = await client.request("POST", f"{API}/admin/users", json=order)
    return made


def _in_ledger(root: Path, order: dict[str, str]) -> dict[str, Any]:
    """In the ledger of the environment, or else in that of the data directory, which is held meanwhile."""
    with ExitStack() as held:
        url = os.environ.get(DATABASE_URL, "")
        if not url:
            url = f"sqlite+aiosqlite:///{held.enter_context(hold(root)).ledger}"
        return asyncio.run(_write(url, order))


async def _write(url: str, order: dict[str, str]) -> dict[str, Any]:
    import msgspec

    from libs.seal import Keyring
    from services.ingest.access.callers import MACHINE, Role
    from services.ingest.accounts.opening import open_accounts
    from services.ingest.database import Database
    from services.ingest.ledger import utc_now
    from services.ingest.operating.people import People
    from services.ingest.settings import IngestSettings

    database = Database(url)
    accounts = open_accounts(IngestSettings(), database, Keyring(()), clock=utc_now)
    try:
        await database.migrate()
        role: Role = "operator" if order["role"] == "operator" else "user"
        made = await People(database, accounts, utc_now).create(MACHINE, order["email"], order["password"], role)
    finally:
        await database.close()
    told: dict[str, Any] = msgspec.to_builtins(made)
    return told
