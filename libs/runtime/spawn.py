"""Foreign programs (ffmpeg, nats-server) that die with the process that started them, even on kill -9.

The bond is to the *thread* that starts the program (Linux, PR_SET_PDEATHSIG): start from the loop's thread, or
from one that lives as long as the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from libs.contracts.errors import Permanent

_LAUNCHER = str(Path(__file__).with_name("launch.py"))

Stream = int | IO[Any] | None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a program may use; 0 means no limit of its own."""

    address_space: int = 0
    """Bytes of memory that may be mapped."""
    cpu_seconds: int = 0
    """CPU time, then SIGXCPU."""
    file_size: int = 0
    """Bytes of any file that it writes; beyond, writing fails with EFBIG."""
    nice: int = 0
    """Added to the niceness."""


def command(argv: Sequence[str], *, limits: Limits | None = None) -> list[str]:
    """The command line that runs `argv` bound to this process, under `limits`.

    Raises Permanent("tool_missing") when the program is not there.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise Permanent("tool_missing", f"{Path(argv[0]).name} was not found.")
    bounds = limits or Limits()
    numbers = (os.getpid(), bounds.nice, bounds.address_space, bounds.cpu_seconds, bounds.file_size)
    launcher = [sys.executable, "-I", "-S", _LAUNCHER, *map(str, numbers), "--"]
    return [*launcher, str(Path(program).absolute()), *argv[1:]]


async def start(
    argv: Sequence[str],
    *,
    limits: Limits | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start a program from a service: in a process group of its own, so that Ctrl-C at a terminal is ours alone.

    End it with `end`. Raises Permanent("tool_missing").
    """
    return await asyncio.create_subprocess_exec(
        *command(argv, limits=limits),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=env,
        process_group=0,
    )


def start_in_child(
    argv: Sequence[str],
    *,
    limits: Limits | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program from a function that runs in a worker child: it stays in the child's process group, so that
    it is killed along with the child. Raises Permanent("tool_missing").
    """
    return subprocess.Popen(
        command(argv, limits=limits), stdin=stdin, stdout=stdout, stderr=stderr, cwd=cwd, env=env
    )


def kill_group(leader: int) -> None:
    """SIGKILL to a whole process group; one that is gone already is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


async def end(process: asyncio.subprocess.Process, *, grace_s: float = 0.0) -> None:
    """End a program from `start`, and all that it started: SIGTERM and a grace when there is one, then SIGKILL.

    Returns when it is gone.
    """
    if process.returncode is None and grace_s > 0:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                await process.wait()
        except TimeoutError:
            pass
        finally:
            kill_group(process.pid)
    else:
        kill_group(process.pid)
    await process.wait()
