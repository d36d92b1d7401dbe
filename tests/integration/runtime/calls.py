"""Functions that the tests call in worker children."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

from libs.contracts.errors import InputMissing, Permanent
from libs.runtime.spawn import start_in_child
from libs.runtime.worker import report


def add(left: int, right: int) -> int:
    return left + right


def pid() -> int:
    return os.getpid()


def echo(data: bytes) -> bytes:
    return data


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def burn_in_a_child_of_its_own(seconds: float) -> None:
    code = f"import time\nwhile time.process_time() < {seconds}: pass"
    subprocess.run([sys.executable, "-c", code], check=True)


def tell(steps: int, every_s: float = 0.0) -> str:
    for step in range(steps):
        report(step / steps, f"step {step}")
        time.sleep(every_s)
    return "told"


def fail_permanently() -> None:
    raise Permanent("not_media", "It is a poem.", hint="Sing it.")


def miss_an_input(digest: str) -> None:
    raise InputMissing(digest)


def divide_by_zero() -> float:
    return 1 / 0


def fill_the_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def write_until_the_limit(path: str) -> None:
    with Path(path).open("wb") as file:
        for _ in range(64):
            file.write(bytes(1 << 20))
            file.flush()


def leave() -> None:
    sys.exit(3)


def die() -> None:
    os.abort()


def sleep_with_a_grandchild(note: str, bound: bool = True) -> None:
    """Writes "pid grandchild_pid" to the file `note`, then sleeps. bound: started by our launcher."""
    process = start_in_child(["sleep", "600"]) if bound else subprocess.Popen(["sleep", "600"])
    partial = Path(note + ".part")
    partial.write_text(f"{os.getpid()} {process.pid}")
    partial.rename(note)
    time.sleep(600)


def settings_of_this_process() -> dict[str, str]:
    import cv2

    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
    return {
        "nice": str(os.nice(0)),
        "group": str(os.getpgid(0) == os.getpid()),
        "opencv": str(cv2.getNumThreads()),
        **{name: os.environ[name] for name in names},
    }


def grow(size: int) -> int:
    """Keeps memory for ever, as a leak would."""
    sys.modules[__name__].__dict__["_leak"] = bytearray(os.urandom(1) * size)
    return os.getpid()


def print_something() -> None:
    print("this goes to the log")


def give_what_cannot_cross() -> object:
    return lambda: None
