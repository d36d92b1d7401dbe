"""An installation where people log in: ingest as it is composed, three users, and all that one of them has."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import httpx
import sqlalchemy as sa
from litestar import Litestar

from libs.artifacts import open_store
from libs.runtime.app import tell_of_stop, vital_checks
from libs.runtime.run import listen, serve
from libs.runtime.settings import Shared
from services.ingest.app import create_app, standing_of
from services.ingest.database import Database
from services.ingest.ledger import Ledger
from services.ingest.schema import metadata
from services.ingest.settings import IngestSettings
from services.ingest.webhooks.records import Standing
from tests.integration.ingest.flow import SONG, composed
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_editing import rendered
from tests.servers.nats import NatsServer

KEY = base64.b64encode(bytes(32)).decode()
PASSWORD = "seven otters sing at night"
MARK = "Adas_own_words"
"""It stands in every text that Ada has written."""

UNLIMITED = {name: "0" for name in IngestSettings.__struct_fields__ if name.startswith("limit_")}


class Town(NamedTuple):
    """What runs, and clients of a stranger, two users and an operator."""

    app: Litestar
    database: Database
    stranger: httpx.AsyncClient
    ada: httpx.AsyncClient
    bob: httpx.AsyncClient
    operator: httpx.AsyncClient
    ada_id: str
    things: dict[str, str]
    """Ids of Ada's things by the parameter of the path that names them."""
    examples: dict[tuple[str, str], Any]
    """Bodies that routes take, by path and method."""

    async def rows_of_ada(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that the ledger has of her, but for what time alone changes."""
        async with self.database.read() as connection:
            found = {}
            for table in metadata.sorted_tables:
                if table.name in LIVELY:
                    continue
                query = sa.select(*(c for c in table.c if c.name not in ("last_used", "last_used_at")))
                if (mine := _hers(table, self.ada_id)) is not None:
                    rows = await connection.execute(query.where(mine).order_by(*table.primary_key))
                    found[table.name] = [tuple(row) for row in rows]
            return found


LIVELY = ("outbox", "deliveries", "data_exports", "sessions", "facts", "tasks", "audit")
"""Tables that change while nobody asks for anything."""


def _hers(table: sa.Table, owner: str) -> sa.ColumnElement[bool] | None:
    jobs, projects = metadata.tables["jobs"], metadata.tables["projects"]
    if table.name == "users":
        return table.c.id == owner
    if "owner" in table.c:
        return table.c.owner == owner
    if "project_id" in table.c:
        return table.c.project_id.in_(sa.select(projects.c.id).where(projects.c.owner == owner))
    if "job_id" in table.c:
        return table.c.job_id.in_(sa.select(jobs.c.id).where(jobs.c.owner == owner))
    return None


@asynccontextmanager
async def town(folder: Path, **settings: Any) -> AsyncIterator[Town]:
    """Serve until the block ends."""
    nats = NatsServer(folder / "nats")
    nats.start()
    shared = Shared(
        nats_url=nats.url,
        nats_token=nats.token,
        artifacts_url=f"file://{folder}/artifacts",
        scratch_dir=f"{folder}/scratch",
        workers=1,
        secret_key=(KEY,),
    )
    url = f"sqlite+aiosqlite:///{folder}/ledger.db"
    sock = listen("127.0.0.1", 0)
    base = f"http://127.0.0.1:{sock.getsockname()[1]}"
    chosen = IngestSettings(
        shared=shared,
        database_url=url,
        public_url=base,
        login="required",
        operator_email="operator@example.com",
        operator_password=PASSWORD,
        registration="open",
        **{**UNLIMITED, **settings},
    )
    app = create_app(chosen)
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(
        serve(app, sock, stop=stop, vital=vital_checks(app), on_ready=lambda _: ready.set())
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    assert ready.is_set()
    database = Database(url)
    try:
        async with AsyncExitStack() as stack:
            clients = {
                name: await stack.enter_async_context(httpx.AsyncClient(base_url=base, trust_env=False, timeout=20))
                for name in ("stranger", "ada", "bob", "operator")
            }
            for name in ("ada", "bob", "operator"):
                await log_in(clients[name], f"{name}@example.com")
            ada = clients["ada"]
            things = await furnished(ada, database, open_store(shared.artifacts_url), standing_of(chosen))
            ada_id = (await ada.get("/api/v1/me")).json()["id"]
            yield Town(app, database, **clients, ada_id=ada_id, things=things, examples=examples_of(app))
    finally:
        tell_of_stop(app)
        stop.set()
        await serving
        await database.close()
        nats.kill()


def examples_of(app: Litestar) -> dict[tuple[str, str], Any]:
    """The examples of /schema."""
    return {
        (path, method.upper()): body.get("example")
        for path, operations in app.openapi_schema.to_schema()["paths"].items()
        for method, operation in operations.items()
        for body in operation.get("requestBody", {}).get("content", {}).values()
    }


async def log_in(http: httpx.AsyncClient, email: str) -> None:
    """Register, where there is no such user, and send a token with every request from now on."""
    credentials = {"email": email, "password": PASSWORD}
    (await http.post("/api/v1/auth/register", json=credentials)).raise_for_status()
    login = (await http.post("/api/v1/auth/login", json=credentials)).raise_for_status().json()
    http.headers["Authorization"] = f"Bearer {login['access_token']}"


async def furnished(
    http: httpx.AsyncClient, database: Database, store: Any, standing: Standing | None
) -> dict[str, str]:
    """Give a user one of everything: a finished job with its project, a running one, what stands beside them."""
    ledger = Ledger(database, standing=standing)
    api = cast(Api, SimpleNamespace(http=http, ledger=ledger, store=store))
    job_id = await rendered(api)
    await composed(api, job_id)
    project_id = (await http.get(f"/api/v1/jobs/{job_id}")).json()["project_id"]
    project = f"/api/v1/projects/{project_id}"

    async def sent(path: str, body: object = None, **headers: str) -> Any:
        answer = await http.post(path, json=body, headers=headers)
        assert answer.is_success, (path, answer.text)
        return answer.json()

    version = {"If-Match": (await http.get(project)).headers["ETag"]}
    character = await sent(f"{project}/characters", {"name": MARK}, **version)
    endpoint = await sent("/api/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/", "description": MARK})
    delivery = await sent(f"/api/v1/webhook-endpoints/{endpoint['id']}/ping")
    announced = await sent(
        "/api/v1/uploads/presign", {"kind": "audio", "filename": f"{MARK}.wav", "size": len(SONG)}
    )
    form = {"audio": (f"{MARK}.wav", SONG)}
    (upload,) = (await http.post("/api/v1/uploads", files=form)).raise_for_status().json()["uploads"]
    running = await sent(
        "/api/v1/jobs",
        {"audio_upload_id": upload["upload_id"], "options": {"prompt": MARK, "title": MARK}},
        **{"Idempotency-Key": "one"},
    )
    key = await sent("/api/v1/me/api-keys", {"name": MARK})
    data_export = await sent("/api/v1/me/export")
    takes = (await http.get(f"{project}/scenes/s001/takes")).raise_for_status().json()["takes"]
    exports = (await http.get(f"{project}/exports")).raise_for_status().json()["exports"]
    return {
        "job_id": job_id,
        "running_job_id": running["job_id"],
        "project_id": project_id,
        "upload_id": upload["upload_id"],
        "announced_upload_id": announced["upload_id"],
        "endpoint_id": endpoint["id"],
        "delivery_id": delivery["id"],
        "character_id": character["id"],
        "scene_id": "s001",
        "take_id": str(takes[0]["id"]),
        "export_id": str(exports[0]["id"]),
        "name": "report.json",
        "api_key_id": key["id"],
        "data_export_id": data_export["id"],
    }


def unused_id() -> str:
    """An id that nobody has."""
    return secrets.token_hex(16)
