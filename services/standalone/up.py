"""`beatloom up`: the one-machine stack, kept running. It goes on where it left off, jobs in work included."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from libs.contracts.errors import Permanent
from libs.runtime.run import listen
from libs.runtime.settings import load
from libs.telemetry import logging, tracing
from services.standalone.data_dir import default_data_dir, hold
from services.standalone.settings import StandaloneSettings
from services.standalone.stack import Stack

FORCE_S = 15.0
"""Beyond the grace of the work in flight: then the process ends by force, and its children with it."""


def up(arguments: argparse.Namespace) -> int:
    """`beatloom up [--host] [--port] [--data-dir]`. Returns 0 after SIGTERM or Ctrl-C, 1 when the stack died."""
    settings = load(StandaloneSettings, "standalone", os.environ)
    told = {name: getattr(arguments, name) for name in ("host", "port") if getattr(arguments, name) is not None}
    if arguments.data_dir is not None:
        told["data_dir"] = str(arguments.data_dir)
    try:
        settings = msgspec.convert({**msgspec.structs.asdict(settings), **told}, StandaloneSettings)
    except msgspec.ValidationError as error:
        raise Permanent("bad_setting", f"{error}.", hint="See `beatloom up --help`.") from error
    logging.configure("standalone", settings.shared.log_level)
    tracing.configure("standalone")
    return asyncio.run(_up(settings))


async def _up(settings: StandaloneSettings) -> int:
    data_dir = Path(settings.data_dir) if settings.data_dir else default_data_dir()
    with hold(data_dir) as place:
        stack = Stack(place, settings, os.environ, listen(settings.host, settings.port))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def told_to_stop(number: int) -> None:
            if stop.is_set():
                os._exit(128 + number)
            loop.call_later(settings.shared.shutdown_grace_s + FORCE_S, os._exit, 1)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop, number)

        def ready() -> None:
            sys.stdout.write(f"beatloom is up at {stack.url} (data in {place.root}); Ctrl-C stops it\n")
            sys.stdout.flush()

        return 0 if await stack.run(stop, ready) else 1
