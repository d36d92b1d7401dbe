"""The words of `beatloom admin`, as requests and as tables."""

from __future__ import annotations

import msgspec
import pytest

from libs.contracts.errors import Permanent
from services.standalone.admin import Call, call_of
from services.standalone.cli import parser
from services.standalone.client import problem_of
from services.standalone.tables import show

AT = "2026-11-22T03:00:00Z"

CALLS = {
    "drain GPU:8188": ("POST", "pool/GPU%3A8188/drain", None),
    "undrain [::1]:80": ("POST", "pool/%5B%3A%3A1%5D%3A80/undrain", None),
    "pause --reason later --retry-after 9": ("POST", "intake/pause", {"reason": "later", "retry_after": 9}),
    "resume": ("POST", "intake/resume", None),
    "users disable u1": ("PATCH", "users/u1", {"enabled": False}),
    "users enable u1": ("PATCH", "users/u1", {"enabled": True}),
    "users role u1 operator": ("PATCH", "users/u1", {"role": "operator"}),
    "users cap u1 12.5": ("PATCH", "users/u1", {"month_cap": 12.5}),
    "users cap u1 none": ("PATCH", "users/u1", {"month_cap": None}),
    "users approve u1 5": ("POST", "users/u1/approve-budget", {"amount": 5.0}),
    "users approve u1": ("POST", "users/u1/approve-budget", {"amount": None}),
    "users delete u1": ("GET", "users/u1/deletion", None),
    "users delete u1 --confirm ab": ("POST", "users/u1/deletion", {"confirm": "ab"}),
    "approve j1 2.5": ("POST", "jobs/j1/approve-budget", {"amount": 2.5}),
    "users logout a/b": ("POST", "users/a%2Fb/logout", None),
}


def call(words: str) -> Call:
    return call_of(parser().parse_args(["admin", *words.split()]))


@pytest.mark.parametrize("words", CALLS)
def test_words_are_requests(words: str) -> None:
    assert call(words)[:3] == CALLS[words]


def test_what_is_not_valid_is_named() -> None:
    errors = [{"key": "days", "message": "Expected `int` >= 1"}]
    body = {"code": "bad_request", "detail": "Validation failed", "hint": "See /schema.", "errors": errors}
    assert problem_of(400, msgspec.json.encode(body)).message == "days: Expected `int` >= 1"


def test_an_amount_is_a_number() -> None:
    with pytest.raises(Permanent):
        call("users cap u1 much")


SERVER = {
    "server": "gpu-1:8188",
    "device": "NVIDIA L40S",
    "version": "0.33.0",
    "memory": 48 << 30,
    "memory_free": 40 << 30,
    "standing": "working",
    "running": 1,
    "pending": 1,
    "ours": 2,
    "loaded": "wan22-5b",
    "generators": 3,
    "leave_it": 2,
    "drained_at": AT,
    "drained_by": "ann",
}
LANE = {"kind": "animate", "priority": "low", "waiting": 5, "in_work": 2, "redelivered": 1, "oldest_at": AT}
USER = {"id": "u1", "email": "ann@example.com", "role": "user", "enabled": False, "last_login_at": None}

ANSWERS: dict[str, tuple[dict[str, object], list[str]]] = {
    "pool": (
        {"generators": 3, "waiting": 4, "servers": [SERVER]},
        [
            "gpu-1:8188  NVIDIA L40S",
            "40 of 48 GB free",
            "by 2 of 3",
            "answered: 3; work that waits for a server: 4",
        ],
    ),
    "queues": (
        {
            "lanes": [LANE, {**LANE, "kind": "plan", "waiting": 0, "in_work": 0}],
            "open": [{"kind": "animate", "count": 7, "oldest_at": AT}],
            "outbox": {"waiting": 0, "oldest_at": None},
            "running_jobs": 3,
            "waiting_jobs": 1,
        },
        ["animate  low", "outbox: 0\n", "3 run, 1 of them wait"],
    ),
    "intake": (
        {"paused": True, "paused_at": AT, "paused_by": "ann", "reason": "Later.", "retry_after": 1},
        ["No new orders since 2026-11-22 03:00:00, by ann: Later."],
    ),
    "budget": (
        {"month": "2026-11", "currency": "USD", "cap": 50.0, "spent": 1.5, "reserved": 0.25},
        ["2026-11: 1.50 USD spent of 50.00, 0.25 reserved"],
    ),
    "holdings": ({"projects": 2, "running_jobs": 1, "confirm": "ab"}, ["running jobs 1", "--confirm ab"]),
    "approve": (
        {"job_id": "j1", "status": "generating", "raised": [{"scope": "month", "by": 2.5}]},
        ["the cap of the month was raised by 2.50", "job j1 is generating"],
    ),
    "sweep": ({"state": "running", "count": None}, ["It goes on"]),
    "users": ({**USER, "month_cap": None}, ["ann@example.com  user  disabled  no cap", "never"]),
    "audit": (
        {
            "lines": [
                {
                    "id": 9,
                    "at": AT,
                    "actor": "ann",
                    "means": "key",
                    "action": "intake.paused",
                    "subject": "intake",
                    "detail": {"retry_after": 5, "scopes": ["admin", "read"], "cap": None},
                }
            ],
            "next": "/api/v1/admin/audit?before=9",
        },
        ["older ones: --before 9", "ann  key  intake.paused  intake   retry_after 5, scopes admin read, cap none"],
    ),
}


@pytest.mark.parametrize("action", ANSWERS)
def test_answers_are_tables(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer, parts = ANSWERS[action]
    show(action, answer)
    told = capsys.readouterr().out
    for part in parts:
        assert " ".join(part.split()) in " ".join(told.split()), told
