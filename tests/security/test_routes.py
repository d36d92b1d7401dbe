"""Every route of the API, tried by a stranger, by another user, and by an operator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.routes import HTTPRoute
from litestar.testing import create_test_client

from services.ingest import streams
from services.ingest.access import gate
from services.ingest.access.declared import OPEN_PATHS, check_routes
from services.ingest.access.ownership import OWNED
from services.ingest.front import Front
from services.ingest.routes import stream
from services.ingest.schema import metadata
from tests.security.town import MARK, PASSWORD, Town, town, unused_id
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPEN = {
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/refresh",
    "POST /api/v1/auth/password-reset",
    "POST /api/v1/auth/password-reset/confirm",
    "GET /api/v1/deletions/{deletion_id}",
}
"""What needs no login. Whoever adds to it says in the pull request why."""

JSON = {"Content-Type": "application/json"}

STANDING = "127.0.0.1:7"
"""Where the endpoint of the settings is: for operators to know."""

ENDS = {"POST /api/v1/auth/logout", "POST /api/v1/me/deletion"}
"""What would only end the tour."""

LENIENT = {"POST /api/v1/orchestrate/start"}
"""What takes fields that it doesn't know, and looks at none of them."""

GRASPED = (
    "owner",
    "user",
    "user_id",
    "role",
    "scopes",
    "is_operator",
    "cost",
    "spent",
    "reserved",
    "cap",
    "budget",
)
"""Fields that nobody may set by sending them along."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with town(tmp_path_factory.mktemp("town"), webhook_url=f"http://{STANDING}/hook") as found:
        yield found


class Ask(NamedTuple):
    """One request that a route takes, about Ada's things."""

    name: str
    method: str
    path: str
    handler: HTTPRouteHandler
    owned: tuple[str, ...]
    body: Any

    @property
    def access(self) -> str:
        found: str = self.handler.opt.get("access", "user")
        return found

    async def by(self, http: httpx.AsyncClient, **more: Any) -> httpx.Response:
        """Send it. Of a stream the head is enough."""
        headers = {"If-Match": '"1"', **more.pop("headers", {})}
        request = http.build_request(self.method, self.path, json=self.body, headers=headers, **more)
        answer = await http.send(request, stream=True)
        if "event-stream" not in answer.headers.get("Content-Type", ""):
            await answer.aread()
        await answer.aclose()
        return answer


def asks(here: Town, **instead: str) -> Iterator[Ask]:
    """Every route by every method, with a body that it would take, about Ada's things. instead: other ids."""
    things = {**here.things, **instead}
    for route in here.app.routes:
        if not isinstance(route, HTTPRoute) or _is_open(route.path):
            continue
        parts = [part if isinstance(part, str) else part.name for part in route.path_components]
        names = set(route.path_parameters)
        path = "/" + "/".join(things.get(part, unused_id()) if part in names else part for part in parts)
        template = "/" + "/".join(f"{{{part}}}" if part in names else part for part in parts)
        owned = tuple(name for name in names if name in OWNED)
        for method, (handler, _) in route.route_handler_map.items():
            if method != "OPTIONS":
                body = here.examples.get((template, method))
                yield Ask(f"{method} {template}", method, path, handler, owned, body)


def _is_open(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in OPEN_PATHS)


async def newcomer(here: Town, email: str) -> dict[str, str]:
    """The headers of a new user who has logged in."""
    credentials = {"email": email, "password": PASSWORD}
    (await here.operator.post("/api/v1/admin/users", json=credentials)).raise_for_status()
    login = (await here.stranger.post("/api/v1/auth/login", json=credentials)).raise_for_status().json()
    return {"Authorization": f"Bearer {login['access_token']}", **JSON}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, "" if answer.request.method == "HEAD" else answer.json()["code"]


def refused(status: int, slug: str, ask: Ask) -> tuple[int, str]:
    return status, "" if ask.method == "HEAD" else slug


async def test_a_stranger_gets_in_nowhere(here: Town) -> None:
    open_ones = set()
    for ask in asks(here):
        if ask.access == "open":
            open_ones.add(ask.name)
            continue
        for headers in ({}, {"Authorization": "Bearer bl_nonsense"}, {"Authorization": "Basic YTpi"}):
            answer = await ask.by(here.stranger, headers=headers)
            if ask.access == "link":
                assert code(answer) == refused(403, "bad_signature", ask), ask.name
            else:
                assert answer.status_code == 401, ask.name
                assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert MARK not in answer.text
    assert open_ones <= OPEN
    for path in (*OPEN_PATHS, "/schema/openapi.yaml"):
        told = await here.stranger.get(path)
        assert told.status_code == 200
        assert not any(thing in told.text for thing in (MARK, *long_ids(here))), path


def long_ids(here: Town) -> list[str]:
    return [thing for thing in here.things.values() if len(thing) > 12]


async def test_ada_has_what_the_others_try_to_get(here: Town) -> None:
    """So that the 404s of the others are about who they are."""
    assert {name for ask in asks(here) for name in ask.owned} <= {name for name, id_ in here.things.items() if id_}
    for ask in asks(here):
        if ask.method in ("GET", "HEAD") and ask.access in ("user", "signed"):
            answer = await ask.by(here.ada)
            ready = 409 if "data_export_id" in ask.owned else 200
            assert answer.status_code in (200, ready), (ask.name, answer.text)


@pytest.mark.parametrize("who", ["bob", "operator"])
async def test_nobody_elses_things_are_there(here: Town, who: str) -> None:
    """Every id of Ada's on every route, by every method, with a good body: 404, as for an id that nobody has."""
    http: httpx.AsyncClient = getattr(here, who)
    before = await here.rows_of_ada()
    hers = [MARK, here.ada_id, *long_ids(here)]
    for more in ({}, {"job_id": here.things["running_job_id"], "upload_id": here.things["announced_upload_id"]}):
        unknown = {ask.name: ask for ask in asks(here, **dict.fromkeys(OWNED, unused_id()))}
        for ask in asks(here, **more):
            if ask.access in ("open", "operator") or (not ask.owned and ask.name in ENDS):
                continue
            answer = await ask.by(http)
            if ask.access == "link":
                assert code(answer) == refused(403, "bad_signature", ask), ask.name
            elif ask.owned:
                assert answer.status_code == 404, (ask.name, answer.text)
                assert code(answer) == code(await unknown[ask.name].by(http)), ask.name
            assert not any(word in answer.text for word in hers), (ask.name, answer.text)
            assert answer.status_code < 500, (ask.name, answer.text)
    assert await here.rows_of_ada() == before


async def test_users_see_no_deliveries_to_the_endpoint_of_the_settings(here: Town) -> None:
    deliveries = sa.select(metadata.tables["deliveries"].c.id).where(sa.column("task") == "notify.settings")
    async with here.database.read() as connection:
        standing = (await connection.execute(deliveries)).scalars().all()
    assert standing, "it is told of Ada's finished job"
    assert STANDING not in (await here.ada.get("/api/v1/deliveries")).text
    for id_ in standing:
        for method, path in (("GET", f"deliveries/{id_}"), ("POST", f"deliveries/{id_}/redeliver")):
            assert code(await here.ada.request(method, f"/api/v1/{path}")) == (404, "delivery_not_found")
    export = f"/api/v1/me/exports/{here.things['data_export_id']}"
    await until(lambda: _is_ready(here.ada, export))
    archive = (await here.ada.get(f"{export}/download")).raise_for_status().content
    assert MARK.encode() in archive
    assert STANDING.encode() not in archive


async def _is_ready(http: httpx.AsyncClient, export: str) -> bool:
    status: str = (await http.get(export)).json()["status"]
    return status == "ready"


async def test_operators_routes_are_for_operators(here: Town) -> None:
    tried = 0
    for ask in asks(here):
        if ask.access == "operator":
            assert code(await ask.by(here.bob)) == refused(403, "operators_only", ask), ask.name
            tried += 1
    assert tried > 10
    assert (await here.operator.get("/api/v1/dead")).status_code == 200


async def test_an_id_in_a_body_or_a_query_is_ones_own(here: Town) -> None:
    bob, things = here.bob, here.things
    upload = things["upload_id"]
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/jobs", {"audio_upload_id": upload}),
        ("POST", "/api/v1/jobs", {"script": "Hello there.", "audio_upload_id": upload}),
        ("POST", "/api/v1/jobs", {"script": "Hello there.", "image_upload_id": upload}),
        ("POST", "/api/v1/projects", {"title": "x", "song": upload}),
        ("POST", "/api/v1/projects", {"title": "x", "image": upload}),
        ("POST", "/api/v1/projects", {"title": "x", "lyrics": upload}),
    ]
    own = (await bob.post("/api/v1/projects", json={"title": "Bob's"})).json()["id"]
    bodies += [
        ("PATCH", f"/api/v1/projects/{own}", {"song": upload}),
        ("POST", f"/api/v1/projects/{own}/characters", {"name": "x", "picture": upload}),
    ]
    for method, path, body in bodies:
        answer = await bob.request(method, path, json=body, headers={"If-Match": '"1"'})
        assert code(answer) == (404, "upload_not_found"), (path, body)
    for query in ({"endpoint": things["endpoint_id"]}, {"job": things["job_id"]}):
        assert (await bob.get("/api/v1/deliveries", params=query)).json()["deliveries"] == []
    known = await bob.post("/api/v1/jobs", json={"script": "Hello there."}, headers={"Idempotency-Key": "one"})
    assert known.status_code == 202, "Ada's key of the same name is hers"
    assert known.json()["job_id"] not in things.values()
    for path in ("jobs", "projects"):
        listed = await bob.get(f"/api/v1/{path}", params={"before": things["project_id"]})
        assert listed.status_code in (200, 404)
        assert not any(thing in listed.text for thing in long_ids(here))


async def test_nobody_makes_himself_more_than_he_is(here: Town) -> None:
    """Fields of the server's sent along with every body: refused, or without any effect."""
    before = await here.rows_of_ada()
    own = (await here.bob.post("/api/v1/projects", json={"title": "Bob's"})).json()["id"]
    taken = []
    for ask in asks(here, project_id=own):
        if not isinstance(ask.body, dict) or ask.access != "user" or ask.owned not in ((), ("project_id",)):
            continue
        for name in GRASPED:
            if name in ask.body:
                continue
            value = {"role": "operator", "scopes": ["admin"], "is_operator": True}.get(name, here.ada_id)
            answer = await ask._replace(body={**ask.body, name: value}).by(here.bob)
            assert answer.status_code < 500, (ask.name, name, answer.text)
            taken += [(ask.name, name)] if answer.is_success else []
    key = await here.bob.post("/api/v1/me/api-keys", json={"name": "mine", "scopes": ["read", "admin"]})
    assert code(key)[0] == 403
    credentials = {"email": "eve@example.com", "password": PASSWORD, "role": "operator"}
    assert (await here.stranger.post("/api/v1/auth/register", json=credentials)).status_code == 400
    assert {name for name, _ in taken} <= LENIENT
    assert await here.rows_of_ada() == before
    assert (await here.bob.get("/api/v1/me")).json()["role"] == "user"
    assert code(await here.bob.get("/api/v1/dead")) == (403, "operators_only")


async def test_an_api_key_is_good_for_its_scopes(here: Town) -> None:
    made = await here.ada.post("/api/v1/me/api-keys", json={"name": "reads", "scopes": ["read"]})
    reads = {"Authorization": f"Bearer {made.json()['key']}"}
    job = f"/api/v1/jobs/{here.things['running_job_id']}"
    assert (await here.stranger.get(job, headers=reads)).status_code == 200
    assert code(await here.stranger.post(f"{job}/cancel", headers=reads)) == (403, "scope_missing")
    archive = f"/api/v1/me/exports/{here.things['data_export_id']}/download"
    assert code(await here.stranger.get(archive, headers=reads)) == (403, "scope_missing")
    for ask in asks(here):
        if "/me/" in ask.name and ask.method in ("POST", "PUT", "PATCH", "DELETE"):
            made_for = await here.ada.post("/api/v1/me/api-keys", json={"name": "w", "scopes": ["read", "write"]})
            bearer = f"Bearer {made_for.json()['key']}"
            answer = await ask.by(here.stranger, headers={"Authorization": bearer})
            assert code(answer) == (403, "scope_missing"), ask.name
            await here.ada.delete(f"/api/v1/me/api-keys/{made_for.json()['id']}")


@pytest.mark.parametrize("path", ["me/api-keys", "uploads", "jobs/estimate"])
async def test_a_body_that_is_held_back_orders_nothing_once_its_sender_is_shut_out(
    here: Town, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(gate, "SLOW_S", 0.0)
    headers = await newcomer(here, f"late{len(path)}@example.com")
    body = json.dumps(here.examples.get((f"/api/v1/{path}", "POST"))).encode()
    if path == "uploads":
        form = httpx.Request("POST", "http://x", files={"lyrics": ("words.txt", b"la la")})
        body, headers["Content-Type"] = form.read(), form.headers["Content-Type"]

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:9]
        (await here.stranger.post("/api/v1/auth/logout", json={}, headers=headers | JSON)).raise_for_status()
        yield body[9:]

    late = await here.stranger.post(f"/api/v1/{path}", content=slowly(), headers=headers)
    assert code(late) == (401, "bad_token")


async def test_a_stream_ends_for_whom_is_logged_out(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "SLOW_S", 0.0)
    monkeypatch.setattr(stream, "ASKED_EVERY_S", 0.0)
    monkeypatch.setattr(streams, "KEEP_ALIVE_SECONDS", 0.05)
    headers = await newcomer(here, "watcher@example.com")
    own = (await here.stranger.post("/api/v1/projects", json={"title": "W"}, headers=headers)).json()["id"]
    async with here.stranger.stream("GET", f"/api/v1/projects/{own}/stream", headers=headers) as answer:
        told = answer.aiter_lines()
        while await anext(told) != ": keep-alive":
            pass
        (await here.stranger.post("/api/v1/auth/logout", json={}, headers=headers)).raise_for_status()
        assert [line async for line in told if line][-1] == ": bad_token"


async def test_a_signed_address_is_its_owners_for_one_thing(here: Town) -> None:
    job = f"/api/v1/jobs/{here.things['job_id']}"
    links = (await here.ada.post(f"{job}/links")).json()["links"]
    video = next(link["url"] for link in links if link["name"] == "video.mp4")
    query = video.partition("?")[2]
    for http in (here.stranger, here.bob):
        assert (await http.get(video)).status_code == 200
        assert code(await http.get(video + "x")) == (403, "bad_signature")
    for path in (job, f"{job}/files", f"{job}/stream"):
        assert (await here.stranger.get(f"{path}?{query}")).status_code == 401, path
        assert code(await here.bob.get(f"{path}?{query}")) == (404, "job_not_found"), path
    assert (await here.stranger.post(f"{job}/retry?{query}")).status_code == 401
    for path in (
        f"{job}/files/report.json",
        f"/api/v1/uploads/{here.things['upload_id']}/content",
    ):
        for http in (here.stranger, here.bob, here.ada):
            assert code(await http.get(f"{path}?{query}")) == (403, "bad_signature"), path


async def test_a_route_that_the_gate_cannot_judge_is_not_built() -> None:
    @get("/api/v1/secrets/{secret_id:str}")
    async def of_nobody(secret_id: FromPath[str]) -> None:
        """A parameter that is in no table."""

    @get("/api/v1/jobs/{job_id:str}/secrets", access="open")
    async def open_to_all(job_id: FromPath[str]) -> None:
        """Somebody's thing, open."""

    @get("/api/v1/everything", access="everybody")
    async def unknown() -> None:
        """A word that means nothing."""

    front = Front()
    for handler, problem in ((of_nobody, "secret_id"), (open_to_all, "job_id"), (unknown, "'everybody'")):
        handler.guards = [front.gate]
        with create_test_client([handler]) as client, pytest.raises(RuntimeError, match=problem):
            check_routes(client.app, front.gate)
        handler.guards = []
        with create_test_client([handler]) as client, pytest.raises(RuntimeError, match="no gate"):
            check_routes(client.app, front.gate)
