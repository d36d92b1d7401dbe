"""ffmpeg as a process: found, started with list arguments, watched, killed, its failures translated."""

from __future__ import annotations

import asyncio
import errno
import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import imageio_ffmpeg

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.runtime import spawn
from libs.runtime.disk import FULL
from libs.runtime.spawn import Limits

TAIL_BYTES = 4096
"""How much of the end of stderr an error carries."""

NEEDED_ENCODERS = frozenset({"libx264", "aac"})
NEEDED_FILTERS = frozenset({"ass", "color", "xfade", "scale", "setpts", "fps", "settb", "setsar", "trim"})

GLOBAL_OPTIONS = ("-hide_banner", "-nostdin", "-loglevel", "error", "-y")


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A run that ended well."""

    cpu_seconds: float
    stderr_tail: str


class ToolFailed(Permanent):
    """ffmpeg ended badly. `detail` is the end of its stderr, for operators."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__("media_tool_failed", message)
        self.detail = detail


def find_ffmpeg(setting: str = "") -> Path:
    """The ffmpeg to use: the wheel's, or the one that `setting` names (a path, or a name on PATH).

    Raises `Permanent("tool_missing")` when it isn't there or can't do what we need.
    """
    if not setting:
        try:
            return Path(imageio_ffmpeg.get_ffmpeg_exe())
        except RuntimeError as error:
            raise Permanent("tool_missing", "The ffmpeg of the wheel imageio-ffmpeg is missing.") from error
    found = shutil.which(setting)
    if found is None:
        raise Permanent("tool_missing", f"There is no ffmpeg at {setting!r}.")
    lacking = _lacking(found)
    if lacking:
        raise Permanent("tool_missing", f"The ffmpeg at {setting!r} lacks {', '.join(lacking)}.")
    return Path(found)


@lru_cache(maxsize=8)
def _lacking(binary: str) -> tuple[str, ...]:
    """What the binary can't do of all that we need."""

    def names(option: str) -> set[str]:
        done = subprocess.run(
            [binary, "-hide_banner", option], capture_output=True, text=True, timeout=20, check=False
        )
        return {line.split()[1] for line in done.stdout.splitlines() if len(line.split()) > 1}

    try:
        return tuple(sorted((NEEDED_ENCODERS - names("-encoders")) | (NEEDED_FILTERS - names("-filters"))))
    except (OSError, subprocess.SubprocessError) as error:
        raise Permanent("tool_missing", f"The ffmpeg at {binary!r} can't be run.") from error


def _start(argv: list[str]) -> subprocess.Popen[bytes]:
    """Started in the thread that outlives it: see `libs.runtime.spawn`."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )


def _reap(process: subprocess.Popen[bytes]) -> float:
    """Waits for the end; sets the return code; answers the CPU seconds spent."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _attend(process: subprocess.Popen[bytes], on_line: Callable[[bytes], None] | None) -> tuple[float, bytes]:
    """Reads both pipes to their end, then reaps: CPU seconds and the end of stderr. For a thread."""
    tail = b""
    rest = b""
    with selectors.DefaultSelector() as selector, process:
        for pipe in (process.stdout, process.stderr):
            selector.register(cast(IO[bytes], pipe), selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    tail = (tail + data)[-TAIL_BYTES:]
                elif on_line is not None:
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        on_line(line)
        cpu = _reap(process)
    return cpu, tail


_NO_SPACE = frozenset({-signal.SIGXFSZ, *(256 - number for number in FULL)})
"""How ffmpeg ends when it can't write: its exit code is the negative errno, modulo 256."""


def _failure(returncode: int, stderr_tail: bytes) -> BeatloomError:
    """The error that a bad end of ffmpeg stands for, by its exit code or signal alone."""
    detail = stderr_tail.decode("utf-8", "replace")
    if returncode in _NO_SPACE:
        return Retryable("no_space")
    if returncode == -signal.SIGXCPU:
        return Retryable("timeout", "ffmpeg used up its CPU time.")
    if returncode < 0 or returncode == 256 - errno.ENOMEM:
        return Retryable("unexpected", "ffmpeg was killed.")
    return ToolFailed(f"ffmpeg ended with code {returncode}.", detail)


async def _seen_through(ending: asyncio.Future[Any]) -> None:
    """Waits for the end of something that ends at once, also when cancelled meanwhile."""
    cancelled = False
    while not ending.done():
        try:
            await asyncio.wait([ending])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


async def run_ffmpeg(
    args: Sequence[str],
    *,
    timeout_s: float,
    on_progress: Callable[[float], None] | None = None,
    binary: str | Path = "",
    limits: Limits | None = None,
) -> ToolRun:
    """Runs ffmpeg with these arguments to its end.

    on_progress: called in the loop's thread with the seconds of output written so far, about twice a second.
    Cancelling the call, or the timeout, kills the process at once; what it wrote is the caller's to remove.
    Raises `Retryable` timeout, no_space or unexpected (killed); `ToolFailed` with the end of stderr.
    """
    tool = binary if isinstance(binary, Path) else find_ffmpeg(binary)
    loop = asyncio.get_running_loop()

    def on_line(line: bytes) -> None:
        name, _, value = line.partition(b"=")
        if on_progress is not None and name == b"out_time_us" and value.strip().isdigit():
            loop.call_soon_threadsafe(on_progress, int(value) / 1e6)

    progress = ("-progress", "pipe:1", "-nostats") if on_progress is not None else ()
    argv = spawn.command([str(tool), *GLOBAL_OPTIONS, *progress, *args], limits=limits)
    process = _start(argv)
    attending = asyncio.ensure_future(asyncio.to_thread(_attend, process, on_line))
    try:
        cpu, tail = await asyncio.wait_for(asyncio.shield(attending), timeout_s)
    except TimeoutError as error:
        raise Retryable("timeout", f"ffmpeg took longer than {timeout_s:.0f} s.") from error
    finally:
        if process.returncode is None:
            spawn.kill_group(process.pid)
        await _seen_through(attending)
    if process.returncode:
        raise _failure(process.returncode, tail)
    return ToolRun(cpu, tail.decode("utf-8", "replace"))
