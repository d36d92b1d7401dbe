"""Turns itself into another program that dies with its parent: run as a script, standard library only.

    python -I -S launch.py PARENT_PID NICE AS_BYTES CPU_SECONDS FSIZE_BYTES -- PROGRAM [ARGUMENT ...]

`preexec_fn` would do the same, but is unsafe in a process with threads. A limit of 0 leaves the limit as it is.
PARENT_PID 0 skips the bond. Exit codes as of a shell: 126 can't be run, 127 not found.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_ARGUMENTS = 5


def _limit(kind: int, value: int) -> None:
    if value > 0:
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))


def _main(argv: list[str]) -> int:
    numbers, dashes, command = argv[:_ARGUMENTS], argv[_ARGUMENTS], argv[_ARGUMENTS + 1 :]
    if dashes != "--" or not command:
        raise SystemExit(__doc__)
    parent, nice, address_space, cpu, file_size = (int(number) for number in numbers)
    if parent:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:
            return 1  # it died before the bond was made
    if nice:
        os.nice(nice)
    _limit(resource.RLIMIT_CPU, cpu)
    _limit(resource.RLIMIT_FSIZE, file_size)
    # Python ignores SIGPIPE, and an ignored signal stays ignored over exec. SIGXFSZ stays ignored on purpose:
    # the program then sees EFBIG and can say what happened.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _limit(resource.RLIMIT_AS, address_space)
    try:
        os.execv(command[0], command)  # noqa: S606  (no shell is what is wanted)
    except FileNotFoundError:
        sys.stderr.write(f"{command[0]}: not found\n")
        return 127
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 126


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
