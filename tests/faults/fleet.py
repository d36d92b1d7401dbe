"""The services as processes of their own, over one nats-server, SQLite and a folder: what faults are tried on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.ports import free_ports
from tests.waiting import wait_until

SERVICES = ("ingest", "analyzer", "planner", "generator", "composer", "notifier")
STAGES = ("queued", "analyzing", "planning", "generating", "composing")
ENDED = ("completed", "failed", "cancelled")
OPTIONS: dict[str, Any] = {"height": 180, "fps": "24", "seed": 7}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Client:
    """The HTTP API as a client uses it. token: of a user, where people log in."""

    url: str
    token: str = ""

    @property
    def credentials(self) -> dict[str, str]:
        """The headers that say who asks."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def submit(self, song: Path, *, options: Mapping[str, Any], key: str = "") -> str:
        """Send a song; the job's id. Tried again with the same key while ingest is away."""
        body = msgspec.json.encode(dict(options)).decode()
        headers = {**self.credentials, **({"Idempotency-Key": key} if key else {})}
        answer = httpx.post(
            f"{self.url}/api/v1/jobs",
            files={"song": (song.name, song.read_bytes())},
            data={"options": body},
            headers=headers,
            timeout=30,
        )
        assert answer.status_code in (200, 202), answer.text
        return str(answer.json()["job_id"])

    def submit_script(self, text: str, *, options: Mapping[str, Any]) -> str:
        """Send a script; the job's id."""
        answer = httpx.post(f"{self.url}/api/v1/jobs", json={"script": text, "options": dict(options)}, timeout=30)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now; {} while ingest doesn't answer."""
        try:
            answer = httpx.get(f"{self.url}/api/v1/jobs/{job_id}", headers=self.credentials, timeout=5)
        except httpx.TransportError:
            return {}
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def stage(self, job_id: str) -> str:
        """The job's stage; "" while ingest doesn't answer."""
        return str(self.job(job_id).get("stage", ""))

    def wait_for_stage(self, job_id: str, stage: str, *, seconds: float = 60) -> str:
        """Wait until the job is at `stage` or beyond; where it is then."""
        order = (*STAGES, *ENDED)

        def reached() -> bool:
            now = self.stage(job_id)
            return bool(now) and order.index(now) >= order.index(stage)

        wait_until(reached, seconds=seconds, what=f"stage {stage}")
        return self.stage(job_id)

    def wait_for_end(self, job_id: str, *, seconds: float = 90) -> dict[str, Any]:
        """Wait for the job's end; the job then."""
        wait_until(lambda: self.stage(job_id) in ENDED, seconds=seconds, what=f"end of {job_id}")
        return self.job(job_id)

    def ready(self) -> bool:
        """True when ingest answers that it is ready."""
        try:
            return httpx.get(f"{self.url}/healthz/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class Effects:
    """What was done for a job, counted in the ledger and in the store."""

    successes: Counter[str]
    """Facts that say that a task is done, by task."""
    endings: Counter[str]
    """Terminal facts, by name."""
    records: Counter[str]
    """Result records in the whole store, by the name of their fact."""

    def assert_once(self, *, scenes: int) -> None:
        """Each task done once, one ending, one record for each piece of work."""
        assert set(self.successes.values()) <= {1}, self.successes
        assert sum(name.startswith("animate.") for name in self.successes) == scenes, self.successes
        assert self.endings == Counter({"job.completed": 1})


def count_effects(database: Path, artifacts: Path, job_id: str) -> Effects:
    """Count from the files themselves, beside whatever runs."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as ledger:
        rows = ledger.execute("select task, name from facts where job_id = ?", (job_id,)).fetchall()
    failed = "task.attempt_failed"
    records: Counter[str] = Counter()
    for path in artifacts.glob("result/**/*"):
        if path.is_file():
            document = msgspec.json.decode(path.read_bytes())
            records.update(fact["type"] for fact in document.get("facts", ()))
    return Effects(
        successes=Counter(task for task, name in rows if task and name != failed),
        endings=Counter(name for task, name in rows if not task),
        records=records,
    )


class Fleet:
    """Six service processes that can be killed and started again."""

    def __init__(self, folder: Path, *, nats_url: str, nats_token: str, ack_wait_s: float = 3.0) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        self.database = folder / "ledger.sqlite3"
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.client = Client(f"http://127.0.0.1:{self.ports['ingest']}")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BEATLOOM_")},
            "BEATLOOM_NATS_URL": nats_url,
            "BEATLOOM_NATS_TOKEN": nats_token,
            "BEATLOOM_ARTIFACTS_URL": f"file://{self.artifacts}",
            "BEATLOOM_SCRATCH_DIR": str(folder / "scratch"),
            "BEATLOOM_WORKERS": "2",
            "BEATLOOM_ACK_WAIT_S": str(ack_wait_s),
            "BEATLOOM_INGEST_DATABASE_URL": f"sqlite+aiosqlite:///{self.database}",
            "BEATLOOM_NOTIFIER_SECRET": SECRET,
            "BEATLOOM_NOTIFIER_ALLOW_HOSTS": "127.0.0.1",
            **{f"BEATLOOM_{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
        }

    def start(self, name: str, *, logged: bool = True) -> None:
        """Start a service; its log is appended to a file of its name."""
        with (self.folder / f"{name}.log" if logged else Path(os.devnull)).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}"],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Kill -9, and wait until it is gone."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def ready(self, name: str) -> bool:
        """True when the service says that it is ready."""
        return Client(f"http://127.0.0.1:{self.ports[name]}").ready()

    def wait_until_ready(self, *names: str, seconds: float = 60) -> None:
        """Wait for services (all, when none is named)."""
        for name in names or SERVICES:
            wait_until(lambda name=name: self.ready(name), seconds=seconds, what=f"{name} ready")  # type: ignore[misc]

    def log(self, name: str) -> str:
        """What a service has logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def jobs(self) -> list[str]:
        """Ids of all jobs, from the ledger itself."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as ledger:
            return [row[0] for row in ledger.execute("select distinct job_id from facts")]

    def effects(self, job_id: str) -> Effects:
        """What was done for a job."""
        return count_effects(self.database, self.artifacts, job_id)

    def stop(self) -> None:
        """End all of them."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()


@contextmanager
def running_fleet(folder: Path, *, nats_url: str, nats_token: str) -> Iterator[Fleet]:
    """All six services, ready."""
    folder.mkdir(parents=True, exist_ok=True)
    fleet = Fleet(folder, nats_url=nats_url, nats_token=nats_token)
    try:
        for name in SERVICES:
            fleet.start(name)
        fleet.wait_until_ready()
        yield fleet
    finally:
        fleet.stop()
