"""The flow job-events: only what Beatloom signed, and just now, goes on to the frontend."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from tests.n8n.conftest import MARKS, SECRET, Flows
from tests.n8n.scripted import Reply, reply, scripted

pytestmark = MARKS

EVENT = {"event": "job_completed", "data": {"job_id": "j1", "note": "ä ♫ {{ }} \\u0000"}}
BODY = json.dumps(EVENT, ensure_ascii=False)
OTHER = "whsec_" + base64.b64encode(b"of somebody else, long enough").decode()
TAKEN = reply(200, {"received": True})


def signed(body: str = BODY, *, secret: str = SECRET, age_s: float = 0, id_: str = "msg_1") -> dict[str, str]:
    """The headers of a webhook."""
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(id_, at, body),
    }


def tell(flows: Flows, headers: dict[str, str], body: str = BODY) -> httpx.Response:
    return httpx.post(flows.hook("job-events"), content=body.encode(), headers=headers, timeout=60)


def test_a_genuine_event_reaches_the_frontend_byte_for_byte(flows: Flows) -> None:
    headers = signed()
    with scripted(flows.frontend_port, lambda _: TAKEN) as came:
        answer = tell(flows, headers)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    (request,) = came
    assert (request.path, request.body) == ("/events", BODY.encode())
    for name in ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature"):
        assert request.headers[name] == headers[name]
    Webhook(SECRET).verify(request.body, dict(request.headers))


ANSWERS = {
    "JSON": TAKEN,
    "nothing": Reply(204),
    "text": Reply(202, b"fine"),
    "bad JSON": Reply(200, b"{", {"content-type": "application/json"}),
}


@pytest.mark.parametrize("taken", ANSWERS)
def test_any_success_of_the_frontend_is_success(flows: Flows, taken: str) -> None:
    with scripted(flows.frontend_port, lambda _: ANSWERS[taken]) as came:
        assert tell(flows, signed()).status_code == 200
    assert len(came) == 1


def test_one_good_signature_among_several_is_enough(flows: Flows) -> None:
    """As while a secret is changed."""
    headers = signed()
    headers["webhook-signature"] = f"{signed(secret=OTHER)['webhook-signature']} {headers['webhook-signature']}"
    with scripted(flows.frontend_port, lambda _: TAKEN) as came:
        assert tell(flows, headers).status_code == 200
    assert len(came) == 1


def refused() -> dict[str, tuple[dict[str, str], str]]:
    """Headers and body by what is wrong with them; made when they are sent, since they age."""
    good = signed()
    signature = good["webhook-signature"]
    return {
        "another secret": (signed(secret=OTHER), BODY),
        "another body": (good, BODY.replace("j1", "j2")),
        "a space more": (good, BODY + " "),
        "another id": ({**good, "webhook-id": "msg_2"}, BODY),
        "an old one with a new time": (
            {**good, "webhook-signature": signed(age_s=3600)["webhook-signature"]},
            BODY,
        ),
        "no signature": ({name: good[name] for name in good if name != "webhook-signature"}, BODY),
        "an empty signature": ({**good, "webhook-signature": "v1,"}, BODY),
        "another version": ({**good, "webhook-signature": signature.replace("v1,", "v2,")}, BODY),
        "no headers": ({}, BODY),
        "no body": (good, ""),
        "too old": (signed(age_s=330), BODY),
        "of the future": (signed(age_s=-330), BODY),
        "without an id": (signed(id_=""), BODY),
    }


@pytest.mark.parametrize("case", refused())
def test_what_is_not_genuine_and_fresh_is_refused(flows: Flows, case: str) -> None:
    headers, body = refused()[case]
    with scripted(flows.frontend_port, lambda _: TAKEN) as came:
        answer = tell(flows, headers, body)
    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] == "bad_signature"
    assert came == []


def test_an_event_that_comes_twice_goes_on_twice_under_one_id(flows: Flows) -> None:
    """The frontend knows it by its id: the flow keeps nothing."""
    with scripted(flows.frontend_port, lambda _: TAKEN) as came:
        assert tell(flows, signed(id_="msg_9", age_s=60)).status_code == 200
        assert tell(flows, signed(id_="msg_9")).status_code == 200
    assert [request.headers["webhook-id"] for request in came] == ["msg_9", "msg_9"]


@pytest.mark.parametrize("script", [None, reply(500, {}), reply(404, {})], ids=["hangs up", "500", "404"])
def test_a_frontend_that_does_not_take_it_is_503_after_three_tries(flows: Flows, script: Reply | None) -> None:
    with scripted(flows.frontend_port, lambda _: script) as came:
        answer = tell(flows, signed())
    assert answer.status_code == 503
    assert answer.json()["code"] == "frontend_unreachable"
    assert len(came) == 3


def test_no_frontend_is_503(flows: Flows) -> None:
    assert tell(flows, signed()).status_code == 503


def test_without_its_secret_it_says_so_and_takes_nothing(flows: Flows) -> None:
    file = flows.n8n.files / "beatloom-webhook-secret"
    kept = file.rename(file.with_name("kept"))
    try:
        with scripted(flows.frontend_port, lambda _: TAKEN) as came:
            answer = tell(flows, signed())
    finally:
        kept.rename(file)
    assert (answer.status_code, answer.json()["code"]) == (503, "secret_missing")
    assert came == []


def test_the_secret_is_in_no_log_and_no_record(flows: Flows) -> None:
    assert tell(flows, signed()).status_code == 503
    secret = SECRET.removeprefix("whsec_")
    assert secret not in flows.n8n.log
    assert not [file for file in flows.n8n.records() if secret.encode() in file.read_bytes()]
