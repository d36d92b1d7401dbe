"""What an order would take, asked for over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from libs.money.amounts import micros_of
from libs.money.prices import prices_of
from services.ingest.money.budgets import Caps
from services.ingest.money.learning import Learning
from tests.integration.ingest.flow import SONG
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_editing import Project, rendered
from tests.integration.ingest.test_api_jobs import problem
from tests.integration.ingest.test_api_scripts import TEXT, uploaded

URL = "/api/v1/jobs/estimate"


def priced(api: Api, cap: float | None = None) -> None:
    """From now on things cost: a second of clip a hundredth, before any was seen."""
    api.ledger.learning = Learning(api.database, prices_of("*=36", characters=20.0), clip_gpu_s=1.0)
    api.ledger.treasury.caps = Caps(job=None if cap is None else micros_of(cap))


async def estimated(api: Api, url: str = URL, **body: Any) -> dict[str, Any]:
    answer = await api.http.post(url, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_machine_that_draws_tells_that_nothing_costs(api: Api) -> None:
    found = await estimated(api, duration=180)
    assert found == {
        "seconds": 180.0,
        "gpu_seconds": 0.0,
        "cost": 0.0,
        "currency": "USD",
        "buffer": 0.2,
        "cap": None,
        "fits": True,
        "kinds": {},
    }


async def test_the_length_comes_from_the_upload_the_script_or_the_client(api: Api) -> None:
    priced(api, cap=2.0)
    upload = await uploaded(api, "audio", "song.wav", SONG)
    song = await estimated(api, audio_upload_id=upload)
    assert song["seconds"] == round(song["seconds"], 3)
    asked = await estimated(api, audio_url="https://outside.example/song.mp3", duration=song["seconds"])
    assert song == asked
    assert song["kinds"]["animate"]["cost"] == pytest.approx(0.01 * song["seconds"], rel=0.01)
    assert song["cost"] == pytest.approx(1.2 * sum(one["cost"] for one in song["kinds"].values()), abs=1e-5)
    told = await estimated(api, script=TEXT)
    assert told["kinds"]["voice"]["characters"] == len(TEXT.replace(". ", "."))
    assert told["kinds"]["voice"]["cost"] > 0
    assert (await estimated(api, duration=900))["fits"] is False
    assert (await estimated(api, duration=900, options={"budget_cap_usd": 20}))["cap"] == 20.0
    assert (await estimated(api, duration=900, options={"preview": True}))["cost"] == 0


async def test_what_cannot_be_estimated_is_refused(api: Api) -> None:
    wrong: list[tuple[dict[str, Any], int, str]] = [
        ({"audio_url": "https://outside.example/song.mp3"}, 400, "bad_request"),
        ({}, 400, "bad_request"),
        ({"duration": 0}, 400, "bad_request"),
        ({"duration": 60, "cost": 0}, 400, "bad_request"),
        ({"duration": 60, "options": {"aspect": "2:1"}}, 422, "bad_options"),
        ({"duration": 60, "options": {"music": "piano"}}, 422, "bad_options"),
        ({"audio_upload_id": "0" * 32}, 404, "upload_not_found"),
        ({"script": " "}, 422, "script_empty"),
    ]
    for body, status, code in wrong:
        assert problem(await api.http.post(URL, json=body)) == (status, code), body


async def test_an_order_over_its_cap_is_refused_before_anything_runs(api: Api) -> None:
    priced(api, cap=0.001)
    answer = await api.http.post("/api/v1/jobs", files={"song": ("song.wav", SONG)})
    assert problem(answer) == (402, "budget_exceeded")
    assert (await api.http.get("/api/v1/jobs")).json()["jobs"] == []


async def test_of_a_project_only_what_is_not_there_is_counted(api: Api) -> None:
    project = Project(api, (await api.ledger.snapshot(await rendered(api))).project_id)
    priced(api)
    there = await estimated(api, f"{project.path}/estimate")
    assert there["gpuSeconds"] == 0, "all scenes have takes that fit"
    scene = (await project.get("scenes"))["scenes"][0]
    await project.done("PATCH", f"scenes/{scene['id']}", {"prompt": "rain"})
    stale = await estimated(api, f"{project.path}/estimate")
    seconds = (scene["endFrame"] - scene["startFrame"]) / 30
    assert stale["kinds"]["animate"]["gpuSeconds"] == pytest.approx(seconds, abs=0.01)
    assert stale["gpuSeconds"] == pytest.approx(1.2 * seconds, abs=0.01)
