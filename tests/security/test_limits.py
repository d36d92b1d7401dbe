"""What a user may do how often, and how much at once, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.security.town import PASSWORD, Town, town

ORDER = {"script": "Seven otters sing at night."}


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Town]:
    """An installation where little may be done."""
    rules = {"limit_orders": "2/hour", "limit_reads": "25/10 minutes", "limit_login": "9/minute"}
    async with town(tmp_path, jobs_at_once=1, **rules) as found:
        yield found


async def ordered(http: httpx.AsyncClient, *, key: str = "", **options: Any) -> httpx.Response:
    """The answer to an order."""
    headers = {"Idempotency-Key": key} if key else {}
    return await http.post("/api/v1/jobs", json={**ORDER, "options": options}, headers=headers)


def check_refusal(answer: httpx.Response, name: str, most: int, seconds: int) -> None:
    """It is told as 429, with when it is over."""
    assert answer.status_code == 429
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == "rate_limited"
    wait = int(answer.headers["Retry-After"])
    assert 0 < wait <= seconds
    assert answer.headers["RateLimit-Policy"] == f'"{name}";q={most};w={seconds}'
    assert answer.headers["RateLimit"] == f'"{name}";r=0;t={wait}'


async def test_limits_and_turns_of_those_who_log_in(strict: Town) -> None:
    bob = strict.bob
    first = await ordered(bob, key="one")
    assert first.status_code == 202
    for _ in range(3):
        assert (await ordered(bob, style="no such style")).status_code == 422
        assert (await ordered(bob, key="one")).status_code == 200
    second = await ordered(bob)
    assert second.status_code == 202, "what was refused, and what was known, costs nothing"
    check_refusal(await ordered(bob), "orders", 2, 3600)
    check_refusal(await ordered(bob, key="two"), "orders", 2, 3600)
    assert (await ordered(bob, key="one")).status_code == 200, "also when no more may be ordered"
    check_refusal(await ordered(strict.ada), "orders", 2, 3600)
    assert (await ordered(strict.operator)).status_code == 202, "each counts alone"

    path = f"/api/v1/jobs/{second.json()['job_id']}"
    waiting = (await bob.get(path)).json()
    assert (waiting["status"], waiting["waits_for"], waiting["queue_position"]) == ("queued", "turn", 1)
    listed = (await bob.get("/api/v1/jobs")).json()["jobs"]
    assert [job["queue_position"] for job in listed] == [1, None]
    await bob.post(f"/api/v1/jobs/{first.json()['job_id']}/cancel")
    going = (await bob.get(path)).json()
    assert (going["status"], going["waits_for"], going["queue_position"]) == ("analyzing", "", None)

    answers = [await bob.get("/api/v1/jobs") for _ in range(25)]
    assert [answer.status_code for answer in answers].index(429) == 22
    check_refusal(answers[-1], "reads", 25, 600)
    assert (await bob.post(f"{path}/cancel")).status_code == 202, "who may not look may still write"

    tries = [
        await strict.stranger.post("/api/v1/auth/login", json={"email": "bob@example.com", "password": PASSWORD})
        for _ in range(9)
    ]
    check_refusal(tries[-1], "login", 9, 60)
