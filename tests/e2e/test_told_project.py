"""A script told over music becomes a project: new takes, edits, exports and plans of it, with the real services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.fleet import Client
from tests.faults.test_standalone import running_up
from tests.integration.ingest.server import picture
from tests.ports import free_port
from tests.songs import make_song

OPTIONS = {"height": 96, "fps": "12", "title": "The tram", "speed": 1.1}
TALE = "The first tram leaves at five. It carries bakers and one dog.\n\nThen the sun is up."


@pytest.mark.parametrize("anew", [False, pytest.param(True, marks=pytest.mark.matrix)])
def test_a_told_project_is_worked_on(anew: bool, tmp_path: Path) -> None:
    """anew: it is also planned and made once more."""
    song, port = make_song(tmp_path, seconds=6, seed=8), free_port()
    client = Client(f"http://127.0.0.1:{port}")
    files: dict[str, Any] = {
        "script": (None, TALE),
        "prompts": (None, json.dumps(["a tram", "a bakery"])),
        "options": (None, json.dumps(OPTIONS)),
        "image": ("a.png", picture(64, 64)),
    }
    with (
        running_up(tmp_path / "data", port),
        httpx.Client(base_url=client.url, trust_env=False, timeout=30) as http,
    ):

        def made(answer: httpx.Response) -> dict[str, Any]:
            assert answer.is_success, answer.text
            job: dict[str, Any] = client.wait_for_end(answer.json()["job_id"])
            assert job["status"] == "completed", job
            return job

        with song.path.open("rb") as music:
            told = made(http.post("/api/v1/jobs", files={**files, "song": ("bed.wav", music)}))
        path = f"/api/v1/projects/{told['project_id']}"

        def version() -> dict[str, str]:
            return {"If-Match": http.get(path).headers["ETag"]}

        def stale() -> list[list[str]]:
            return [scene["take"]["stale"] for scene in http.get(f"{path}/timeline").json()["scenes"]]

        timeline = http.get(f"{path}/timeline").json()
        assert [word["text"] for word in timeline["words"]] == TALE.split()
        assert timeline["duration"] == told["duration"]
        assert not any(stale())
        scene = timeline["scenes"][1]["id"]
        split = http.post(f"{path}/scenes/{scene}/split", json={}, headers=version())
        assert (split.status_code, split.json()["code"]) == (409, "narrated")

        http.patch(f"{path}/scenes/{scene}", json={"prompt": "rain"}, headers=version()).raise_for_status()
        assert [bool(why) for why in stale()].index(True) == 1
        made(http.post(f"{path}/scenes/{scene}/generate", json={}, headers=version()))
        assert not any(stale())

        export = http.post(f"{path}/export", json={})
        (job,) = export.json()["exports"]
        export_job = client.wait_for_end(job["job_id"])
        assert export_job["status"] == "completed", export_job
        names = {one["name"] for one in http.get(f"/api/v1/jobs/{job['job_id']}/files").json()["files"]}
        assert {"stitched_subtitled.mp4", "voiceover.mp3", "manifest.json", f"images/{scene}.jpg"} <= names
        report = http.get(f"/api/v1/jobs/{job['job_id']}/files/report.json").json()
        assert report["problems"] == []

        if not anew:
            return
        form = {"height": 96, "fps": "12"}
        http.patch(path, json=form, headers=version()).raise_for_status()
        planned = made(http.post(f"{path}/storyboard", json={}, headers=version()))
        assert planned["kind"] == "storyboard"
        again = made(http.post(f"{path}/video", json={}))
        assert again["duration"] == told["duration"], "the same voice, with its title"
