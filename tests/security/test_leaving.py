"""Deleting an account: only by its owner, with the password, and for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import sqlalchemy as sa

from libs.runtime.scratch import Scratch
from libs.seal import Keyring
from services.ingest.access.callers import MACHINE, Role
from services.ingest.access.tables import audit
from services.ingest.accounts.accounts import Accounts
from services.ingest.database import Database
from services.ingest.my_data.claims import LEASE
from services.ingest.my_data.loop import MyDataLoop
from tests.integration.ingest.conftest import serving
from tests.integration.ingest.server import Api
from tests.security.accounts import ADA, BOB, PASSWORD, quick_accounts
from tests.servers.nats import MakeNats

DELETION = "/api/v1/me/deletion"


class Home(NamedTuple):
    """The API where people log in."""

    api: Api
    accounts: Accounts

    async def login(self, email: str, role: Role = "user") -> dict[str, str]:
        """A new user's headers."""
        await self.accounts.create_user(MACHINE, email, PASSWORD, role)
        answer = await self.api.http.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
        return {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}

    async def leave(self, headers: dict[str, str], password: str = PASSWORD) -> httpx.Response:
        """Ask to be deleted."""
        listed = await self.api.http.get(DELETION, headers=headers)
        body = {"confirm": listed.json().get("confirm", ""), "password": password}
        return await self.api.http.post(DELETION, json=body, headers=headers)


@pytest.fixture
async def home(tmp_path: Path, nats_server: MakeNats) -> AsyncIterator[Home]:
    """One that runs."""
    made: list[Accounts] = []

    def make(database: Database, keyring: Keyring, clock: Any) -> Accounts:
        made.append(quick_accounts(database, keyring, clock))
        return made[0]

    async with serving(tmp_path, nats_server, make_accounts=make) as api:
        await api.bus.ensure_topology()
        yield Home(api, made[0])


async def finish(home: Home) -> None:
    """Do what the loop would."""

    async def forget(owner: str) -> None:
        pass

    api = home.api
    async with Scratch(api.scratch) as scratch:
        loop = MyDataLoop.over(
            database=api.database,
            store=api.store,
            scratch=scratch,
            bus=api.bus,
            ledger=api.ledger,
            forget=forget,
            clock=api.clock,
        )
        assert await loop.step()


async def test_whoever_has_left_has_never_been_here(home: Home) -> None:
    ada, bob = await home.login(ADA), await home.login(BOB)
    http = home.api.http
    mine = (await http.get("/api/v1/me", headers=ada)).json()["id"]
    key = (await http.post("/api/v1/me/api-keys", json={"name": "n8n"}, headers=ada)).json()["key"]
    answer = await home.leave(ada)
    assert answer.status_code == 202, answer.text
    for headers in (ada, {"Authorization": f"Bearer {key}"}):
        assert (await http.get("/api/v1/jobs", headers=headers)).status_code == 401
    again = await http.post("/api/v1/auth/login", json={"email": ADA, "password": PASSWORD})
    assert again.status_code in (401, 403)
    await finish(home)
    followed = await http.get(answer.json()["link"])
    assert followed.json()["status"] == "done"
    assert mine not in followed.text
    async with home.api.database.read() as connection:
        lines = [str(tuple(row)) for row in await connection.execute(sa.select(audit))]
    assert not [line for line in lines if mine in line or key[:11] in line]
    assert [line for line in lines if f"deleted-{answer.json()['id']}" in line and "deletion.asked" in line]
    assert (await http.get("/api/v1/me", headers=bob)).status_code == 200
    assert (await home.login(ADA))["Authorization"] != ada["Authorization"], "the address is free again"


async def test_nobody_leaves_by_an_open_browser_or_an_api_key(home: Home) -> None:
    ada = await home.login(ADA)
    http = home.api.http
    scopes = {"name": "n8n", "scopes": ["read", "write"]}
    key = (await http.post("/api/v1/me/api-keys", json=scopes, headers=ada)).json()["key"]
    wrong = await home.leave(ada, "eight badgers hum at noon")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "bad_login")
    by_key = {"Authorization": f"Bearer {key}"}
    for method, path in (("GET", DELETION), ("POST", DELETION), ("POST", "/api/v1/me/export")):
        answer = await http.request(
            method, path, headers=by_key, json={"confirm": ""} if method == "POST" else None
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    stranger = await http.get(DELETION)
    assert stranger.status_code == 401


async def test_guessing_the_password_ends_soon(home: Home) -> None:
    ada = await home.login(ADA)
    answers = [await home.leave(ada, f"guess number {number} of many") for number in range(12)]
    assert [answer.status_code for answer in answers][-1] == 429


async def test_the_last_operator_stays_and_two_requests_are_one_deletion(home: Home) -> None:
    boss = await home.login(BOB, "operator")
    refused = await home.leave(boss)
    assert (refused.status_code, refused.json()["code"]) == (409, "last_operator")
    ada = await home.login(ADA)
    confirm = (await home.api.http.get(DELETION, headers=ada)).json()["confirm"]
    body = {"confirm": confirm, "password": PASSWORD}
    both = await asyncio.gather(*(home.api.http.post(DELETION, json=body, headers=ada) for _ in range(2)))
    taken = [answer.json() for answer in both if answer.status_code == 202]
    assert len({one["id"] for one in taken}) == 1
    home.api.clock.ahead = 2 * LEASE
    await finish(home)
    assert (await home.api.http.get(taken[0]["link"])).json()["status"] == "done"


async def test_an_export_is_for_nobody_else(home: Home) -> None:
    ada, bob = await home.login(ADA), await home.login(BOB)
    http = home.api.http
    ordered = (await http.post("/api/v1/me/export", headers=ada)).json()["id"]
    await finish(home)
    view = (await http.get(f"/api/v1/me/exports/{ordered}", headers=ada)).json()
    assert datetime.fromisoformat(view["expires_at"]) - home.api.clock() > timedelta(days=6)
    assert (await http.get(view["download"])).status_code == 200, "signed"
    for path in (f"/api/v1/me/exports/{ordered}", f"/api/v1/me/exports/{ordered}/download"):
        for headers, status in ((bob, 404), ({}, 401)):
            assert (await http.get(path, headers=headers)).status_code == status
    assert (await http.delete(f"/api/v1/me/exports/{ordered}", headers=bob)).status_code == 404
    assert (await http.get("/api/v1/me/exports", headers=bob)).json() == {"exports": []}
    altered = view["download"].replace(ordered, ordered[:-1] + ("0" if ordered[-1] != "0" else "1"))
    assert (await http.get(altered)).status_code in (403, 404)
