"""A command and all of its processes, watched from outside: CPU and wall seconds, and memory by kind of process."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

STEP_S = 0.25


class Watched(msgspec.Struct, frozen=True):
    """What a command took."""

    wall: float
    cpu: float
    """User and system seconds of the whole tree."""
    peak_mb: dict[str, float]
    """By kind of process: the most that one of them ever had in memory."""
    output: str
    """The last line on stdout."""


def run_watched(command: Sequence[str], environ: Mapping[str, str]) -> Watched:
    """Runs it to its end. Raises CalledProcessError."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    peaks: dict[str, float] = {}
    with subprocess.Popen(command, env=dict(environ), stdout=subprocess.PIPE, text=True) as process:
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, peaks))
        watcher.start()
        said, _ = process.communicate()
        ended.set()
        watcher.join()
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Watched(wall, cpu, peaks, (said.splitlines() or [""])[-1])


def _watch(root: int, ended: threading.Event, peaks: dict[str, float]) -> None:
    while not ended.wait(STEP_S):
        for pid in _tree(root):
            with contextlib.suppress(OSError, ValueError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
                kind = "main" if pid == root else _kind(words)
                peaks[kind] = max(peaks.get(kind, 0.0), _high_water(pid))


def _tree(root: int) -> list[int]:
    """The process and all of its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            parent = int(Path(f"/proc/{int(entry.name)}/stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def _high_water(pid: int) -> float:
    """The most memory that a process has had so far, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _kind(words: Sequence[str]) -> str:
    text = " ".join(words)
    for kind in ("nats-server", "ffmpeg-linux", "ffmpeg"):
        if kind in Path(words[0]).name:
            return kind.partition("-linux")[0]
    return "worker" if "libs.runtime.worker" in text else "other"
