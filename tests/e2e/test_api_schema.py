"""The whole API against its own description: no 500, no answer that the schema doesn't know."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.faults.fleet import Client
from tests.faults.test_standalone import running_up
from tests.ports import free_port
from tests.songs import make_song

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
STREAMS = ".*/stream$"
"""Event streams don't end."""

QUICK = ("--phases", "examples,fuzzing", "--max-examples", "2")
WHOLE = ("--phases", "examples,coverage,fuzzing", "--max-time", "420")


@pytest.mark.parametrize(
    "how", [pytest.param(QUICK, id="quick"), pytest.param(WHOLE, id="whole", marks=pytest.mark.matrix)]
)
def test_every_answer_is_in_the_schema(how: tuple[str, ...], tmp_path: Path) -> None:
    song = make_song(tmp_path, seconds=6, seed=5)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    client = Client(url)
    with running_up(tmp_path / "data", port):
        job = client.wait_for_end(client.submit(song.path, options={"height": 96, "fps": "12", "preview": True}))
        assert job["status"] == "completed", job
        paths = httpx.get(f"{url}/schema/openapi.json", trust_env=False).json()["paths"]
        ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
        assert len(ids) == len(set(ids)) > 70
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/schema/openapi.json", "--url", url]
        command += ["--checks", CHECKS, "--exclude-path-regex", STREAMS, "--continue-on-failure", "--no-color"]
        command += ["--workers", "4", "--seed", "7", "--request-timeout", "20", *how]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900, check=False)
        told = done.stdout.rpartition("= FAILURES =")[2].partition("= WARNINGS =")[0] or done.stdout
        assert done.returncode == 0, told[-12000:] + done.stderr[-2000:]
        tested = re.search(r"Tested: (\d+)", done.stdout)
        assert tested is not None
        assert int(tested[1]) >= len(ids) - 2
        assert httpx.get(f"{url}/healthz/ready", trust_env=False).status_code == 200
