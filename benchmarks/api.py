"""What the API takes: status reads, orders, event streams and memory, on SQLite and on PostgreSQL.

    python -m benchmarks.api [--json] [--databases sqlite,postgresql] [--ledger 1000000] [--queued 10000]

One process of ingest as it is deployed, with a real nats-server. Twenty jobs are in work: `api_workers.py`
publishes their facts and progress at the rate of real workers. 200 event streams are open, ten on each. 200 clients
ask for the status of jobs: `status_p95_ms` at 300 requests a second, `status_rps` with no pause between them.
`submit_p95_ms` is an order in JSON of a song that was uploaded before. `sse_p95_ms` is the age of an event, from
the start of its transaction until its client has it. `streams_1000_mb` is the memory of the process with a thousand
streams open, 800 of them on jobs of their own. All of it once with an empty ledger, and once with a full one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from benchmarks.api_load import Load
from benchmarks.api_seed import seed
from benchmarks.api_workers import play
from libs.bus.connection import Bus
from services.ingest.database import Database
from tests.integration.ingest.server import song
from tests.servers.nats import NatsServer
from tests.servers.postgres import running_postgres

JOBS, FOLLOWERS, STREAMS = 20, 10, 1000
RATE = 300.0
START_S = 60.0
SETTLE_S = 6.0
"""Until all tasks that the plans call for have gone out."""
MEASURED = ("status_p95_ms", "status_rps", "submit_p95_ms", "sse_p95_ms", "streams_1000_mb")


def main() -> None:
    """Run it; the last line is JSON when asked for."""
    parser = argparse.ArgumentParser(description="What the API takes.")
    parser.add_argument("--json", action="store_true", help="the last line is a JSON object")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument(
        "--ledger", type=int, default=1_000_000, help="ended jobs in the full ledger; 0: none is filled"
    )
    parser.add_argument("--queued", type=int, default=10_000, help="jobs that wait in the full ledger")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    chosen = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for kind in chosen.databases.split(","):
        with tempfile.TemporaryDirectory(prefix="blapi-") as folder, _database(kind, Path(folder)) as url:
            place = Path(folder) / "empty"
            place.mkdir()
            found[kind] = asyncio.run(measure(url, place, 0, STREAMS, chosen.seconds))
            _show(kind, found[kind])
            if chosen.ledger:
                place = Path(folder) / "full"
                place.mkdir()
                full = asyncio.run(measure(url, place, chosen.ledger, chosen.queued, chosen.seconds))
                _show(f"{kind}, {chosen.ledger:,} jobs", full)
                found[f"{kind}_full"] = full
    if chosen.json:
        print(json.dumps(found))


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{folder}/ledger.db"
        return
    with running_postgres(shared_buffers="512MB", max_wal_size="8GB") as server:
        server.execute("CREATE DATABASE bench")
        yield server.url("bench")


class Bench(NamedTuple):
    """A server and what works on it."""

    server: asyncio.subprocess.Process
    http: httpx.AsyncClient
    load: Clients
    bus: Bus


async def measure(url: str, folder: Path, ended: int, queued: int, seconds: float) -> dict[str, float]:
    """All figures with so many jobs more in the ledger."""
    database = Database(url)
    await database.migrate()
    began = time.monotonic()
    waiting = await seed(database, ended=ended, queued=queued, prefix="1" if ended else "0")
    await database.close()
    seeded = time.monotonic() - began
    async with _running(url, folder) as bench:
        return {**await _measured(bench, waiting, seconds), "seed_s": round(seeded, 1)}


async def _measured(bench: Bench, waiting: list[str], seconds: float) -> dict[str, float]:
    load = bench.load
    sent = {"audio": ("song.wav", song())}
    upload = (await bench.http.post("/api/v1/uploads", files=sent)).raise_for_status().json()
    order = json.dumps({"audio_upload_id": _upload_id(upload)})
    jobs = (await load.do("submit", path="/api/v1/jobs", body=order, rate=20, seconds=JOBS / 20))["ids"]
    playing = [asyncio.create_task(play(bench.bus, job, number / JOBS * 3)) for number, job in enumerate(jobs)]
    await asyncio.sleep(SETTLE_S)
    streams = [f"/api/v1/jobs/{job}/stream" for job in jobs for _ in range(FOLLOWERS)]
    await load.do("follow", paths=streams)
    await load.do("ages")
    reads = [f"/api/v1/jobs/{job}" for job in jobs] + [f"/api/v1/orchestrate/status/{job}" for job in jobs]
    quiet = _Cpu(bench.server.pid)
    await asyncio.sleep(seconds)
    idle = await load.do("ages")
    idle_cpu = quiet.share()
    busy = _Cpu(bench.server.pid)
    before = (await load.do("ages"))["cpu"]
    paced = await load.do("paced", paths=reads, rate=RATE, seconds=seconds)
    share, driver = busy.share(), (paced["cpu"] - before) / busy.wall
    ages = await load.do("ages")
    flat = await load.do("flat_out", paths=reads, seconds=seconds / 2)
    orders = await load.do("submit", path="/api/v1/jobs", body=order, rate=5, seconds=seconds)
    more = [f"/api/v1/jobs/{job}/stream" for job in waiting[: STREAMS - len(streams)]]
    alone = _memory(bench.server.pid)
    opened = (await load.do("follow", paths=more))["open"]
    await asyncio.sleep(11)  # two polls
    memory = _memory(bench.server.pid)
    many = _Cpu(bench.server.pid)
    await load.do("ages")
    await asyncio.sleep(seconds / 2)
    with_many = await load.do("ages")
    for task in playing:
        task.cancel()
    await asyncio.gather(*playing, return_exceptions=True)
    return {
        "status_p50_ms": _ms(paced["took"], 0.5),
        "status_p95_ms": _ms(paced["took"], 0.95),
        "status_p99_ms": _ms(paced["took"], 0.99),
        "status_bad": paced["bad"],
        "status_rps": round(len(flat["took"]) / (seconds / 2), 1),
        "flat_out_p95_ms": _ms(flat["took"], 0.95),
        "submit_p50_ms": _ms(orders["took"], 0.5),
        "submit_p95_ms": _ms(orders["took"], 0.95),
        "sse_p95_ms": _ms(idle["ages"], 0.95),
        "sse_p95_ms_with_reads": _ms(ages["ages"], 0.95),
        "sse_p95_ms_1000": _ms(with_many["ages"], 0.95),
        "sse_events": len(idle["ages"]) + len(ages["ages"]),
        "cpu_streams": round(idle_cpu, 3),
        "cpu_at_300": round(share, 3),
        "cpu_ms_a_read": round((share - idle_cpu) / RATE * 1e3, 3),
        "cpu_clients": round(driver, 3),
        "cpu_1000_streams": round(many.share(), 3),
        "streams_open": opened,
        "before_1000_mb": alone,
        "streams_1000_mb": memory,
    }


def _upload_id(answer: Any) -> str:
    found = answer.get("uploads", [answer])[0]
    return str(found.get("id") or found["upload_id"])


@asynccontextmanager
async def _running(url: str, folder: Path) -> AsyncIterator[Bench]:
    nats = NatsServer(folder / "nats")
    nats.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {
        "BEATLOOM_NATS_URL": nats.url,
        "BEATLOOM_NATS_TOKEN": nats.token,
        "BEATLOOM_ARTIFACTS_URL": f"file://{folder}/artifacts",
        "BEATLOOM_SCRATCH_DIR": f"{folder}/scratch",
        "BEATLOOM_WORKERS": "1",
        "BEATLOOM_LOG_LEVEL": "warning",
        "BEATLOOM_INGEST_DATABASE_URL": url,
        "BEATLOOM_INGEST_PORT": str(port),
    }
    command = (sys.executable, "-m", "services.ingest")
    server = await asyncio.create_subprocess_exec(*command, env={**os.environ, **told})
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:
            await _until_ready(http)
            bus = await Bus.connect(nats.url, nats.token, name="bench")
            load = await Clients.start(port)
            yield Bench(server, http, load, bus)
            await load.stop()
            await bus.close()
    finally:
        server.terminate()
        await server.wait()
        nats.stop()


async def _until_ready(http: httpx.AsyncClient) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if (await http.get("/healthz/ready")).status_code == 200:
                return
        await asyncio.sleep(0.1)
    raise RuntimeError("ingest does not start")


class Clients:
    """The process of `api_load.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, port: int) -> Clients:
        """Start it."""
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", "benchmarks.api_load", str(port))
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**26))

    async def do(self, name: str, **given: Any) -> dict[str, Any]:
        """One of `Load`'s methods; what it returns, and `cpu`: the seconds that the process has used so far."""
        assert hasattr(Load, name)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, given]).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class _Cpu:
    """How much of a core a process uses from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began, self._used = time.monotonic(), self._read()
        self.wall = 0.0

    def _read(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def share(self) -> float:
        """1.0: a whole core."""
        self.wall = time.monotonic() - self._began
        return (self._read() - self._used) / self.wall


def _memory(pid: int) -> float:
    """MB that a process has in memory."""
    words = Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()
    return round(int(words[0]) / 1024, 1)


def _ms(seconds: list[float], share: float) -> float:
    """A percentile, in milliseconds."""
    found = sorted(seconds)
    return round(found[min(int(len(found) * share), len(found) - 1)] * 1e3, 2) if found else -1.0


def _show(name: str, figures: dict[str, float]) -> None:
    print(f"\n{name}")
    for key, value in figures.items():
        print(f"  {'*' if key in MEASURED else ' '} {key:24}{value:>12,}", flush=True)


if __name__ == "__main__":
    main()
