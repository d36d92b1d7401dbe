"""The HTTP shell: health, metrics, problems. The app is called in process, without a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.testing import AsyncTestClient
from prometheus_client import CollectorRegistry

from libs.contracts.errors import BudgetExceeded, Permanent, Retryable
from libs.runtime import app as app_module
from libs.runtime.app import readiness, service_app, vital_checks, watch


class Order(msgspec.Struct):
    count: int


@get("/boom", sync_to_thread=False)
def boom() -> None:
    raise RuntimeError("a secret of ours")


@get("/busy", sync_to_thread=False)
def busy() -> None:
    raise Retryable("bus_unavailable", after=1.2)


@get("/poor", sync_to_thread=False)
def poor() -> None:
    raise BudgetExceeded("It costs 5.")


@get("/jobs/{number:int}", sync_to_thread=False)
def job(number: FromPath[int], more: FromQuery[int]) -> dict[str, int]:
    if number == 404:
        raise Permanent("job_not_found", "There is no job 404.", hint="Look elsewhere.")
    return {"sum": number + more}


@post("/orders", sync_to_thread=False)
def order(data: JSONBody[Order]) -> dict[str, int]:
    return {"count": data.count}


async def fine() -> None:
    return None


async def away() -> None:
    raise Retryable("bus_unavailable")


async def broken() -> None:
    raise RuntimeError("a secret of ours")


async def silent() -> None:
    await asyncio.sleep(60)


def make(**checks: app_module.Check) -> Litestar:
    return service_app(
        "tester",
        route_handlers=[boom, busy, poor, job, order],
        checks=checks,
        vital={"consumer": broken},
        registry=CollectorRegistry(),
    )


@pytest.fixture
async def client() -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(make(bus=fine), raise_server_exceptions=False) as client:
        yield client


async def test_live(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.get("/healthz/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live", "service": "tester"})


async def test_ready(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.get("/healthz/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "service": "tester", "checks": {"bus": "ok"}}


async def test_not_ready_names_what_is_not() -> None:
    async with AsyncTestClient(make(store=fine, bus=away, ledger=broken)) as client:
        answer = await client.get("/healthz/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {
        "store": "ok",
        "bus": "bus_unavailable: The message bus does not answer.",
        "ledger": "unexpected: see the log",
    }


async def test_a_check_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "CHECK_S", 0.05)
    assert await readiness({"bus": silent, "store": fine}) == {"bus": "timeout: no answer within 0.05 s"}


PROBLEMS = [
    ("/jobs/404?more=1", 404, "job_not_found", "There is no job 404.", "Look elsewhere."),
    ("/poor", 402, "budget_exceeded", "It costs 5.", "Raise its cap, or order less; see docs/budgets.md."),
    ("/nowhere", 404, "not_found", "There is no such thing.", "Check the address."),
    ("/jobs/text", 404, "not_found", "There is no such thing.", "Check the address."),
]


@pytest.mark.parametrize(("path", "status", "code", "detail", "hint"), PROBLEMS)
async def test_problems(
    client: AsyncTestClient[Litestar], path: str, status: int, code: str, detail: str, hint: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem.pop("title")
    assert problem.pop("request_id") == answer.headers["x-request-id"]
    assert problem == {
        "type": f"urn:beatloom:problem:{code}",
        "status": status,
        "code": code,
        "detail": detail,
        "hint": hint,
    }


async def test_a_wait_that_is_known_is_told(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.get("/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


async def test_a_method_that_is_not_taken_names_those_that_are(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.delete("/poor")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


async def test_what_is_not_valid_is_named(client: AsyncTestClient[Litestar]) -> None:
    answer = await client.get("/jobs/1", params={"more": "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.json()["errors"] == [{"key": "more", "message": "Expected `int`, got `str`"}]
    answer = await client.post("/orders", json={"count": "many"})
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [{"key": "count", "message": "Expected `int`, got `str`"}],
    )
    answer = await client.post("/orders", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_nothing_leaks_and_all_is_logged(
    client: AsyncTestClient[Litestar], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/boom")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unexpected"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    record = next(record for record in caplog.records if record.name == "libs.runtime.problems")
    assert record.exc_info is not None
    assert "a secret of ours" in str(record.exc_info[1])


async def test_metrics_count_by_route_and_not_by_path(client: AsyncTestClient[Litestar]) -> None:
    for number in (1, 2, 3):
        await client.get(f"/jobs/{number}?more=1")
    await client.get("/boom")
    await client.get("/healthz/ready")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["content-type"].count("charset") == 1
    assert 'beatloom_http_requests_total{method="GET",route="/jobs/{number}",status="200"} 3.0' in answer.text
    assert 'beatloom_http_requests_total{method="GET",route="/boom",status="500"} 1.0' in answer.text
    assert "healthz" not in answer.text


async def test_two_apps_have_metrics_of_their_own(client: AsyncTestClient[Litestar]) -> None:
    async with AsyncTestClient(make()) as other:
        await other.get("/jobs/1?more=1")
        assert "/jobs" in (await other.get("/metrics")).text
    assert "/jobs" not in (await client.get("/metrics")).text


async def test_watch_returns_what_died() -> None:
    async with asyncio.timeout(5):
        assert await watch(vital_checks(make()), every_s=0.01) == "consumer: a secret of ours"


async def test_watch_goes_on_while_all_live() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await watch({"consumer": fine}, every_s=0.01)
