"""`beatloom`, or `python -m services.standalone`."""

import os
import signal


def main() -> int:
    """The command line. Ctrl-C while its modules are read ends the process: nothing is there to clean up."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from services.standalone import cli

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return cli.main()


if __name__ == "__main__":
    raise SystemExit(main())
