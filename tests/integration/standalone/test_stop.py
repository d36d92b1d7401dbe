"""`beatloom up` told to stop while somebody follows a job."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from tests.faults.fleet import Client
from tests.ports import free_port
from tests.songs import make_song
from tests.stopping import stream_ends_with_the_stop
from tests.waiting import wait_until


async def test_open_streams_do_not_hold_up_a_stop(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    song = make_song(tmp_path, seconds=20, seed=1)
    log = tmp_path / "log"
    argv = [sys.executable, "-m", "services.standalone", "up"]
    with log.open("wb") as out:
        up = subprocess.Popen(
            [*argv, f"--port={port}", f"--data-dir={tmp_path / 'data'}"],
            env={**os.environ, "BEATLOOM_SHUTDOWN_GRACE_S": "0"},
            stdout=out,
            stderr=out,
        )
    try:
        await asyncio.to_thread(wait_until, Client(url).ready, seconds=60, what="up")
        await stream_ends_with_the_stop(url, song.path.read_bytes(), up.terminate)
        assert await asyncio.to_thread(up.wait, 20) == 0
        assert "Traceback" not in log.read_text()
        assert "graceful shutdown exceeded" not in log.read_text()
    finally:
        up.kill()
        up.wait()
