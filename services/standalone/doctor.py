"""`beatloom doctor`: what is here, what is missing, how to get it."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from libs.contracts.errors import BeatloomError
from libs.media.ffmpeg import NEEDED_ENCODERS, NEEDED_FILTERS, find_ffmpeg
from libs.runtime.settings import load
from libs.type.faces import FACES
from services.standalone.data_dir import DataDir, default_data_dir, renders_dir
from services.standalone.nats_child import find_nats_server
from services.standalone.settings import StandaloneSettings

SPACE_BYTES = 3 << 30
"""A long song in 1080p needs about this much while it is made."""
TRY_S = 20.0


class Finding(NamedTuple):
    """One line. `needed` decides whether its lack makes the command fail."""

    ok: bool
    what: str
    detail: str
    cure: str = ""
    needed: bool = True


class Lacking(Exception):
    """Something is not here: its text says what, `cure` how to get it."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.cure = cure


def doctor(arguments: argparse.Namespace) -> int:
    """Print every finding; 1 when something needed is missing."""
    found = list(findings(load(StandaloneSettings, "standalone", os.environ)))
    width = max(len(finding.what) for finding in found)
    for finding in found:
        mark = "ok     " if finding.ok else "missing" if finding.needed else "note   "
        sys.stdout.write(f"{mark}  {finding.what:{width}}  {finding.detail}\n")
        if not finding.ok and finding.cure:
            sys.stdout.write(f"{'':9}{'':{width}}  -> {finding.cure}\n")
    return 0 if all(finding.ok or not finding.needed for finding in found) else 1


def findings(settings: StandaloneSettings) -> Iterator[Finding]:
    """Everything that a render needs, looked at for real."""
    data = Path(settings.data_dir) if settings.data_dir else default_data_dir()
    yield _look("python", _python)
    yield _look("ffmpeg", lambda: _ffmpeg(settings.shared.ffmpeg))
    yield _look("nats-server", lambda: _nats(settings.nats_server))
    yield _look("fonts", _fonts)
    yield _look("processors", _processors, needed=False)
    yield _look("data directory", lambda: _writable(data))
    yield _look("render directory", lambda: _writable(renders_dir()))
    yield _look("space", lambda: _space(renders_dir()))
    running = DataDir(data).running_at()
    yield Finding(True, "running stack", running or "none here; `beatloom up` starts one", needed=False)


def _look(what: str, look: Callable[[], str], *, needed: bool = True) -> Finding:
    try:
        return Finding(True, what, look(), needed=needed)
    except Lacking as lack:
        return Finding(False, what, str(lack), lack.cure, needed)
    except BeatloomError as error:
        return Finding(False, what, error.message, "Run `make setup`.", needed)


def _python() -> str:
    return f"{'.'.join(map(str, sys.version_info[:3]))}, {sys.executable}"


def _ffmpeg(setting: str) -> str:
    binary = str(find_ffmpeg(setting))
    version = _said([binary, "-version"]).split(" Copyright")[0].removeprefix("ffmpeg version ")
    can = {
        line.split()[1] for option in ("-encoders", "-filters") for line in _lines([binary, "-hide_banner", option])
    }
    lacking = sorted((NEEDED_ENCODERS | NEEDED_FILTERS) - can)
    if lacking:
        raise Lacking(f"{binary} lacks {', '.join(lacking)}", "Unset BEATLOOM_FFMPEG, or run `make setup`.")
    return f"{version}, {binary}"


def _nats(setting: str) -> str:
    binary = str(find_nats_server(setting))
    return f"{_said([binary, '--version']).removeprefix('nats-server: ')}, {binary}"


def _fonts() -> str:
    faces = {face for role in FACES.values() for face in role}
    try:
        lacking = sorted(face.file for face in faces if not face.path.is_file())
    except ModuleNotFoundError as error:
        lacking = [str(error.name)]
    if lacking:
        raise Lacking(f"{lacking[0]} is not installed", "Run `make setup`.")
    return f"{len({face.family for face in faces})} families"


def _processors() -> str:
    count = len(os.sched_getaffinity(0))
    if count < 2:
        raise Lacking("1 core", "It works, slowly.")
    return f"{count} cores"


def _writable(folder: Path) -> str:
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"beatloom")
    except OSError as error:
        cure = "Give another one with --data-dir, or set XDG_DATA_HOME and XDG_CACHE_HOME."
        raise Lacking(f"{place}: {error.strerror}", cure) from error
    return str(folder)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _space(folder: Path) -> str:
    folder = _nearest(folder)
    free = shutil.disk_usage(folder).free
    if free < SPACE_BYTES:
        raise Lacking(f"{free / 1e9:.1f} GB free at {folder}", f"Free {SPACE_BYTES / 1e9:.0f} GB for long songs.")
    return f"{free / 1e9:.0f} GB free"


def _said(command: list[str]) -> str:
    return "".join(_output(command).splitlines()[:1])


def _lines(command: list[str]) -> list[str]:
    return [line for line in _output(command).splitlines() if len(line.split()) > 1]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TRY_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise Lacking(f"{command[0]} can't be run", "Run `make setup`.") from error
    if done.returncode:
        raise Lacking(f"{command[0]} ended with {done.returncode}", "Run `make setup`.")
    return done.stdout
