"""The flow create-video: the backend's answer is the caller's, and none of it is 502."""

from __future__ import annotations

import httpx
import pytest

from tests.n8n.conftest import KEY, MARKS, Flows
from tests.n8n.scripted import Reply, Request, reply, scripted

pytestmark = MARKS

ORDER = {
    "audio_url": "http://songs/one.mp3",
    "caption": 'Ünder }} {{ "quotes"',
    "prompts": ["a sea"],
    "run_id": "order/7",
}


def create(flows: Flows, body: object = ORDER, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(flows.hook("create-video"), json=body, headers=named, timeout=60)


def test_the_order_goes_to_the_backend_with_key_and_credential(flows: Flows) -> None:
    accepted = {"job_id": "j1", "status": "queued"}
    with scripted(flows.backend_port, lambda _: reply(202, accepted)) as came:
        answer = create(flows)
    assert (answer.status_code, answer.json()) == (202, accepted)
    (request,) = came
    assert (request.method, request.path) == ("POST", "/api/v1/orchestrate/start")
    assert request.json() == ORDER
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "idempotency-key" not in request.headers, "it would go before the run_id"


def test_a_callers_key_is_passed_on_and_an_order_without_any_name_gets_one(flows: Flows) -> None:
    anonymous = {"script": "Once upon a time", "caption": "", "prompts": []}
    with scripted(flows.backend_port, lambda _: reply(202, {})) as came:
        create(flows, Idempotency_Key="mine")
        create(flows, anonymous)
        create(flows, anonymous)
    keys = [request.headers["idempotency-key"] for request in came]
    assert keys[0] == "mine"
    assert len(set(keys)) == 3


@pytest.mark.parametrize("status", [200, 400, 401, 409, 422, 429, 500, 503])
def test_the_backends_code_and_body_are_passed_through(flows: Flows, status: int) -> None:
    told = Reply(status, '{"code": "told", "error": "ä"}'.encode(), {"content-type": "application/problem+json"})
    with scripted(flows.backend_port, lambda _: told) as came:
        answer = create(flows)
    assert (answer.status_code, answer.json()) == (status, {"code": "told", "error": "ä"})
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert len(came) == 1


def test_a_proxys_page_before_the_backend_is_passed_through_too(flows: Flows) -> None:
    page = Reply(504, b"<h1>Gateway time-out</h1>", {"content-type": "text/html"})
    with scripted(flows.backend_port, lambda _: page):
        answer = create(flows)
    assert (answer.status_code, answer.content) == (504, page.body)
    assert answer.headers["content-type"].startswith("text/html")


def test_retry_after_is_passed_through(flows: Flows) -> None:
    with scripted(flows.backend_port, lambda _: reply(429, {}, Retry_After="7")):
        assert create(flows).headers["retry-after"] == "7"
    with scripted(flows.backend_port, lambda _: reply(429, {})):
        assert "retry-after" not in create(flows).headers


def test_a_backend_that_hangs_up_is_tried_three_times_with_one_key(flows: Flows) -> None:
    with scripted(flows.backend_port, lambda _: None) as came:
        answer = create(flows, {"audio_url": "http://songs/one.mp3"})
    assert answer.status_code == 502
    assert answer.json()["code"] == "backend_unreachable"
    assert len(came) == 3
    assert len({request.headers["idempotency-key"] for request in came}) == 1


def test_a_backend_that_comes_back_is_found_by_the_next_try(flows: Flows) -> None:
    times: list[Request] = []

    def script(request: Request) -> Reply | None:
        times.append(request)
        return reply(202, {"job_id": "j1"}) if len(times) == 3 else None

    with scripted(flows.backend_port, script):
        assert create(flows).status_code == 202


def test_no_backend_is_502(flows: Flows) -> None:
    answer = create(flows)
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize("body", [{}, [], {"audio_url": 3}, "text", {"caption": "no song"}])
def test_what_is_no_order_is_refused_without_asking(flows: Flows, body: object) -> None:
    with scripted(flows.backend_port, lambda _: reply(202, {})) as came:
        answer = create(flows, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"
    assert came == []
