"""Who gets in where nobody logs in, and what has to be there where somebody must."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from libs.contracts.errors import Permanent
from libs.runtime.settings import Shared
from libs.seal import Keyring
from services.ingest.access.callers import MACHINE
from services.ingest.access.local import is_loopback, names_this_machine, refuse_foreign
from services.ingest.access.starting import first_operator, needs_login
from services.ingest.accounts.opening import open_accounts
from services.ingest.app import create_app
from services.ingest.database import Database
from services.ingest.ledger import utc_now
from services.ingest.settings import IngestSettings
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_jobs import problem
from tests.ports import free_port

KEY = base64.b64encode(bytes(32)).decode()
OPERATOR = {"operator_email": "operator@example.com", "operator_password": "seven otters sing at night"}


def settings(folder: Path = Path(), *, key: str = KEY, **own: Any) -> IngestSettings:
    shared = Shared(
        secret_key=(key,) if key else (),
        artifacts_url=f"file://{folder}/artifacts",
        scratch_dir=f"{folder}/scratch",
        workers=1,
    )
    return IngestSettings(shared=shared, database_url=f"sqlite+aiosqlite:///{folder}/ledger.db", **own)


def test_which_names_are_this_machines() -> None:
    for name in ("127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST.", "beatloom.localhost"):
        assert is_loopback(name), name
    for name in ("", "0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.example.com", "localhost.example.com"):
        assert not is_loopback(name), name
    for host in ("127.0.0.1:8080", "[::1]:8080", "localhost", "localhost:1"):
        assert names_this_machine(host), host
    for host in ("", ":8080", "rebound.example:8080", "[::1", "::1", "a@localhost", "localhost:80:80", "[::2]:80"):
        assert not names_this_machine(host), host


def test_which_pages_may_call() -> None:
    host, ui = "localhost:8080", "https://ui.example.com"
    for origin in (None, "http://localhost:8080", "https://LOCALHOST:8080", ui):
        refuse_foreign(host, origin, [ui])
    refuse_foreign(host, "https://anything.example", ["*"])
    for origin in (
        "null",
        "",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        f"{ui}:444",
        "file://localhost:8080",
    ):
        with pytest.raises(Permanent, match="foreign_origin"):
            refuse_foreign(host, origin, [ui])


async def test_a_page_of_the_web_cannot_drive_this_machine(api: Api) -> None:
    """Neither as a foreign page, nor by a name of its own that means 127.0.0.1."""
    order = {"script": "Buy this."}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": f"evil.example:{api.port}"}):
        for method, path in (
            ("POST", "/api/v1/jobs"),
            ("GET", "/api/v1/projects"),
            ("GET", "/orchestrate/status/x"),
        ):
            answer = await api.http.request(method, path, json=order if method == "POST" else None, headers=headers)
            assert problem(answer) == (403, "foreign_origin"), (path, headers)
    own = {"Origin": f"http://127.0.0.1:{api.port}"}
    assert (await api.http.get("/api/v1/jobs", headers=own)).json()["jobs"] == []


def test_logins_are_needed_where_others_can_call() -> None:
    assert not needs_login(settings(key=""))
    assert not needs_login(settings(host="::1"))
    assert needs_login(settings(login="required"))
    assert needs_login(settings(host="0.0.0.0"))
    assert needs_login(settings(trusted_proxies=("127.0.0.1",)))
    for own in (IngestSettings(login="required"), *(IngestSettings(host=host) for host in ("::", "example.com"))):
        with pytest.raises(Permanent, match="BEATLOOM_SECRET_KEY is not set"):
            needs_login(own)


async def test_ingest_does_not_start_without_an_operator(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path, host="0.0.0.0"))
    with pytest.raises(Permanent, match="no_operator"):
        async with app.lifespan():
            pytest.fail("it has started")


async def test_the_first_operator_is_made_once(tmp_path: Path) -> None:
    chosen = settings(tmp_path, **OPERATOR)
    database = Database(chosen.database_url)
    await database.migrate()
    accounts = open_accounts(chosen, database, Keyring([KEY]), clock=utc_now)
    await asyncio.gather(*(first_operator(accounts, chosen) for _ in range(3)))  # as replicas that start at once
    assert await accounts.has_operator()
    await first_operator(accounts, settings(tmp_path))
    await first_operator(accounts, settings(tmp_path, operator_email="another@example.com", operator_password="x"))
    await accounts.aclose()
    await database.close()


async def test_a_user_does_not_become_the_operator_by_the_settings(tmp_path: Path) -> None:
    chosen = settings(tmp_path, **OPERATOR)
    database = Database(chosen.database_url)
    await database.migrate()
    accounts = open_accounts(chosen, database, Keyring([KEY]), clock=utc_now)
    with pytest.raises(Permanent, match="weak_password"):
        await first_operator(accounts, settings(tmp_path, operator_email="a@example.com", operator_password="x"))
    await accounts.create_user(MACHINE, chosen.operator_email, chosen.operator_password)
    with pytest.raises(Permanent, match="no_operator"):
        await first_operator(accounts, chosen)
    await accounts.aclose()
    await database.close()


def test_the_stack_does_not_come_up_for_all_the_world(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.standalone", "up", "--host", "0.0.0.0"]
    command += ["--port", str(free_port()), "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "(no_operator)" in done.stderr
    assert "BEATLOOM_INGEST_OPERATOR_EMAIL" in done.stderr
