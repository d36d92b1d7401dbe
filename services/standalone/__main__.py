"""`beatloom`, or `python -m services.standalone`."""

import gc
import io
import os
import signal
import sys


def main() -> int:
    """The command line. Ctrl-C while its modules are read ends the process: nothing is there to clean up."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    open_streams()
    from services.standalone import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return cli.main()
    finally:
        gc.freeze()  # looking for garbage at the end would take half a second


def open_streams() -> None:
    """See to it that all three are there, and that any name can be written.

    With one of them closed, the next file to be opened, a database maybe, would be written to in its place.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    raise SystemExit(main())
