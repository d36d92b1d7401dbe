"""The folder in which a stack keeps everything: its layout, its lock, its secrets.

lock            held by the one process that uses the folder (flock: a killed process lets go of it)
stack.json      where that process listens
ledger.sqlite3  the ledger
artifacts/      bytes and results by digest
scratch/        files in work; emptied at start
nats/           configuration, store and log of nats-server
secrets/        made at the first start, readable by the owner alone
"""

from __future__ import annotations

import fcntl
import os
import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import platformdirs

from libs.contracts.errors import Permanent


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a running stack listens."""

    url: str
    pid: int


class DataDir:
    """The paths inside. Nothing is made before `hold`."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.lock = self.root / "lock"
        self.address_file = self.root / "stack.json"
        self.ledger = self.root / "ledger.sqlite3"
        self.artifacts = self.root / "artifacts"
        self.scratch = self.root / "scratch"
        self.nats = self.root / "nats"
        self.secrets = self.root / "secrets"

    def secret(self, name: str, prefix: str = "") -> str:
        """32 random bytes in base64 behind `prefix`, made once and kept in a file of mode 0600."""
        path = self.secrets / name
        if not path.exists():
            write_private(path, prefix + b64encode(secrets.token_bytes(32)).decode())
        return path.read_text(encoding="ascii").strip()

    def announce(self, url: str) -> None:
        """Note where this process listens, for commands that look for a running stack."""
        write_private(self.address_file, msgspec.json.encode(Address(url=url, pid=os.getpid())).decode())

    def running_at(self) -> str:
        """The address of the stack that holds this folder now; empty when none does."""
        try:
            with self.lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return ""
        except BlockingIOError:
            pass
        except OSError:
            return ""
        try:
            return msgspec.json.decode(self.address_file.read_bytes(), type=Address).url
        except (OSError, msgspec.DecodeError):
            return ""


@contextmanager
def hold(root: Path) -> Iterator[DataDir]:
    """Make the folder and hold it alone until the end.

    Raises `Permanent`: data_dir_in_use when another process has it, bad_setting when it can't be written.
    """
    place = DataDir(root)
    try:
        for folder in (place.root, place.artifacts, place.scratch, place.nats, place.secrets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Permanent(
            "bad_setting", f"The data directory {place.root} can't be used: {error.strerror}."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Permanent("data_dir_in_use", f"Another process uses {place.root}.") from error
    try:
        yield place
    finally:
        place.address_file.unlink(missing_ok=True)
        os.close(handle)


def write_private(path: Path, text: str) -> None:
    """A file of mode 0600 that appears whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def default_data_dir() -> Path:
    """Where `beatloom up` keeps its data unless told otherwise."""
    return platformdirs.user_data_path("beatloom", appauthor=False)


def renders_dir() -> Path:
    """Where `beatloom render` keeps the data of its runs, each in a folder of its own."""
    return platformdirs.user_cache_path("beatloom", appauthor=False) / "renders"
