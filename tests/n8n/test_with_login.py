"""The flows beside a stack whose users log in: they order, wait and download with an API key, and only with it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from libs.seal import Keyring
from services.ingest.access.callers import MACHINE
from services.ingest.accounts.api_keys import digest_of
from services.ingest.accounts.opening import open_accounts
from services.ingest.accounts.tables import api_keys
from services.ingest.database import Database
from services.ingest.ids import new_id
from services.ingest.settings import IngestSettings
from services.standalone.data_dir import DataDir
from tests.faults.fleet import Client
from tests.n8n.conftest import KEY, MARKS, Flows
from tests.n8n.test_real_stack import MADE_S, beatloom, narrated
from tests.waiting import wait_until

pytestmark = MARKS

BEARER = {"Authorization": f"Bearer {KEY}"}


async def let_in(database: Database) -> None:
    """An operator, who has made an API key for n8n."""
    await database.migrate()
    now = datetime.now(UTC)
    accounts = open_accounts(IngestSettings(), database, Keyring(()), clock=lambda: now)
    user = await accounts.create_user(MACHINE, "op@example.com", "a password for tests", "operator")
    row = {
        "id": new_id(),
        "owner": user.id,
        "name": "n8n",
        "digest": digest_of(KEY),
        "prefix": KEY[:7],
        "scopes": ("read", "write"),
        "created_at": now,
    }
    async with database.write() as connection:
        await connection.execute(sa.insert(api_keys).values(**row))
    await database.close()


@pytest.fixture
def stack(flows: Flows, tmp_path: Path) -> Iterator[Client]:
    place = DataDir(tmp_path / "beatloom")
    place.root.mkdir()
    asyncio.run(let_in(Database(f"sqlite+aiosqlite:///{place.ledger}")))
    with beatloom(flows, tmp_path, BEATLOOM_INGEST_LOGIN="required") as client:
        yield client


def test_a_flow_orders_waits_and_downloads_with_its_key(flows: Flows, stack: Client) -> None:
    answer = httpx.post(flows.hook("create-and-wait"), json=narrated("with-a-key"), timeout=60)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    status = f"{stack.url}/api/v1/orchestrate/status/{job_id}"
    assert httpx.get(status).status_code == httpx.codes.UNAUTHORIZED
    path = flows.n8n.files / f"{job_id}.mp4"
    wait_until(path.is_file, seconds=MADE_S, what="the video")
    whole = httpx.get(f"{stack.url}/api/v1/orchestrate/video/{job_id}", headers=BEARER, follow_redirects=True)
    wait_until(lambda: path.read_bytes() == whole.content, seconds=30, what="the whole video")

    (job,) = httpx.get(f"{stack.url}/api/v1/jobs", headers=BEARER).json()["jobs"]
    assert job["job_id"] == job_id


def test_what_the_key_may_not_do_is_told_to_the_caller(flows: Flows, stack: Client, tmp_path: Path) -> None:
    async def revoke() -> None:
        database = Database(f"sqlite+aiosqlite:///{DataDir(tmp_path / 'beatloom').ledger}")
        async with database.write() as connection:
            await connection.execute(sa.delete(api_keys))
        await database.close()

    asyncio.run(revoke())
    answer = httpx.post(flows.hook("create-video"), json=narrated("without"), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_token")
