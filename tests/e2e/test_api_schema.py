"""The whole API against its own description, as a stranger, two users and an operator: no 500, no answer that the
schema doesn't know, nothing of one user's in another's answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.schema_hooks import TOLD
from tests.faults.fleet import Client
from tests.faults.test_standalone import running_up
from tests.ports import free_port
from tests.songs import make_song

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "nothing_of_anothers"
)
LEFT_OUT = ".*/(stream|auth/logout|me/password|me/deletion|admin/intake/pause|admin/pool/.*)$"
"""Event streams don't end; the others would end it for all."""

QUICK = ("--workers", "4", "--phases", "examples,fuzzing", "--max-examples", "3")
WHOLE = ("--workers", "1", "--phases", "examples,coverage,fuzzing", "--max-time", "420")

PASSWORD = "nine herons wade at dawn"
WORD = "Adas-own-words"
SETTINGS = {
    "LOGIN": "required",
    "REGISTRATION": "open",
    "OPERATOR_EMAIL": "operator@example.com",
    "OPERATOR_PASSWORD": PASSWORD,
    "SMTP_URL": "smtp://127.0.0.1:9?tls=0",
    **{f"LIMIT_{name}": "0" for name in ("ORDERS", "RENDERS", "READS", "WRITES", "UPLOADS", "LOGIN")},
}


@pytest.mark.parametrize(
    "how", [pytest.param(QUICK, id="quick"), pytest.param(WHOLE, id="whole", marks=pytest.mark.matrix)]
)
def test_every_answer_is_in_the_schema(
    how: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = make_song(tmp_path, seconds=6, seed=5)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"BEATLOOM_INGEST_{name}", value)
    with running_up(tmp_path / "data", port):
        tokens = {name: logged_in(url, f"{name}@example.com") for name in ("ada", "bob", "operator")}
        things = furnished(Client(url, tokens["ada"]), song.path)
        told = {"tokens": {**tokens, "stranger": ""}, "things": things, "word": WORD}
        paths = httpx.get(f"{url}/schema/openapi.json", trust_env=False).json()["paths"]
        ids = [operation["operationId"] for path in paths.values() for operation in path.values()]
        assert len(ids) == len(set(ids)) > 100
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/schema/openapi.json", "--url", url]
        command += ["--checks", CHECKS, "--exclude-path-regex", LEFT_OUT, "--continue-on-failure", "--no-color"]
        command += ["--seed", "7", "--request-timeout", "20", *how]
        environ = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.e2e.schema_hooks", TOLD: json.dumps(told)}
        environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=900, check=False
        )
        said = re.sub(r"(?s)= WARNINGS =.*", "", done.stdout[done.stdout.find("= ERRORS =") :] or done.stdout)
        assert done.returncode == 0, said[-12000:] + done.stderr[-2000:]
        tested = re.search(r"Tested: (\d+)", done.stdout)
        assert tested is not None
        left_out = sum(len(operations) for path, operations in paths.items() if re.fullmatch(LEFT_OUT, path))
        assert int(tested[1]) == len(ids) - left_out
        assert httpx.get(f"{url}/healthz/ready", trust_env=False).status_code == 200


def logged_in(url: str, email: str) -> str:
    """Register, where there is no such user; an access token."""
    credentials = {"email": email, "password": PASSWORD}
    for what in ("register", "login"):
        answer = httpx.post(f"{url}/api/v1/auth/{what}", json=credentials, trust_env=False)
        assert answer.is_success, answer.text
    return str(answer.json()["access_token"])


def furnished(client: Client, song: Path) -> dict[str, str]:
    """Give a user a finished job with its project, and what stands beside it; their ids by parameter."""
    options = {"height": 96, "fps": "12", "preview": True, "prompt": WORD, "title": WORD}
    job = client.wait_for_end(client.submit(song, options=options))
    assert job["status"] == "completed", job
    things = {"job_id": str(job["job_id"]), "project_id": str(job["project_id"])}

    def sent(path: str, **rest: Any) -> Any:
        headers = {**client.credentials, "If-Match": '"1"'}
        answer = httpx.post(f"{client.url}/api/v1/{path}", headers=headers, trust_env=False, **rest)
        assert answer.is_success, answer.text
        return answer.json()

    files = {"audio": (f"{WORD}.wav", song.read_bytes())}
    things["upload_id"] = sent("uploads", files=files)["uploads"][0]["upload_id"]
    endpoint = sent("webhook-endpoints", json={"url": "https://hook.invalid/", "description": WORD})
    things["endpoint_id"] = endpoint["id"]
    things["delivery_id"] = sent(f"webhook-endpoints/{endpoint['id']}/ping")["id"]
    things["character_id"] = sent(f"projects/{things['project_id']}/characters", json={"name": WORD})["id"]
    things["api_key_id"] = sent("me/api-keys", json={"name": WORD})["id"]
    return things
