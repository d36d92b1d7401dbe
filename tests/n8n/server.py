"""A real n8n on free ports, with a database and files of its own. It reaches nothing but this machine."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from libs.runtime import spawn
from tests.n8n import install
from tests.ports import free_ports

COMMAND_S = 240.0
START_S = 240.0
STOP_S = 20.0

OFFLINE = {
    "N8N_DIAGNOSTICS_ENABLED": "false",
    "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
    "N8N_TEMPLATES_ENABLED": "false",
    "N8N_COMMUNITY_PACKAGES_ENABLED": "false",
    "N8N_DYNAMIC_BANNERS_ENABLED": "false",
    "N8N_PUBLIC_API_DISABLED": "true",
    "N8N_DISABLE_UI": "true",
    "N8N_DISABLED_MODULES": "mcp-registry",
}


class N8n:
    """Load flows, then start it; `files` is the only folder that flows may read and write."""

    def __init__(self, folder: Path) -> None:
        port, runner_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        self._log = folder / "n8n.log"
        self._process: subprocess.Popen[bytes] | None = None
        node = install.NODE / "bin"
        self._argv = [str(node / "node"), str(install.N8N)]
        self._env = {
            "PATH": f"{node}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "N8N_USER_FOLDER": str(folder),
            "N8N_ENCRYPTION_KEY": "of these tests alone",
            "N8N_PORT": str(port),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_RUNNERS_BROKER_PORT": str(runner_port),
            "N8N_RESTRICT_FILE_ACCESS_TO": str(self.files),
            "WEBHOOK_URL": f"{self.url}/",
            **OFFLINE,
        }

    def load(self, flows: Path, credentials: Sequence[Mapping[str, object]]) -> None:
        """Import credentials and every flow of a folder, and publish the flows. Only while it is down."""
        secrets = flows / "credentials"
        secrets.write_text(json.dumps(credentials))
        self._run("import:credentials", f"--input={secrets}")
        secrets.unlink()
        self._run("import:workflow", "--separate", f"--input={flows}")
        for file in sorted(flows.glob("*.json")):
            self._run("publish:workflow", f"--id={json.loads(file.read_text())['id']}")

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            [*self._argv, *words], env=self._env, capture_output=True, text=True, timeout=COMMAND_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "error occurred" not in done.stdout, done.stdout

    def start(self, *paths: str) -> None:
        """Start it, and return when it takes webhooks at `paths`; it says that it is ready before it does."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                spawn.command([*self._argv, "start"]),
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        end = time.monotonic() + START_S
        while not all(map(self._listens, paths)):
            assert self._process.poll() is None, f"n8n ended:\n{self.log}"
            assert time.monotonic() < end, f"n8n does not start:\n{self.log}"
            time.sleep(0.2)

    def _listens(self, path: str) -> bool:
        """A GET starts nothing: at a webhook for POST it is told so, elsewhere that there is none."""
        try:
            answer = httpx.get(self.hook(path), timeout=5)
        except httpx.TransportError:
            return False
        return answer.status_code == 404 and "POST request" in answer.text

    def hook(self, path: str) -> str:
        """The address of a webhook."""
        return f"{self.url}/webhook/{path}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text()

    def is_waiting(self, callback: str) -> bool:
        """True once the execution that gave out this address has reached its Wait, and that is on the disk."""
        execution = int(urlsplit(callback).path.rpartition("/")[2])
        file = self.files.parent / ".n8n" / "database.sqlite"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as database:
            row = database.execute("SELECT status FROM execution_entity WHERE id = ?", (execution,)).fetchone()
        return row is not None and row[0] == "waiting"

    def records(self) -> list[Path]:
        """The files of its database and its event log."""
        return [path for path in (self.files.parent / ".n8n").iterdir() if path.is_file()]

    def kill(self) -> None:
        """kill -9, its task runner with it."""
        if self._process is not None:
            spawn.kill_group(self._process.pid)
            self._process.wait()
