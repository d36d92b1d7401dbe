"""Cancel at each stage: it reaches everything, nothing is left behind, nothing comes after.

`make test` cancels at some stages, `make test-faults` at all.
"""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.faults.fleet import OPTIONS, STAGES, Fleet
from tests.processes import command, descendants
from tests.receiver import Receiver
from tests.scratch import files_in_work
from tests.songs import make_song
from tests.waiting import wait_until

LEFT_OVER_WITHIN_S = 10.0
QUICK = ("queued", "analyzing", "generating")


def encoders(fleet: Fleet) -> list[str]:
    """Command lines of every ffmpeg below the fleet."""
    below = [pid for process in fleet.processes.values() for pid in descendants(process.pid)]
    return [line for line in map(command, below) if "ffmpeg" in line.split(" ", 1)[0]]


@pytest.mark.parametrize(
    "stage", [pytest.param(stage, marks=() if stage in QUICK else pytest.mark.matrix) for stage in STAGES]
)
def test_cancel_reaches_everything(fleet: Fleet, hooks: Receiver, stage: str, tmp_path: Path) -> None:
    song = make_song(tmp_path, seconds=20, seed=200 + STAGES.index(stage))
    job_id = fleet.client.submit(song.path, options={**OPTIONS, "callback_url": hooks.url})
    fleet.client.wait_for_stage(job_id, stage)

    answer = httpx.post(f"{fleet.client.url}/api/v1/jobs/{job_id}/cancel", timeout=10)

    assert answer.status_code == 202, answer.text
    assert fleet.client.stage(job_id) == "cancelled"
    wait_until(lambda: not encoders(fleet), seconds=LEFT_OVER_WITHIN_S, what=f"no ffmpeg: {encoders(fleet)}")
    scratch = fleet.folder / "scratch"
    wait_until(lambda: not files_in_work(scratch), seconds=LEFT_OVER_WITHIN_S, what="no file in work")
    again = httpx.post(f"{fleet.client.url}/api/v1/jobs/{job_id}/cancel", timeout=10)
    assert again.status_code == 409
    assert again.json()["code"] == "job_ended"
    assert fleet.effects(job_id).endings == {"job.cancelled": 1}
    wait_until(lambda: f"msg_{job_id}_1" in hooks.bodies, seconds=30, what="webhook")
    data = hooks.bodies[f"msg_{job_id}_1"]["data"]
    assert isinstance(data, dict)
    assert data["status"] == "cancelled"


def test_a_cancelled_job_can_be_taken_up_again(fleet: Fleet, tmp_path: Path) -> None:
    song = make_song(tmp_path, seconds=6, seed=300)
    job_id = fleet.client.submit(song.path, options=OPTIONS)
    fleet.client.wait_for_stage(job_id, "generating")
    httpx.post(f"{fleet.client.url}/api/v1/jobs/{job_id}/cancel", timeout=10)
    before = fleet.effects(job_id).records

    answer = httpx.post(f"{fleet.client.url}/api/v1/jobs/{job_id}/retry", timeout=10)

    assert answer.status_code == 202, answer.text
    assert answer.json()["run"] == 2
    job = fleet.client.wait_for_end(job_id)
    assert job["status"] == "completed", job
    after = fleet.effects(job_id).records
    assert after["track.analyzed"] == before["track.analyzed"], "the song was heard again"
    assert after["storyboard.planned"] == before["storyboard.planned"]
