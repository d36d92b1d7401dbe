"""Webhook endpoints and deliveries over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from libs.contracts.facts import DeliveryAttempted, Fact
from services.ingest.parts import now
from tests.integration.ingest.server import Api
from tests.unit.ingest.story import broke, new_job

URL = "https://example.org/hook?token=a%2Fb"


async def register(api: Api, **wishes: object) -> dict[str, Any]:
    """A new endpoint, as it was answered."""
    answered = await api.http.post("/api/v1/webhook-endpoints", json={"url": URL, **wishes})
    assert answered.status_code == 201, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def ended(api: Api, callback_url: str = "") -> str:
    """The id of a job that has ended."""
    job_id = (await api.ledger.accept(new_job(callback_url))).job_id
    await api.ledger.cancel(job_id)
    return job_id


async def test_the_secret_is_told_once(api: Api) -> None:
    made = await register(api, description="Ours", events=["job_failed", "job_failed"], strict=True)
    secret = made.pop("secret")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert (made["url"], made["events"], made["strict"], made["active"]) == (URL, ["job_failed"], True, True)
    own = f"/api/v1/webhook-endpoints/{made['id']}"
    assert (await api.http.get(own)).json() == made
    assert (await api.http.get("/api/v1/webhook-endpoints")).json() == {"endpoints": [made], "next": None}
    rotated = (await api.http.post(f"{own}/rotate-secret")).json()
    assert rotated["secret"] != secret
    assert rotated["old_secret_until"] is not None


async def test_an_endpoint_is_changed_and_forgotten(api: Api) -> None:
    own = f"/api/v1/webhook-endpoints/{(await register(api))['id']}"
    changed = await api.http.patch(own, json={"url": "https://example.org/new", "active": False})
    assert changed.status_code == 200
    assert (changed.json()["url"], changed.json()["active"]) == ("https://example.org/new", False)
    assert (await api.http.post(f"{own}/ping")).json()["code"] == "endpoint_inactive"
    assert (await api.http.patch(own, json={})).status_code == 200
    assert (await api.http.delete(own)).status_code == 204
    for method, path in (("GET", own), ("DELETE", own), ("POST", f"{own}/ping"), ("POST", f"{own}/rotate-secret")):
        answered = await api.http.request(method, path)
        assert (answered.status_code, answered.json()["code"]) == (404, "endpoint_not_found")
    assert (await api.http.patch(own, json={"strict": True})).status_code == 404


NO_ENDPOINTS: list[tuple[dict[str, object], int, str]] = [
    ({"url": URL, "secret": "mine"}, 400, "bad_request"),
    ({"url": URL, "events": []}, 400, "bad_request"),
    ({"url": URL, "events": ["ping"]}, 400, "bad_request"),
    ({"url": URL, "description": "a\u0000b"}, 400, "bad_request"),
    ({"url": None}, 400, "bad_request"),
    ({"url": URL, "strict": None}, 400, "bad_request"),
    ({"url": "x" * 2001}, 400, "bad_request"),
    ({"url": "ftp://example.org"}, 400, "bad_request"),
    ({"url": "https://user@example.org"}, 422, "bad_callback_url"),
    ({"url": "https://example.org/\r\nx-evil: 1"}, 422, "bad_callback_url"),
]


async def test_what_is_no_endpoint_is_told(api: Api) -> None:
    made = await register(api)
    for body, status, code in NO_ENDPOINTS:
        for method, path in (("POST", ""), ("PATCH", f"/{made['id']}")):
            answered = await api.http.request(method, f"/api/v1/webhook-endpoints{path}", json=body)
            assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text
    assert (await api.http.post("/api/v1/webhook-endpoints", json={})).status_code == 400


async def test_lists_are_paged(api: Api) -> None:
    made = [(await register(api))["id"] for _ in range(3)]
    jobs = [await ended(api) for _ in range(2)]
    for path, field, count in (
        ("webhook-endpoints?limit=2", "endpoints", 3),
        ("deliveries?limit=4", "deliveries", 6),
    ):
        found: list[str] = []
        after: str | None = f"/api/v1/{path}"
        while after is not None:
            page = (await api.http.get(after)).json()
            found += [row["id"] for row in page[field]]
            after = page["next"]
        assert len(found) == len(set(found)) == count
    only = (
        await api.http.get(f"/api/v1/deliveries?job={jobs[0]}&endpoint={made[0]}&limit=1&status=pending")
    ).json()
    assert [(row["job_id"], row["endpoint_id"]) for row in only["deliveries"]] == [(jobs[0], made[0])]
    assert f"job={jobs[0]}" in only["next"]
    assert (await api.http.get(only["next"])).json() == {"deliveries": [], "next": None}
    assert (await api.http.get("/api/v1/deliveries?status=delivered")).json()["deliveries"] == []
    for bad in ("status=odd", "before=-", "limit=0", "endpoint=%00", "job=%F0%9F%92%A9"):
        assert (await api.http.get(f"/api/v1/deliveries?{bad}")).status_code == 400


async def test_a_delivery_shows_its_tries_and_is_sent_again(api: Api) -> None:
    job_id = await ended(api, URL)
    failure = msgspec.structs.replace(
        broke("notify", code="delivery_refused", retryable=False).body, status=410, answer="gone"
    )
    fact = Fact(job_id=job_id, run=1, task="notify", attempt=1, at=now(), body=failure)
    await api.ledger.apply(fact)
    (listed,) = (await api.http.get(f"/api/v1/deliveries?job={job_id}")).json()["deliveries"]
    assert listed["receiver"] == "https://example.org:443/..."
    assert (listed["status"], listed["code"], listed["tries"]) == ("failed", "delivery_refused", 1)
    assert (listed["last_try"]["status"], listed["last_try"]["answer"]) == (410, "gone")
    again = await api.http.post(listed["links"]["redeliver"])
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    assert (await api.http.get("/api/v1/dead")).json()["letters"] == []
    await api.ledger.apply(
        msgspec.structs.replace(fact, attempt=2, body=DeliveryAttempted(webhook_id="m", status=200, answer="ok"))
    )
    detail = (await api.http.get(listed["links"]["self"])).json()
    assert (detail["status"], detail["code"], detail["webhook_id"]) == ("delivered", None, f"msg_{job_id}_1")
    assert [(one["attempt"], one["status"], one["answer"]) for one in detail["attempts"]] == [
        (1, 410, "gone"),
        (2, 200, "ok"),
    ]
    for path in ("/api/v1/deliveries/ab", "/api/v1/deliveries/..%2f"):
        assert (await api.http.get(path)).status_code == 404


async def test_a_test_waits_for_its_answer(api: Api) -> None:
    made = await register(api)
    ping = await api.http.post(f"/api/v1/webhook-endpoints/{made['id']}/ping")
    assert ping.status_code == 202
    told = ping.json()
    assert (told["event"], told["status"], told["job_id"], told["links"]["redeliver"]) == (
        "ping",
        "pending",
        None,
        None,
    )
    assert (await api.http.post(f"{told['links']['self']}/redeliver")).json()["code"] == "conflict"


async def test_there_is_an_end_to_endpoints(api: Api) -> None:
    for _ in range(50):
        await register(api)
    answered = await api.http.post("/api/v1/webhook-endpoints", json={"url": URL})
    assert (answered.status_code, answered.json()["code"]) == (409, "too_many_endpoints")
