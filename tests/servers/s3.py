"""A real S3 server for the tests of a session; each test has a bucket of its own."""

from __future__ import annotations

import io
import json
import secrets
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from minio import Minio

from libs.runtime import spawn
from tests.ports import free_ports

START_S = 40.0
_HOST = "127.0.0.1"
_PORTS = (
    "admin.port",
    "admin.port.grpc",
    "debug.port",
    "filer.port",
    "filer.port.grpc",
    "filer.port.public",
    "master.port",
    "master.port.grpc",
    "s3.port",
    "s3.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "volume.port.public",
)


class S3Server:
    """SeaweedFS as `weed mini`. SIGTERM can take it half a minute, so it is always killed."""

    def __init__(self, folder: Path) -> None:
        self.access_key = "tester"
        self.secret_key = secrets.token_hex(16)
        self.port = 0
        self._ports: list[int] = []
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port of its S3 API."""
        return f"{_HOST}:{self.port}"

    @property
    def client(self) -> Minio:
        """A client that may do all."""
        http = urllib3.PoolManager(timeout=urllib3.Timeout(5.0), retries=False)
        return Minio(
            self.address, access_key=self.access_key, secret_key=self.secret_key, secure=False, http_client=http
        )

    def url(self, bucket: str) -> str:
        """The address of a bucket, as `open_store` takes it."""
        return f"s3://{self.access_key}:{self.secret_key}@{self.address}/{bucket}?secure=0"

    def new_bucket(self) -> str:
        """Make a bucket, and return its name."""
        name = f"test-{secrets.token_hex(6)}"
        self.client.make_bucket(name)
        return name

    def start(self) -> None:
        """Start it, and return when it takes a bucket and an object."""
        self._ports = ports = free_ports(len(_PORTS))
        chosen = dict(zip(_PORTS, ports, strict=True))
        self.port = chosen["s3.port"]
        (self._folder / "data").mkdir(parents=True, exist_ok=True)
        config = self._folder / "s3.json"
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        config.write_text(
            json.dumps({"identities": [{"name": "tester", "credentials": credentials, "actions": actions}]})
        )
        argv = [
            str(Path(sysconfig.get_path("scripts")) / "weed"),
            "-logtostderr=true",  # or it leaves its logs in /tmp
            "mini",
            f"-dir={self._folder / 'data'}",
            f"-ip={_HOST}",
            f"-ip.bind={_HOST}",
            "-master.telemetry=false",
            "-webdav=false",
            "-admin.ui=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.config={config}",
            f"-filer.localSocket={self._folder / 'filer.sock'}",
            f"-s3.localSocket={self._folder / 's3.sock'}",
            *(f"-{name}={port}" for name, port in chosen.items()),
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                spawn.command(argv),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        deadline = time.monotonic() + START_S
        while not self._takes_objects():
            assert self._process.poll() is None, f"weed ended:\n{self._log()}"
            assert time.monotonic() < deadline, f"weed does not start:\n{self._log()}"
            time.sleep(0.1)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            spawn.kill_group(self._process.pid)
            self._process.wait()
            self._process = None
        for port in self._ports:  # it makes these wherever its other sockets are told to be
            for left in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                left.unlink(missing_ok=True)

    def _takes_objects(self) -> bool:
        try:
            client = self.client
            bucket = self.new_bucket()
            client.put_object(bucket, "probe/probe", io.BytesIO(b"probe"), 5)
        except Exception:  # whatever it answers while it comes up
            return False
        return True

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-4000:]


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A started S3 server, shared by the session: use `url(new_bucket())`."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
        yield server
    finally:
        server.kill()
