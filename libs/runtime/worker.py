"""The child's side of a worker pool: takes calls, one after the other, until its parent is gone.

Run as `python -m libs.runtime.worker FD`, where FD is its end of the private socket.
"""

from __future__ import annotations

import importlib
import io
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from libs.runtime import channel
from libs.runtime.channel import Kind
from libs.telemetry import logging

PROGRESS_EVERY_S = 0.25
"""What is said sooner after the word before is left out: nobody reads it, and each word costs on its way."""

_reporter: ContextVar[Callable[[float, str], None] | None] = ContextVar("reporter", default=None)


def report(fraction: float, message: str = "") -> None:
    """Say from within a call how far it is (0..1), as often as you like: at most four words a second are passed on.

    Elsewhere, or from another thread, it does nothing.
    """
    reporter = _reporter.get()
    if reporter is not None:
        reporter(min(max(fraction, 0.0), 1.0), message)


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def resident_bytes() -> int:
    """Memory in use now (Linux; elsewhere the peak)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def serve(sock: socket.socket) -> None:
    """Take calls until the other side is gone."""
    due = 0.0

    def tell(fraction: float, message: str) -> None:
        nonlocal due
        if (now := time.monotonic()) >= due:
            due = now + PROGRESS_EVERY_S
            channel.send(sock, Kind.PROGRESS, channel.dumps((fraction, message)))

    _reporter.set(tell)
    while True:
        due = 0.0
        frame = channel.receive(sock)
        if frame is None:
            return
        before = cpu_seconds()
        kind, answer = _call(frame[1])
        spent = cpu_seconds() - before
        channel.send(sock, kind, answer)
        channel.send(sock, Kind.USAGE, channel.dumps((spent, resident_bytes())))


def _call(payload: bytes) -> tuple[Kind, bytes]:
    try:
        function, args = channel.loads(payload)
        _one_thread_for_opencv()
        return Kind.VALUE, channel.dumps(function(*args))
    except BaseException as error:  # SystemExit too: raising never ends the child
        return Kind.FAILURE, channel.pack(error)


def _one_thread_for_opencv() -> None:
    """OpenCV makes its threads without looking at the variables of others; imported or not, it must have one."""
    if "cv2" in sys.modules:
        importlib.import_module("cv2").setNumThreads(1)


def main() -> None:
    """The child's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # it is the log, and a child ends by SIGKILL: no flush
    level = os.environ.get("BEATLOOM_LOG_LEVEL", "")
    logging.configure("worker", level if level in logging.LEVELS else "info")
    with socket.socket(fileno=int(sys.argv[1])) as sock:
        try:
            serve(sock)
        except (BrokenPipeError, ConnectionResetError):
            return


if __name__ == "__main__":
    # Under this name the module would be a second copy of itself, whose `report` knows no reporter.
    from libs.runtime.worker import main as canonical_main

    canonical_main()
