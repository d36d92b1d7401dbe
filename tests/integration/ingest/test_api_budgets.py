"""Budgets over HTTP."""

from __future__ import annotations

from libs.money.amounts import amount_of
from services.ingest.parts import now
from tests.contract.tills import CLIP, Till
from tests.integration.ingest.server import Api


async def test_a_paused_job_goes_on_when_its_owner_says_so(api: Api) -> None:
    till = Till(api.database)
    till.now = now()
    api.ledger.treasury = till.treasury
    job_id = await till.job(cap=CLIP)
    (task,) = await till.clips()
    await till.done(task, 20_000)
    job = (await api.http.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["status"], job["costs"]["cost"], job["costs"]["cap"]) == (
        "awaiting_feedback",
        0.02,
        amount_of(CLIP),
    )
    assert (await api.http.post(job["links"]["approve"], json={"amount": 0})).status_code == 400
    assert (await api.http.post(job["links"]["approve"], json={"cap": 9})).status_code == 400
    approved = await api.http.post(job["links"]["approve"], json={"amount": 1})
    assert approved.status_code == 200
    assert (approved.json()["status"], approved.json()["raised"]) == ("generating", [{"scope": "job", "by": 1.0}])
    assert len(await till.clips()) == 2
    month = (await api.http.get("/api/v1/me/budget")).json()
    assert (month["cap"], month["spent"], month["reserved"]) == (None, 0.02, amount_of(2 * CLIP))
    refused = await api.http.post("/api/v1/me/budget/approve", json={})
    assert (refused.status_code, refused.json()["code"]) == (409, "no_cap")
    answer = await api.http.get(f"/api/v1/projects/{job['project_id']}")
    project, project_tag = answer.json(), answer.headers["ETag"]
    assert project["costs"]["kinds"] == {
        "animate": {"cost": 0.02, "gpuSeconds": 20.0, "tokens": 0, "characters": 0}
    }
    capped = await api.http.patch(
        f"/api/v1/projects/{job['project_id']}", json={"budgetCapUsd": 7}, headers={"If-Match": project_tag}
    )
    assert capped.status_code == 200, capped.text
    lines = (await api.http.get("/api/v1/admin/audit?action=budget")).json()["lines"]
    assert [(line["action"], line["subject"]) for line in lines] == [
        ("budget.capped", job["project_id"]),
        ("budget.approved", job_id),
    ]
    stranger = await api.http.post("/api/v1/jobs/01a2/approve-budget", json={})
    assert (stranger.status_code, stranger.json()["code"]) == (404, "job_not_found")
