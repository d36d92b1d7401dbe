"""A service alone in its process, as it is started in a cluster."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts.facts import Fact
from tests.scratch import files_in_work
from tests.servers.nats import NatsServer

SOON_S = 30.0
WORKED_S = 60.0


class ServiceProcess:
    """`python -m services.<name>` on a free port, with a folder of artifacts and of scratch below `root`.

    replica: tells several of them over one `root` apart. secret_key: of the settings that all share. settings: of
    the service itself, by field.
    """

    def __init__(
        self, name: str, nats: NatsServer, root: Path, *, replica: str = "", secret_key: str = "", **settings: str
    ) -> None:
        self.name = name
        self.store = f"file://{root}/artifacts"
        self.process: subprocess.Popen[bytes] | None = None
        self._scratch = root / "scratch"
        self._log = root / f"{name}{replica}.log"
        own = {"port": "0", **settings}
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BEATLOOM_")},
            "BEATLOOM_NATS_URL": nats.url,
            "BEATLOOM_NATS_TOKEN": nats.token,
            "BEATLOOM_ARTIFACTS_URL": self.store,
            "BEATLOOM_SCRATCH_DIR": str(self._scratch),
            "BEATLOOM_WORKERS": "1",
            "BEATLOOM_SECRET_KEY": secret_key,
            "BEATLOOM_ACK_WAIT_S": "2",
            "BEATLOOM_SHUTDOWN_GRACE_S": "1",
            **{f"BEATLOOM_{name.upper()}_{field.upper()}": value for field, value in own.items()},
        }

    def start(self) -> None:
        """Start it, with a new log."""
        with self._log.open("wb") as log:
            argv = [sys.executable, "-m", f"services.{self.name}"]
            self.process = subprocess.Popen(argv, env=self._env, stdout=log, stderr=log)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> None:
        """Tell it to stop, and don't wait."""
        assert self.process is not None
        self.process.terminate()

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, SOON_S)

    async def stop(self) -> int:
        """Tell it to stop, and wait for its end; its exit code."""
        self.terminate()
        return await self.ended()

    async def url(self) -> str:
        """Where it listens, once it is up."""
        async with asyncio.timeout(SOON_S):
            while not (found := re.search(r'"port":\s*(\d+)', self.log())):  # noqa: ASYNC110  (a log sets no events)
                await asyncio.sleep(0.05)
        return f"http://127.0.0.1:{found.group(1)}"

    def log(self) -> str:
        """What it has said since its start."""
        return self._log.read_text()

    def files_in_work(self) -> list[Path]:
        """Files in its scratch folder."""
        return files_in_work(self._scratch)


async def first_fact(bus: Bus) -> Fact:
    """The next fact that nobody took yet. Raises TimeoutError."""
    return (await first_facts(bus, 1))[0]


async def first_facts(bus: Bus, count: int) -> list[Fact]:
    """The next facts that nobody took yet. Raises TimeoutError."""
    came: asyncio.Queue[Fact] = asyncio.Queue()
    consumer = FactConsumer(bus, came.put)
    await consumer.start()
    try:
        async with asyncio.timeout(WORKED_S):
            return [await came.get() for _ in range(count)]
    finally:
        await consumer.stop()
