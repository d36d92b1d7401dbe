"""Pages of other origins, and the ids of requests."""

import io
import json
import logging

import pytest
from litestar import Litestar, Response, get
from litestar.testing import AsyncTestClient
from prometheus_client import CollectorRegistry

from libs.contracts.errors import Permanent
from libs.runtime.app import service_app
from libs.runtime.cors import cors
from libs.telemetry.logging import JsonFormatter

PAGE = "https://app.example.com"


@get("/thing", sync_to_thread=False)
def thing() -> Response[str]:
    logging.getLogger("thing").warning("asked")
    return Response("x", headers={"ETag": '"3"'})


@get("/missing", sync_to_thread=False)
def missing() -> None:
    raise Permanent("job_not_found")


def service(*origins: str) -> Litestar:
    return service_app(
        "test", route_handlers=[thing, missing], checks={}, registry=CollectorRegistry(), cors=cors(origins)
    )


def preflight(origin: str, headers: str, method: str = "PATCH") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


async def test_no_page_may_call_unless_the_settings_say_so() -> None:
    async with AsyncTestClient(service()) as client:
        answer = await client.get("/thing", headers={"Origin": PAGE})
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert (await client.options("/thing", headers=preflight(PAGE, "range"))).headers.get(
            "access-control-allow-origin"
        ) is None


async def test_a_page_of_the_list_may_and_no_other() -> None:
    async with AsyncTestClient(service(PAGE, "http://[::1]:5173")) as client:
        for path, status in (("/thing", 200), ("/missing", 404), ("/nowhere", 404)):
            answer = await client.get(path, headers={"Origin": PAGE})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == PAGE
            assert answer.headers["vary"] == "Origin"
            seen = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
            assert {"ETag", "Location", "Retry-After", "Content-Range", "X-Request-Id"} <= seen
        asked = "last-event-id, range, if-match, idempotency-key, content-type"
        answer = await client.options("/thing", headers=preflight(PAGE, asked))
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "access-control-allow-credentials" not in answer.headers
        for other in ("https://app.example.com.evil.example", "https://appxexample.com", "null", "http://[::1]"):
            answer = await client.get("/thing", headers={"Origin": other})
            assert "access-control-allow-origin" not in answer.headers
            answer = await client.options("/thing", headers=preflight(other, "range"))
            assert answer.status_code == 400
            assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("origin", ["app.example.com", "https://*.example.com", "https://a.example/", "null", ""])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(Permanent) as refused:
        cors([origin])
    assert refused.value.code == "bad_setting"


async def test_a_request_has_one_id_in_answer_log_and_problem() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("test"))
    logger = logging.getLogger("thing")
    logger.addHandler(handler)
    try:
        async with AsyncTestClient(service()) as client:
            answer = await client.get("/thing", headers={"X-Request-Id": "abc-1"})
            assert answer.headers["x-request-id"] == "abc-1"
            assert json.loads(stream.getvalue())["request_id"] == "abc-1"
            for path in ("/missing", "/nowhere"):
                answer = await client.get(path, headers={"X-Request-Id": "abc-2"})
                assert answer.json()["request_id"] == answer.headers["x-request-id"] == "abc-2"
            made = {(await client.get("/thing")).headers["x-request-id"] for _ in range(3)}
            assert len(made) == 3
            for bad in ("x" * 129, "a b", 'a"b', "<script>", "\xe9"):
                answer = await client.get("/missing", headers={b"X-Request-Id": bad.encode("latin-1")})
                told = answer.headers["x-request-id"]
                assert told == answer.json()["request_id"]
                assert len(told) == 32
    finally:
        logger.removeHandler(handler)
    logging.getLogger("thing").warning("later")
