"""Operators over HTTP: queues, intake, drained servers, upkeep, figures, the audit log."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from libs.bus.asking import answer
from libs.bus.drains import Drains
from libs.contracts import subjects
from libs.contracts.facts import Fact, TakeRendered, Usage
from libs.contracts.pool import GpuServer, PoolReport
from libs.contracts.storyboard import Clip
from services.ingest import tables as t
from services.ingest.ledger import utc_now
from services.ingest.operating import draining
from services.ingest.outbox import Outbox
from tests.integration.ingest.flow import analyzed, failed, order, order_id, planned, put
from tests.integration.ingest.server import Api
from tests.waiting import until

ADMIN = "/api/v1/admin"


async def asked(api: Api, path: str) -> dict[str, Any]:
    answered = await api.http.get(f"{ADMIN}/{path}")
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def told(api: Api, path: str, body: object = None, status: int = 200) -> dict[str, Any]:
    answered = await api.http.post(f"{ADMIN}/{path}", json=body)
    assert answered.status_code == status, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def test_while_intake_is_paused_new_orders_are_refused_and_what_runs_goes_on(api: Api) -> None:
    headers = {"Idempotency-Key": "known"}
    first = await api.http.post(
        "/api/v1/jobs", json={"script": "One word.", "options": {"seed": 1}}, headers=headers
    )
    running, ended = await order_id(api), await order_id(api)
    await failed(api, ended)
    assert await asked(api, "intake") == dict.fromkeys(("paused_at", "paused_by", "reason", "retry_after")) | {
        "paused": False
    }
    paused = await told(api, "intake/pause", {"reason": "Until noon.", "retry_after": 77})
    assert (paused["paused"], paused["paused_by"], paused["retry_after"]) == (True, "local", 77)
    refused = [
        await order(api),
        await api.http.post("/api/v1/jobs", json={"script": "One word."}),
        await api.http.post("/api/v1/orchestrate/start", json={"script": "One word."}),
        await api.http.post(f"/api/v1/jobs/{ended}/retry"),
    ]
    for each in refused:
        assert (each.status_code, each.json()["code"]) == (503, "intake_paused")
        assert (each.json()["detail"], each.headers["Retry-After"]) == ("Until noon.", "77")
    assert api.uploads() == []
    again = await api.http.post(
        "/api/v1/jobs", json={"script": "One word.", "options": {"seed": 1}}, headers=headers
    )
    assert (again.status_code, again.json()["job_id"]) == (200, first.json()["job_id"])
    await analyzed(api, running)
    assert (await api.http.get(f"/api/v1/jobs/{running}")).json()["stage"] == "planning"
    (letter,) = (await api.http.get("/api/v1/dead")).json()["letters"]
    assert (await api.http.post(f"{letter['link']}/replay")).status_code == 202
    (replayed,) = (await asked(api, f"audit?action=dead_letter&subject={ended}"))["lines"]
    assert (replayed["action"], replayed["detail"]) == (
        "dead_letter.replay",
        {"letter": letter["id"].partition("/")[2]},
    )
    later = await told(api, "intake/pause", {})
    assert (later["paused_at"], later["reason"]) == (paused["paused_at"], "")
    assert (await told(api, "intake/resume"))["paused"] is False
    await told(api, "intake/resume")
    assert (await order(api)).status_code == 202
    lines = (await asked(api, "audit?action=intake"))["lines"]
    assert [(line["action"], line["actor"], line["means"]) for line in lines] == [
        ("intake.resumed", "local", "machine"),
        ("intake.paused", "local", "machine"),
        ("intake.paused", "local", "machine"),
    ]


async def test_queues_are_told_by_depth_and_age(api: Api) -> None:
    await api.bus.ensure_topology()
    jobs = [await order_id(api) for _ in range(2)]
    before = await asked(api, "queues")
    assert {lane["kind"]: lane["waiting"] for lane in before["lanes"] if lane["waiting"]} == {}
    assert before["outbox"]["waiting"] == sum(one["count"] for one in before["open"]) > 0
    assert before["running_jobs"] == 2
    outbox = Outbox(api.database, api.bus, refused=api.ledger.apply)
    while await outbox.publish_due("task"):
        pass
    after = await asked(api, "queues")
    analyze = next(lane for lane in after["lanes"] if (lane["kind"], lane["priority"]) == ("analyze", "low"))
    assert (analyze["waiting"], analyze["in_work"], after["outbox"]["waiting"]) == (2, 0, 0)
    age = utc_now() - msgspec.convert(analyze["oldest_at"], type=type(utc_now()))
    assert timedelta() <= age < timedelta(minutes=1)
    for job in jobs:
        await api.ledger.cancel(job)
    ended = await asked(api, "queues")
    assert (ended["running_jobs"], {one["count"] for one in ended["open"]}) == (0, {0})


async def test_a_drained_server_is_told_to_generators_whatever_becomes_of_the_bus(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "EVERY_S", 0.1)
    await api.bus.ensure_topology()
    seen = GpuServer(name="gpu-1:8188", device="L40S", version="1", standing="working", running=1, ours=1)
    reports = [
        PoolReport(generator="a", waiting=2, servers=(msgspec.structs.replace(seen, drained=True),)),
        PoolReport(generator="b", waiting=1, servers=(msgspec.structs.replace(seen, standing="away"),)),
    ]
    followings = [await answer(api.bus, subjects.POOL_QUESTION, iter([report] * 9).__next__) for report in reports]
    answered = await told(api, "pool/GPU-1:8188/drain")
    assert answered == {"server": "gpu-1:8188", "drained": True, "told": True}
    await told(api, "pool/gpu-2:8188/drain")
    await told(api, "pool/gpu-2:8188/drain")
    assert await Drains(api.bus).read() == {"gpu-1:8188", "gpu-2:8188"}
    view = await asked(api, "pool")
    assert (view["generators"], view["waiting"]) == (2, 3)
    first, second = view["servers"]
    assert (first["server"], first["standing"], first["generators"], first["leave_it"]) == (
        "gpu-1:8188",
        "away",
        2,
        1,
    )
    assert (first["running"], first["ours"], first["drained_by"]) == (1, 2, "local")
    assert (second["standing"], second["generators"], second["drained_by"]) == ("unknown", 0, "local")
    for following in followings:
        await following.stop()
    assert (await api.http.post(f"{ADMIN}/pool/gpu-3:8188/undrain")).json()["code"] == "server_not_drained"
    assert (await api.http.post(f"{ADMIN}/pool/no%20name/drain")).status_code == 400
    await api.http.post(f"{ADMIN}/pool/gpu-1:8188/undrain")
    assert await Drains(api.bus).read() == {"gpu-2:8188"}
    await Drains(api.bus).write(nobody)  # the bucket was lost
    loop = asyncio.create_task(draining.Draining(api.database, Drains(api.bus), utc_now).run())
    await until(lambda: drained_is(api, {"gpu-2:8188"}))
    loop.cancel()
    actions = [line["action"] for line in (await asked(api, "audit?action=server"))["lines"]]
    assert actions == ["server.undrained", "server.drained", "server.drained"]


async def nobody() -> frozenset[str]:
    return frozenset()


async def drained_is(api: Api, names: set[str]) -> bool:
    return await Drains(api.bus).read() == names


async def test_the_sweep_and_what_nobody_needs_are_done_when_told(api: Api) -> None:
    await order_id(api)
    long_ago = utc_now() - timedelta(hours=1)
    async with api.database.write() as connection:
        await connection.execute(sa.update(t.tasks).values(published_at=long_ago, publications=1))
    waiting = sum(one["count"] for one in (await asked(api, "queues"))["open"])
    assert await told(api, "sweep") == {"state": "done", "count": waiting}
    assert await told(api, "sweep") == {"state": "done", "count": 0}
    assert (await told(api, "retention"))["state"] == "done"


async def test_figures_are_of_what_was_made_anew(api: Api) -> None:
    job = await order_id(api)
    await analyzed(api, job)
    await planned(api, job, scenes=4)
    for number, seconds in enumerate((1.0, 9.0, 2.0, 0.0), 1):
        clip = Clip(scene_id=f"s{number:03d}", lead=0, frames=30, blob=await put(api, b"%d" % number))
        usage = Usage(wall_seconds=seconds, gpu_seconds=seconds / 2, reused=number == 4)
        body = TakeRendered(clip=clip, backend="comfyui", seed=1, workflow="wan22-5b")
        task = f"animate.s{number:03d}"
        await api.ledger.apply(Fact(job_id=job, run=1, task=task, attempt=1, at=utc_now(), body=body, usage=usage))
    async with api.database.write() as connection:
        await connection.execute(sa.update(t.takes).where(t.takes.c.scene_id == "s001").values(user_score=0.5))
    found = await asked(api, "figures?days=1")
    assert (found["takes"], found["average_score"], found["average_quality"]) == (3, 0.5, None)
    assert found["by"] == [
        {
            "backend": "comfyui",
            "workflow": "wan22-5b",
            "scenes": 3,
            "median_seconds": 2.0,
            "median_gpu_seconds": 1.0,
            "average_quality": None,
            "average_score": 0.5,
        }
    ]


async def test_the_audit_log_is_read_by_pages_and_filters(api: Api) -> None:
    for number in range(5):
        await told(api, f"pool/gpu-{number}:1/drain")
    found, path = list[str](), "audit?action=server.drained&limit=2&since=2020-01-01T00:00:00Z"
    while path:
        page = await asked(api, path)
        found += [line["subject"] for line in page["lines"]]
        path = (page["next"] or "").removeprefix(f"{ADMIN}/")
    assert found == [f"gpu-{number}:1" for number in reversed(range(5))]
    assert [line["subject"] for line in (await asked(api, "audit?subject=gpu-3:1"))["lines"]] == ["gpu-3:1"]
    assert (await asked(api, "audit?actor=nobody"))["lines"] == []
    assert (await asked(api, "audit?until=2020-01-01T00:00:00Z"))["lines"] == []
    for bad in ("since=0001-01-01T00:00:00%2B05:00", "limit=0", "before=0", "actor=%00"):
        assert (await api.http.get(f"{ADMIN}/audit?{bad}")).status_code == 400


async def test_money_is_told_by_user_project_and_kind(api: Api) -> None:
    assert await asked(api, "spending?month=2026-11&by=kind") == {"spending": []}
    assert (await api.http.get(f"{ADMIN}/spending?month=2026-13")).status_code == 400


async def test_users_are_made_changed_and_logged_out(api: Api) -> None:
    made = await told(api, "users", {"email": "Ann@Example.com", "role": "operator"}, 201)
    ann, password = made["user"], made["password"]
    assert (ann["email"], ann["role"], ann["enabled"], "month_cap" in ann) == (
        "ann@example.com",
        "operator",
        True,
        False,
    )
    assert len(password) >= 20
    bob = (await told(api, "users", {"email": "bob@example.com", "password": "a good password"}, 201))["user"]
    assert [one["id"] for one in (await asked(api, "users"))["users"]] == [bob["id"], ann["id"]]
    own = f"{ADMIN}/users/{bob['id']}"
    changed = await api.http.patch(own, json={"enabled": False, "month_cap": 12.5})
    assert (changed.json()["enabled"], changed.json()["month_cap"]) == (False, 12.5)
    assert (await api.http.patch(own, json={"month_cap": None})).json()["month_cap"] is None
    assert (await api.http.post(f"{own}/logout")).status_code == 204
    alone = await api.http.patch(f"{ADMIN}/users/{ann['id']}", json={"role": "user"})
    assert (alone.status_code, alone.json()["code"]) == (409, "last_operator")
    for method, path in (
        ("GET", "users/00"),
        ("PATCH", "users/00"),
        ("POST", "users/00/logout"),
        ("GET", "users/-"),
    ):
        answered = await api.http.request(method, f"{ADMIN}/{path}", json={"enabled": True})
        assert (answered.status_code, answered.json()["code"]) == (404, "user_not_found")
    assert (await told(api, "users", {"email": "bob@example.com"}, 409))["code"] == "email_taken"
    assert (await told(api, "users", {"email": "nobody"}, 422))["code"] == "bad_email"
    for body in ({"month_cap": -1}, {"month_cap": 1e12}, {"id": "mine"}):
        assert (await api.http.patch(own, json=body)).status_code == 400
    actions = {line["action"] for line in (await asked(api, f"audit?subject={bob['id']}"))["lines"]}
    assert actions == {"user.created", "user.disabled", "budget.capped", "sessions.closed"}
    assert password not in str(await asked(api, "audit"))


async def test_a_user_may_be_let_spend_more_and_be_deleted(api: Api) -> None:
    ann, bob = [
        (await told(api, "users", {"email": f"{name}@example.com", "role": role}, 201))["user"]["id"]
        for name, role in (("ann", "operator"), ("bob", "user"))
    ]
    none = await api.http.post(f"{ADMIN}/users/{bob}/approve-budget", json={"amount": 5})
    assert (none.status_code, none.json()["code"]) == (409, "no_cap")
    await api.http.patch(f"{ADMIN}/users/{bob}", json={"month_cap": 12.5})
    assert (await told(api, f"users/{bob}/approve-budget", {"amount": 5}))["cap"] == 17.5
    assert (await asked(api, f"users/{bob}/budget"))["left"] == 17.5
    job = await order_id(api)
    for path, status in ((f"jobs/{job}", 409), ("jobs/none", 404), ("users/00", 404)):
        await told(api, f"{path}/approve-budget", {}, status)

    listed = await asked(api, f"users/{bob}/deletion")
    refused = await told(api, f"users/{bob}/deletion", {"confirm": "something else"}, 409)
    assert (listed["jobs"], refused["code"]) == (0, "deletion_not_confirmed")
    deletion = await told(api, f"users/{bob}/deletion", {"confirm": listed["confirm"]}, 202)
    assert (await api.http.get(deletion["link"])).json()["status"] == "stopping"
    last = await told(
        api, f"users/{ann}/deletion", {"confirm": (await asked(api, f"users/{ann}/deletion"))["confirm"]}, 409
    )
    assert last["code"] == "last_operator"
    await told(api, "users/00/deletion", {"confirm": ""}, 404)
