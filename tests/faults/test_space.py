"""No space: a clear code, nothing half done, and a retry goes on once there is space again.

`make test` tries it on the generator, `make test-faults` on each that writes.
"""

from __future__ import annotations

import resource
from pathlib import Path

import httpx
import pytest

from tests.faults.fleet import OPTIONS, Fleet
from tests.songs import make_song

LIMIT = {"analyzer": 512, "generator": 4_096, "composer": 16_384}
"""The largest file, in bytes, that a process and its children may write."""


@pytest.mark.parametrize(
    "victim",
    [pytest.param(victim, marks=() if victim == "generator" else pytest.mark.matrix) for victim in LIMIT],
)
def test_a_full_disk_fails_the_job_and_a_retry_completes_it(fleet: Fleet, victim: str, tmp_path: Path) -> None:
    song = make_song(tmp_path, seconds=6, seed=400 + list(LIMIT).index(victim))
    fleet.kill(victim)
    fleet.start(victim, logged=False)
    resource.prlimit(fleet.processes[victim].pid, resource.RLIMIT_FSIZE, (LIMIT[victim], LIMIT[victim]))
    fleet.wait_until_ready(victim)

    job_id = fleet.client.submit(song.path, options=OPTIONS)
    job = fleet.client.wait_for_end(job_id)

    assert job["status"] == "failed", job
    assert job["error"]["code"] == "no_space", job["error"]
    fleet.kill(victim)
    fleet.start(victim)
    answer = httpx.post(f"{fleet.client.url}/api/v1/jobs/{job_id}/retry", timeout=10)
    assert answer.status_code == 202, answer.text
    job = fleet.client.wait_for_end(job_id)
    assert job["status"] == "completed", job
    assert job["run"] == 2
