"""A nats-server for each test that wants one: its own store, port and token."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libs.runtime import spawn

START_S = 15.0
STOP_S = 10.0


class NatsServer:
    """A real nats-server with JetStream on files. It keeps its port over `kill` and `start`, and its store."""

    def __init__(self, folder: Path, *, max_file_store: str = "", sync_interval: str = "500ms") -> None:
        self.token = secrets.token_hex(8)
        self.port = 0
        self._folder = folder
        self._jetstream = f"store_dir: {json.dumps(str(self.store))}, sync_interval: {json.dumps(sync_interval)}"
        if max_file_store:
            self._jetstream += f", max_file_store: {max_file_store}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens; the port is the same after a restart."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def store(self) -> Path:
        """Folder of its streams."""
        return self._folder / "store"

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "log").read_text()

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        ports = self._folder / "ports"
        ports.mkdir(parents=True, exist_ok=True)
        for old in ports.iterdir():
            old.unlink()
        config = self._folder / "nats.conf"
        config.write_text(
            f"listen: 127.0.0.1:{self.port or -1}\n"
            f"authorization {{ token: {json.dumps(self.token)} }}\n"
            f"jetstream {{ {self._jetstream} }}\n"
        )
        binary = Path(sysconfig.get_path("scripts")) / "nats-server"
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                spawn.command([str(binary), "-c", str(config), "--ports_file_dir", str(ports)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        deadline = time.monotonic() + START_S
        while not (self._listens(ports)):
            assert self._process.poll() is None, f"nats-server ended:\n{self.log}"
            assert time.monotonic() < deadline, f"nats-server does not start:\n{self.log}"
            time.sleep(0.01)

    def _listens(self, ports: Path) -> bool:
        for file in ports.glob("*.ports"):
            with contextlib.suppress(ValueError):
                self.port = int(json.loads(file.read_text())["nats"][0].rpartition(":")[2])
                return True
        return False

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it answer nothing any more, with its connections open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """End that."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM, as a careful operator does."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def lose_store(self) -> None:
        """Remove all that it has stored. Only while it is down."""
        shutil.rmtree(self.store)

    def restart(self, *, empty: bool = False) -> None:
        """Kill it and start it again on the same port, with the same store or an empty one."""
        self.kill()
        if empty:
            self.lose_store()
        self.start()


MakeNats = Callable[..., NatsServer]


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[MakeNats]:
    """Call it for a started server of your own; options as of `NatsServer`. All end with the test."""
    servers: list[NatsServer] = []

    def make(**options: str) -> NatsServer:
        server = NatsServer(tmp_path / f"nats-{len(servers)}", **options)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.kill()
