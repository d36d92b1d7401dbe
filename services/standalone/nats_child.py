"""A nats-server of our own: a child with its store in the data directory, on loopback, behind a random token.

It dies with this process. If it dies before, it is started again on the same port with the same store, so
that every client reconnects and finds its streams.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from libs.contracts.errors import Permanent, Retryable
from libs.runtime import spawn
from services.standalone.data_dir import write_private

log = logging.getLogger(__name__)

START_TIMEOUT_S = 30.0
"""A large store takes its time to be read."""
STOP_GRACE_S = 5.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STEADY_S = 30.0
"""A server that has lived this long is started again without a pause when it dies."""


def find_nats_server(setting: str = "") -> Path:
    """The setting's, the one installed along, or one on the path. Raises Permanent("tool_missing")."""
    if setting:
        places = [Path(setting)]
    else:
        beside = [Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))]
        on_path = shutil.which("nats-server")
        places = [folder / "nats-server" for folder in beside] + ([Path(on_path)] if on_path else [])
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return place.absolute()
    raise Permanent("tool_missing", "nats-server was not found.")


def configuration(folder: Path, *, port: int, token: str, max_store_bytes: int) -> str:
    """nats-server's configuration file (its format takes JSON). port: -1 lets the server choose."""
    return json.dumps(
        {
            "server_name": "beatloom",
            "host": "127.0.0.1",
            "port": port,
            "authorization": {"token": token},
            "max_payload": 8 << 20,
            "pid_file": str(folder / "pid"),
            "ports_file_dir": str(folder / "ports"),
            "log_file": str(folder / "log"),
            "logfile_size_limit": 5_000_000,
            "logfile_max_num": 3,
            "jetstream": {
                "store_dir": str(folder / "store"),
                "max_memory_store": 64 << 20,
                "max_file_store": max_store_bytes,
                "sync_interval": "1s",
            },
        },
        ensure_ascii=False,
        indent=1,
    )


class NatsChild:
    """Runs from `async with` to its end. `url` and `token` are what clients connect with."""

    def __init__(self, folder: Path, *, binary: Path, max_store_bytes: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self.restarts = 0
        self._folder = folder
        self._binary = binary
        self._max_store_bytes = max_store_bytes
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._healthy = False

    @property
    def url(self) -> str:
        """The same for as long as this object runs, restarts included."""
        return f"nats://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Of the server that runs now; 0 between two."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else 0

    async def __aenter__(self) -> NatsChild:
        await asyncio.to_thread(stop_orphan, self._folder)
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        self._keeper = asyncio.create_task(self._keep_running(), name="nats-server")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        await self._end()

    async def check(self) -> None:
        """Readiness: raises Retryable("bus_unavailable") while no server takes clients."""
        if not self._healthy or not self.pid:
            raise Retryable("bus_unavailable", "nats-server is being started again.")

    async def _start(self) -> None:
        """One server, until it takes clients. Raises Retryable("bus_unavailable") with the end of its log."""
        ports = self._folder / "ports"
        ports.mkdir(mode=0o700, parents=True, exist_ok=True)
        for stale in ports.glob("*.ports"):
            stale.unlink(missing_ok=True)
        config = self._folder / "server.conf"
        text = configuration(
            self._folder, port=self._port or -1, token=self.token, max_store_bytes=self._max_store_bytes
        )
        write_private(config, text)
        with (self._folder / "stderr").open("wb") as stderr:
            self._process = await spawn.start([str(self._binary), "-c", str(config)], stdout=stderr, stderr=stderr)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.returncode is None:
            port = _port_in(ports, self._process.pid)
            if port and await asyncio.to_thread(_takes_clients, port):
                self._port = port
                self._healthy = True
                return
            await asyncio.sleep(0.01)
        raise Retryable("bus_unavailable", f"nats-server did not start. {_complaint(self._folder)}".strip())

    async def _keep_running(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            assert self._process is not None
            since = time.monotonic()
            code = await self._process.wait()
            self._healthy = False
            pause = FIRST_PAUSE_S if time.monotonic() - since > STEADY_S else min(2 * pause, LONGEST_PAUSE_S)
            log.warning("nats-server ended; it is started again", extra={"exit_code": code, "pause_s": pause})
            await asyncio.sleep(pause)
            self.restarts += 1
            try:
                await self._start()
            except (Retryable, OSError) as error:
                log.error("nats-server can't be started", extra={"error": str(error)})
                if self._process.returncode is None:
                    await spawn.end(self._process)

    async def _end(self) -> None:
        self._healthy = False
        if self._process is not None:
            await spawn.end(self._process, grace_s=STOP_GRACE_S)
        for left in (self._folder / "pid", self._folder / "server.conf"):
            left.unlink(missing_ok=True)


def stop_orphan(folder: Path) -> None:
    """End a nats-server that a killed stack has left in this folder. Blocks for some seconds at most.

    The pid alone proves nothing: the process has to be a nats-server that was started with this very
    folder's configuration.
    """
    try:
        pid = int((folder / "pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    config = str(folder / "server.conf")
    for number, patience in ((signal.SIGTERM, STOP_GRACE_S), (signal.SIGKILL, STOP_GRACE_S)):
        deadline = time.monotonic() + patience
        if not _is_ours(pid, config):
            break
        log.warning("an orphaned nats-server is stopped", extra={"pid": pid})
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        while _is_ours(pid, config) and time.monotonic() < deadline:
            time.sleep(0.02)
    (folder / "pid").unlink(missing_ok=True)


def _is_ours(pid: int, config: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return Path(os.fsdecode(words[0])).name == "nats-server" and os.fsencode(config) in words


def _port_in(folder: Path, pid: int) -> int:
    """The client port that the server with this pid has written down; 0 as long as it hasn't."""
    for path in folder.glob(f"*_{pid}.ports"):
        with suppress(OSError, ValueError, KeyError, IndexError):
            return int(json.loads(path.read_text(encoding="utf-8"))["nats"][0].rpartition(":")[2])
    return 0


def _takes_clients(port: int) -> bool:
    """True when the server greets, and says that JetStream runs."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            greeting = connection.recv(4096)
    except OSError:
        return False
    return greeting.startswith(b"INFO ") and b'"jetstream":true' in greeting


def _complaint(folder: Path) -> str:
    """What the server said last of why it can't run, as one line; empty when it said nothing."""
    lines: list[str] = []
    for name in ("log", "stderr"):
        with suppress(OSError):
            lines += (folder / name).read_bytes()[-8192:].decode(errors="replace").splitlines()
    said = [line.partition(mark)[2].strip() for line in lines for mark in ("[FTL]", "[ERR]") if mark in line]
    return (said or [line.strip() for line in lines if line.strip()] or [""])[-1]
