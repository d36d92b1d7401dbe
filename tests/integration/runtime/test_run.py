"""A service as a process of its own: it stops in order, ends when something vital dies, says why it can't start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from libs.runtime.run import listen
from tests.paths import ROOT
from tests.waiting import SOON_S, until

Start = Callable[..., Awaitable[tuple[Process, int]]]


@pytest.fixture
def told() -> list[str]:
    """What the service says before it is ready."""
    return []


@pytest.fixture
async def start(tmp_path: Path, told: list[str]) -> AsyncIterator[Start]:
    started: list[Process] = []

    async def begin(port: int = 0, grace_s: float = 5.0) -> tuple[Process, int]:
        argv = [sys.executable, "-W", "error", "-m", "tests.integration.runtime.serving"]
        environ = {
            **os.environ,
            "BEATLOOM_SHUTDOWN_GRACE_S": str(grace_s),
            "BEATLOOM_TESTER_PORT": str(port),
            "BEATLOOM_TESTER_FOLDER": str(tmp_path),
        }
        process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, stderr=PIPE, env=environ)
        started.append(process)
        assert process.stderr is not None
        async with asyncio.timeout(SOON_S):
            while line := await process.stderr.readline():
                if b'"ready"' in line:
                    assert json.loads(line)["service"] == "tester"
                    return process, int(json.loads(line)["port"])
                told.append(line.decode())
        return process, 0

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def exit_code(process: Process) -> int:
    async with asyncio.timeout(SOON_S):
        return await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_requests_and_the_lifespan_finish(start: Start, tmp_path: Path, number: int) -> None:
    process, port = await start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/healthz/live")).status_code == 200
        asked = asyncio.create_task(client.get("/slow"))
        await until((tmp_path / "asked").exists)
        process.send_signal(number)
        assert (await asked).text == "done"
    assert await exit_code(process) == 0
    assert (tmp_path / "down").exists()


async def test_a_stream_without_end_does_not_hold_up_the_stop(start: Start, tmp_path: Path) -> None:
    process, port = await start()
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        client.stream("GET", "/forever") as stream,
    ):
        assert await anext(stream.aiter_lines()) == "tick"
        process.terminate()
        began = time.monotonic()
        assert await exit_code(process) == 0
        assert time.monotonic() - began < 12.0
    assert (tmp_path / "down").exists()


async def test_an_answer_that_waits_for_the_stop_ends_with_it(start: Start, tmp_path: Path) -> None:
    process, port = await start()
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        client.stream("GET", "/until-the-stop") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == "began"
        process.terminate()
        began = time.monotonic()
        assert await anext(lines) == "ended"
        assert time.monotonic() - began < 1.0
    assert await exit_code(process) == 0
    assert process.stderr is not None
    assert b"Traceback" not in await process.stderr.read()


async def test_answers_are_sent_without_waiting_for_more() -> None:
    options: list[int] = []

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        options.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    sock = listen("127.0.0.1", 0)
    async with await asyncio.start_server(note, sock=sock):
        _, writer = await asyncio.open_connection(*sock.getsockname())
        await until(lambda: bool(options))
        writer.close()
    assert options == [1]


async def test_a_second_signal_ends_it_at_once(start: Start, tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    process, _ = await start()
    process.terminate()
    await asyncio.sleep(0.5)
    assert process.returncode is None
    process.terminate()
    assert await exit_code(process) == 128 + signal.SIGTERM
    assert not (tmp_path / "down").exists()


async def test_something_vital_that_dies_ends_the_process_in_order(start: Start, tmp_path: Path) -> None:
    process, _ = await start()
    (tmp_path / "die").touch()
    assert await exit_code(process) == 1
    assert (tmp_path / "down").exists()


async def test_a_service_that_does_not_come_up_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / "refuse").touch()
    process, _ = await start()
    assert await exit_code(process) == 1


async def test_a_taken_port_is_told_in_one_line(start: Start, told: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process, _ = await start(taken.getsockname()[1])
        assert await exit_code(process) == 2
    assert len(told) == 1
    assert told[0].startswith("port_in_use: ")


async def test_a_setting_that_is_wrong_is_told_in_one_line(start: Start, told: list[str]) -> None:
    process, _ = await start(99999999)
    assert await exit_code(process) == 2
    assert len(told) == 1
    assert told[0].startswith("bad_setting: ")


async def test_a_stop_before_it_is_up_does_not_wait(start: Start, tmp_path: Path) -> None:
    (tmp_path / "wait").touch()
    starting = asyncio.ensure_future(start())
    await until((tmp_path / "waiting").exists)
    (process_id,) = [int(path.read_text()) for path in tmp_path.glob("pid")]
    os.kill(process_id, signal.SIGTERM)
    process, _ = await starting
    assert await exit_code(process) == 0


async def test_a_stop_that_takes_too_long_is_cut_off(start: Start, tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    process, _ = await start(grace_s=0)
    process.terminate()
    assert await exit_code(process) == 1
    assert not (tmp_path / "down").exists()
