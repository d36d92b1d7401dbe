"""A service of one kind in its own process, as it is started in a cluster."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np

from libs.bus.connection import Bus
from libs.bus.facts import FactConsumer
from libs.contracts.facts import Fact
from services.analyzer.spectrum import RATE, Array
from tests.servers.nats import NatsServer
from tests.unit.analyzer.synth import chord, click_times, clicks


class Service:
    """`python -m services.<name>` on a free port."""

    def __init__(self, name: str, nats: NatsServer, root: Path) -> None:
        self.name = name
        self.root = root
        self.log = root / f"{name}.log"
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("BEATLOOM_")},
            "BEATLOOM_NATS_URL": nats.url,
            "BEATLOOM_NATS_TOKEN": nats.token,
            "BEATLOOM_ARTIFACTS_URL": f"file://{root}/artifacts",
            "BEATLOOM_SCRATCH_DIR": str(root / "scratch"),
            "BEATLOOM_WORKERS": "1",
            "BEATLOOM_ACK_WAIT_S": "2",
            "BEATLOOM_SHUTDOWN_GRACE_S": "1",
            f"BEATLOOM_{name.upper()}_PORT": "0",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.name}"], env=self._env, stdout=log, stderr=log
            )
        return self.process

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def url(self) -> str:
        async with asyncio.timeout(30):
            while True:
                found = re.search(r'"port":\s*(\d+)', self.log.read_text())
                if found:
                    return f"http://127.0.0.1:{found.group(1)}"
                await asyncio.sleep(0.05)


async def first_fact(bus: Bus) -> Fact:
    came: asyncio.Queue[Fact] = asyncio.Queue()
    consumer = FactConsumer(bus, came.put)
    await consumer.start()
    try:
        async with asyncio.timeout(40):
            return await came.get()
    finally:
        await consumer.stop()


def write_wav(path: Path, samples: Array, rate: int = RATE, channels: int = 1) -> Path:
    """The samples as 16-bit PCM, the same in each channel."""
    data = np.repeat((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(data.tobytes())
    return path


def tune(seconds: float = 8.0, bpm: float = 120.0) -> Array:
    """A chord under clicks from 0.5 s on."""
    sound: Array = chord([0, 4, 7], seconds) + clicks(click_times(bpm, seconds), seconds)
    return sound
