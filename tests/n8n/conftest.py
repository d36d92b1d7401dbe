"""One n8n for all tests of the flows, with every flow published."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.n8n import install
from tests.n8n.server import N8n
from tests.paths import ROOT
from tests.ports import free_ports

KEY = "bl_the-API-key-of-these-tests"
CREDENTIALS = [
    {"id": "beatloomApiKey01", "name": "Beatloom API key", "type": "httpBearerAuth", "data": {"token": KEY}}
]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Its bytes are no text."""
MARKS = [pytest.mark.matrix]
PATHS = ("create-video", "job-events", "song-upload", "create-and-wait", "create-and-wait-briefly")


@dataclass(frozen=True)
class Flows:
    """The flows as they run. Nothing listens at the ports until a test puts something there."""

    n8n: N8n
    backend_port: int
    frontend_port: int

    def start(self) -> None:
        """Start n8n, and wait until every flow listens."""
        self.n8n.start(*(f"beatloom/{name}" for name in PATHS))

    def hook(self, name: str) -> str:
        """The address of a flow."""
        return self.n8n.hook(f"beatloom/{name}")


@pytest.fixture(scope="session")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flows]:
    """n8n with the flows of n8n-flows/, and one of them a second time, for which a minute is too long."""
    if not install.is_installed():
        pytest.skip("n8n is not here: `make test-n8n` installs it")
    folder = tmp_path_factory.mktemp("n8n")
    n8n = N8n(folder)
    backend, frontend = free_ports(2)
    rendered = folder / "flows"
    render(rendered, n8n, backend, frontend, minutes=10)
    render(folder / "brief", n8n, backend, frontend, minutes=1)
    brief = (folder / "brief" / "create-and-wait.json").read_text()
    (rendered / "create-and-wait-briefly.json").write_text(renamed(brief))
    (n8n.files / "beatloom-webhook-secret").write_text(SECRET + "\n")
    n8n.load(rendered, CREDENTIALS)
    running = Flows(n8n, backend, frontend)
    try:
        running.start()
        yield running
    finally:
        n8n.kill()


def render(out: Path, n8n: N8n, backend: int, frontend: int, *, minutes: int) -> None:
    """What a person does by hand."""
    told = {
        "--api": f"http://127.0.0.1:{backend}/api/v1",
        "--frontend": f"http://127.0.0.1:{frontend}/events",
        "--files": str(n8n.files),
        "--wait-minutes": str(minutes),
    }
    options = [word for pair in told.items() for word in pair]
    subprocess.run([sys.executable, ROOT / "n8n-flows" / "render.py", out, *options], check=True)


def renamed(flow: str) -> str:
    """The same flow under another id and path."""
    text = flow.replace('"beatloom/create-and-wait"', '"beatloom/create-and-wait-briefly"')
    copy = json.loads(text)
    copy["id"] = "beatloomBrief001"
    for node in copy["nodes"]:
        if "webhookId" in node:
            node["webhookId"] = "0" + node["webhookId"][1:]
    return json.dumps(copy)
