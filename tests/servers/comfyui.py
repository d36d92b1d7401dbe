"""Doubles of ComfyUI servers: one process for the session, a new server for each test that wants one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.runtime import spawn
from tests.paths import ROOT

START_S = 30.0


class ComfyDouble:
    """A started double: `url` is what a client gets, the rest commands it (see tests/fakes/comfyui/switches.py)."""

    def __init__(self, control: httpx.Client, name: str, url: str, folder: str) -> None:
        self._control = control
        self._name = name
        self.url = url
        self.folder = Path(folder)
        """With `input`, `output` and `temp`, as of a real server."""

    def set(self, **switches: Any) -> None:
        """Change switches from now on. Raises ValueError for what there is not."""
        self._tell("switches", switches)

    def next_prompt(self, **switches: Any) -> None:
        """Change switches for one prompt alone: that which is accepted next; call it again for the one after."""
        self._tell("next", switches)

    def drop_sockets(self) -> None:
        """Break all websockets now."""
        self._tell("drop", {})

    def restart(self, down_s: float = 0.0) -> None:
        """Die, and come back with an empty queue and history; returns when it is up."""
        self._tell("restart", {"down_s": down_s})

    def stop(self) -> None:
        """Die: nobody listens on its port any more."""
        self._tell("stop", {})

    def start(self) -> None:
        """Come back after `stop`."""
        self._tell("start", {})

    def remove(self) -> None:
        """End it with its folder."""
        self._control.delete(f"/{self._name}")

    @property
    def state(self) -> dict[str, Any]:
        """up, epoch, running, pending, history, resident, sockets, counts."""
        found: dict[str, Any] = self._control.get(f"/{self._name}").json()
        return found

    @property
    def counts(self) -> dict[str, Any]:
        """What happened so far, over all restarts: see engine.Counts."""
        found: dict[str, Any] = self.state["counts"]
        return found

    def wait(self, until: Callable[[dict[str, Any]], bool], timeout_s: float = 10.0) -> dict[str, Any]:
        """Return the state as soon as it is as wanted."""
        deadline = time.monotonic() + timeout_s
        while not until(state := self.state):
            assert time.monotonic() < deadline, f"waited {timeout_s} s: {state}"
            time.sleep(0.005)
        return state

    async def until(self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 10.0) -> dict[str, Any]:
        """As `wait`, with the loop free for what is tested."""
        deadline = time.monotonic() + timeout_s
        while not wanted(state := await asyncio.to_thread(lambda: self.state)):
            assert time.monotonic() < deadline, f"waited {timeout_s} s: {state}"
            await asyncio.sleep(0.005)
        return state

    def _tell(self, verb: str, body: dict[str, Any]) -> None:
        answer = self._control.post(f"/{self._name}/{verb}", json=body)
        if answer.status_code != httpx.codes.OK:
            raise ValueError(answer.json()["error"])


MakeDouble = Callable[..., ComfyDouble]
"""Starts a server with these switches."""


def accepted(*doubles: ComfyDouble) -> int:
    """Prompts that the servers took, over all restarts."""
    return sum(sum(double.counts["accepted"].values()) for double in doubles)


class ComfyHost:
    """The process that holds the doubles."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._control: httpx.Client | None = None

    def start(self) -> None:
        """Start it, and return when it takes orders."""
        self._folder.mkdir(parents=True, exist_ok=True)
        said = self._folder / "said"
        with said.open("wb") as out, (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                spawn.command([sys.executable, "-m", "tests.fakes.comfyui", str(self._folder)]),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                process_group=0,
            )
        deadline = time.monotonic() + START_S
        while not said.read_bytes().endswith(b"\n"):
            assert self._process.poll() is None, f"the double ended:\n{self.log}"
            assert time.monotonic() < deadline, f"the double does not start:\n{self.log}"
            time.sleep(0.01)
        self._control = httpx.Client(base_url=said.read_text().strip(), timeout=30.0, trust_env=False, verify=False)

    def add(self, **switches: Any) -> ComfyDouble:
        """Start a server in it."""
        assert self._control is not None
        answer = self._control.post("", content=json.dumps(switches))
        if answer.status_code != httpx.codes.OK:
            raise ValueError(answer.json()["error"])
        return ComfyDouble(self._control, **answer.json())

    def kill(self) -> None:
        """kill -9 of the process, with all servers in it."""
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            spawn.kill_group(self._process.pid)
            self._process.wait()
            self._process = None

    @property
    def log(self) -> str:
        """What it has complained of."""
        return (self._folder / "log").read_text(errors="replace")[-4000:]


@pytest.fixture(scope="session")
def comfyui_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyHost]:
    """The process of doubles of this session."""
    host = ComfyHost(tmp_path_factory.mktemp("comfyui"))
    try:
        host.start()
        yield host
    finally:
        host.kill()


@pytest.fixture
def comfyui_servers(comfyui_host: ComfyHost) -> Iterator[Callable[..., ComfyDouble]]:
    """Makes as many servers as a test wants, each with its own switches."""
    with contextlib.ExitStack() as stack:

        def make(**switches: Any) -> ComfyDouble:
            double = comfyui_host.add(**switches)
            stack.callback(double.remove)
            return double

        yield make


@pytest.fixture
def comfyui(comfyui_servers: Callable[..., ComfyDouble]) -> ComfyDouble:
    """One server, new and idle."""
    return comfyui_servers()
