"""The one-machine stack killed -9 at each stage: after `up` again on the same folder, the job completes.

`make test` does so while scenes are drawn, `make test-faults` at each stage.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.fleet import OPTIONS, STAGES, Client, count_effects
from tests.ports import free_port
from tests.processes import alive, descendants
from tests.songs import make_song
from tests.waiting import wait_until


@contextmanager
def running_up(data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`beatloom up`, ready; killed -9 at the end with all that it has started."""
    with (data.parent / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.standalone", "up", "--port", str(port), "--data-dir", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(Client(f"http://127.0.0.1:{port}").ready, seconds=60, what="up")
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    "stage",
    [pytest.param(stage, marks=() if stage == "generating" else pytest.mark.matrix) for stage in STAGES[1:]],
)
def test_the_stack_goes_on_where_it_died(stage: str, tmp_path: Path) -> None:
    song = make_song(tmp_path, seconds=6, seed=STAGES.index(stage))
    data, port = tmp_path / "data", free_port()
    client = Client(f"http://127.0.0.1:{port}")
    with running_up(data, port) as process:
        job_id = client.submit(song.path, options=OPTIONS)
        client.wait_for_stage(job_id, stage)
        children = descendants(process.pid)
    assert children
    wait_until(lambda: not any(map(alive, children)), seconds=10, what="end of the children")

    with running_up(data, port):
        job = client.wait_for_end(job_id)
    assert job["status"] == "completed", job
    effects = count_effects(data / "ledger.sqlite3", data / "artifacts", job_id)
    effects.assert_once(scenes=job["scenes_total"])
    assert effects.records["take.rendered"] == job["scenes_total"]
    assert effects.records["video.composed"] == 1


@pytest.mark.parametrize("stage", [pytest.param(stage, marks=pytest.mark.matrix) for stage in STAGES[1:]])
def test_a_script_is_told_on_where_the_stack_died(stage: str, tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    client = Client(f"http://127.0.0.1:{port}")
    with running_up(data, port) as process:
        job_id = client.submit_script(f"{stage} is where it dies. It goes on.\n\nSo it ends well.", options=OPTIONS)
        client.wait_for_stage(job_id, stage)
        children = descendants(process.pid)
    wait_until(lambda: not any(map(alive, children)), seconds=10, what="end of the children")

    with running_up(data, port):
        job = client.wait_for_end(job_id)
    assert job["status"] == "completed", job
    effects = count_effects(data / "ledger.sqlite3", data / "artifacts", job_id)
    effects.assert_once(scenes=job["scenes_total"])
    assert effects.records["voice.rendered"] == 1
