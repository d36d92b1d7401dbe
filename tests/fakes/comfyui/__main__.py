"""python -m tests.fakes.comfyui FOLDER: a process of doubles. Prints the address of its private routes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.fakes.comfyui.host import Host


async def _main(folder: Path) -> None:
    host = Host(folder)
    await host.port.open()
    print(f"http://127.0.0.1:{host.port.number}/_double", flush=True)
    await asyncio.Event().wait()


asyncio.run(_main(Path(sys.argv[1])))
