"""Accounts over HTTP: the whole way, and what bodies may not say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.access.callers import MACHINE
from tests.integration.ingest.conftest import serving
from tests.integration.ingest.server import Api
from tests.security.accounts import ADA, PASSWORD, quick_accounts
from tests.security.mailbox import Mailbox, mailbox
from tests.servers.nats import MakeNats
from tests.waiting import until

NEW = "eight badgers hum at noon"
ROOT = "/api/v1"


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """A mail server."""
    async with mailbox() as made:
        yield made


@pytest.fixture
async def shared(tmp_path: Path, nats_server: MakeNats, box: Mailbox) -> AsyncIterator[Api]:
    """The API with logins; whoever wants may register."""
    make = partial(quick_accounts, registration="open", smtp_url=f"smtp://127.0.0.1:{box.port}?tls=0")
    async with serving(tmp_path, nats_server, make_accounts=make) as made:
        yield made


async def ask(api: Api, method: str, path: str, bearer: str = "", **body: Any) -> httpx.Response:
    """One request; every answer that is an error is a problem."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    answer = await api.http.request(method, ROOT + path, headers=headers, json=body or None)
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["code"]


async def test_the_whole_way(shared: Api, box: Mailbox) -> None:
    credentials = {"email": ADA, "password": PASSWORD}
    assert (await ask(shared, "POST", "/auth/register", **credentials)).status_code == 202
    answer = await ask(shared, "POST", "/auth/login", **credentials)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    login = answer.json()
    token = login["access_token"]
    me = (await ask(shared, "GET", "/me", token)).json()
    assert (me["email"], me["role"], me["means"]) == (ADA, "user", "token")

    answer = await ask(shared, "POST", "/me/api-keys", token, name="n8n", scopes=["read"])
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    key = answer.json()
    assert (await ask(shared, "GET", "/me", key["key"])).json()["scopes"] == ["read"]
    (listed,) = (await ask(shared, "GET", "/me/api-keys", token)).json()["api_keys"]
    assert listed == {name: value for name, value in key.items() if name != "key"} | {
        "last_used_at": listed["last_used_at"]
    }
    for method, path in (
        ("GET", "/me/api-keys"),
        ("POST", "/me/api-keys"),
        ("POST", "/me/password"),
        ("POST", "/auth/logout"),
    ):
        assert code_of(await ask(shared, method, path, key["key"], name="mine")) == (403, "scope_missing")
    assert (await ask(shared, "DELETE", f"/me/api-keys/{key['id']}", token)).status_code == 204
    assert code_of(await ask(shared, "DELETE", f"/me/api-keys/{key['id']}", token)) == (404, "api_key_not_found")
    assert code_of(await ask(shared, "GET", "/me", key["key"])) == (401, "bad_token")

    renewed = (await ask(shared, "POST", "/auth/refresh", refresh_token=login["refresh_token"])).json()
    assert (
        await ask(shared, "POST", "/me/password", renewed["access_token"], old=PASSWORD, new=NEW)
    ).status_code == 204
    answer = await shared.http.post(
        f"{ROOT}/auth/logout", json={}, headers={"Authorization": f"Bearer {renewed['access_token']}"}
    )
    assert answer.status_code == 204
    for gone in (token, renewed["access_token"]):
        assert code_of(await ask(shared, "GET", "/me", gone)) == (401, "bad_token")


async def test_a_password_is_reset_by_mail(tmp_path: Path, nats_server: MakeNats, box: Mailbox) -> None:
    made = []

    def make(*parts: Any) -> Any:
        made.append(quick_accounts(*parts, smtp_url=f"smtp://127.0.0.1:{box.port}?tls=0"))
        return made[0]

    async with serving(tmp_path, nats_server, make_accounts=make) as api:
        await made[0].create_user(MACHINE, ADA, PASSWORD)
        mails = asyncio.create_task(made[0].loops["mails"]())
        answers = [await ask(api, "POST", "/auth/password-reset", email=email) for email in ("no@example.com", ADA)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].content == answers[1].content
        await until(lambda: bool(box.messages))
        assert box.recipients == [ADA]
        order = {"token": box.token(), "password": NEW}
        assert (await ask(api, "POST", "/auth/password-reset/confirm", **order)).status_code == 204
        assert code_of(await ask(api, "POST", "/auth/password-reset/confirm", **order)) == (403, "bad_reset_token")
        assert (await ask(api, "POST", "/auth/login", email=ADA, password=NEW)).status_code == 200
        mails.cancel()
        await asyncio.gather(mails, return_exceptions=True)


async def test_nobody_gives_themselves_more_than_they_may_have(shared: Api) -> None:
    credentials = {"email": ADA, "password": PASSWORD}
    for more in (
        {"role": "operator"},
        {"enabled": True},
        {"id": "local"},
        {"owner": "local"},
        {"budget_cap_usd": 1e9},
    ):
        assert code_of(await ask(shared, "POST", "/auth/register", **credentials, **more)) == (400, "bad_request")
        assert code_of(await ask(shared, "POST", "/auth/login", **credentials, **more)) == (400, "bad_request")
    await ask(shared, "POST", "/auth/register", **credentials)
    token = (await ask(shared, "POST", "/auth/login", **credentials)).json()["access_token"]
    wrongs: tuple[dict[str, Any], ...] = (
        {"owner": "local"},
        {"id": "0"},
        {"scopes": ["account"]},
        {"scopes": []},
        {"last_used_at": None},
    )
    for wrong in wrongs:
        answer = await ask(shared, "POST", "/me/api-keys", token, **({"name": "mine"} | wrong))
        assert code_of(answer) == (400, "bad_request")
    answer = await ask(shared, "POST", "/me/api-keys", token, name="mine", scopes=["admin"])
    assert code_of(answer) == (403, "operators_only")


async def test_too_many_tries_are_told_how_long_to_wait(shared: Api) -> None:
    for _ in range(10):
        assert code_of(await ask(shared, "POST", "/auth/login", email=ADA, password=NEW)) == (401, "bad_login")
    answer = await ask(shared, "POST", "/auth/login", email=ADA, password=NEW)
    assert code_of(answer) == (429, "too_many_logins")
    assert 800 < int(answer.headers["retry-after"]) <= 900


async def test_a_machine_without_logins_has_no_accounts(api: Api) -> None:
    me = (await ask(api, "GET", "/me")).json()
    assert (me["id"], me["role"], me["means"], me["email"]) == ("local", "operator", "machine", None)
    for method, path, body in (
        ("POST", "/auth/login", {"email": ADA, "password": PASSWORD}),
        ("POST", "/auth/register", {"email": ADA, "password": PASSWORD}),
        ("POST", "/auth/password-reset", {"email": ADA}),
        ("POST", "/auth/logout", {"everywhere": True}),
        ("POST", "/me/api-keys", {"name": "n8n"}),
        ("GET", "/me/api-keys", {}),
    ):
        assert code_of(await ask(api, method, path, **body)) == (409, "no_account")
