"""The nats-server of the one-machine stack: real processes, killed for real."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.js.api import StorageType, StreamConfig

from libs.contracts.errors import Permanent, Retryable
from services.standalone.nats_child import NatsChild, configuration, find_nats_server, stop_orphan
from tests.processes import alive
from tests.waiting import until

STORE = 256 << 20


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[NatsChild]:
    folder = tmp_path / 'a name with "quotes" and $HOME'
    folder.mkdir()
    async with NatsChild(folder, binary=find_nats_server(), max_store_bytes=STORE) as running:
        yield running


async def test_only_who_has_the_token_is_let_in(child: NatsChild, tmp_path: Path) -> None:
    client = await nats.connect(child.url, token=child.token)
    await client.jetstream().add_stream(StreamConfig(name="S", subjects=["s"], storage=StorageType.FILE))
    await client.close()
    config = next(tmp_path.rglob("server.conf"))
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    reader, writer = await asyncio.open_connection("127.0.0.1", int(child.url.rpartition(":")[2]))
    await reader.readline()
    writer.write(b'CONNECT {"auth_token": "guess"}\r\nPING\r\n')
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_killed_it_comes_back_on_the_same_port_with_the_same_store(child: NatsChild) -> None:
    client = await nats.connect(child.url, token=child.token, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name="S", subjects=["s"], storage=StorageType.FILE))
    await stream.publish("s", b"kept")
    before, url = child.pid, child.url
    os.kill(before, signal.SIGKILL)
    await until(lambda: child.pid not in (0, before))
    await until(lambda: client.is_connected)
    assert child.url == url
    assert child.restarts == 1
    message = await stream.get_last_msg("S", "s")
    assert message.data == b"kept"
    await child.check()
    await client.close()


async def test_while_it_is_away_it_is_not_ready(child: NatsChild) -> None:
    await child.check()
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: not child.pid)
    with pytest.raises(Retryable, match="bus_unavailable"):
        await child.check()


async def test_it_ends_with_its_block_and_leaves_no_secret(tmp_path: Path) -> None:
    async with NatsChild(tmp_path, binary=find_nats_server(), max_store_bytes=STORE) as running:
        pid = running.pid
        assert alive(pid)
    assert not alive(pid)
    assert running.token not in "".join(
        path.read_text(errors="ignore") for path in tmp_path.iterdir() if path.is_file()
    )


PARENT = """
import asyncio, sys
from pathlib import Path
from services.standalone.nats_child import NatsChild, find_nats_server
async def main():
    async with NatsChild(Path(sys.argv[1]), binary=find_nats_server(), max_store_bytes=1 << 28) as child:
        print(child.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    await until(lambda: not alive(pid))


async def test_an_orphan_is_stopped_first(tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text(configuration(tmp_path, port=-1, token="t", max_store_bytes=STORE))
    with subprocess.Popen([str(find_nats_server()), "-c", str(config)]) as orphan:
        await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() == str(orphan.pid))
        async with NatsChild(tmp_path, binary=find_nats_server(), max_store_bytes=STORE) as running:
            assert orphan.poll() is not None
            assert running.pid != orphan.pid
            await running.check()


def test_a_pid_that_has_become_another_process_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as other:
        (tmp_path / "pid").write_text(str(other.pid))
        stop_orphan(tmp_path)
        assert other.poll() is None
        assert not (tmp_path / "pid").exists()
        other.kill()


async def test_one_that_cant_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the store should be")
    with pytest.raises(Retryable, match=r"storage directory is not a directory$"):
        async with NatsChild(tmp_path, binary=find_nats_server(), max_store_bytes=STORE):
            pass


def test_a_binary_that_is_not_there() -> None:
    with pytest.raises(Permanent, match="nats-server was not found"):
        find_nats_server("/nowhere/nats-server")
