"""Scratch folders: gone after each piece of work, swept after a crash, never taken from a living process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libs.runtime.scratch import LOCK, Scratch
from tests.waiting import until

HOLD = """
import asyncio, pathlib, sys
from libs.runtime.scratch import Scratch

async def hold():
    async with Scratch(pathlib.Path(sys.argv[1])) as scratch, scratch.folder() as folder:
        (folder / "half").write_bytes(b"x" * 1000)
        print(folder, flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(hold())
"""

Hold = Callable[[], tuple["subprocess.Popen[str]", Path]]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Starts another process with a folder in work below `tmp_path`; the process and the folder."""
    held: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], Path]:
        argv = [sys.executable, "-c", HOLD, str(tmp_path)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        held.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield begin
    for process in held:
        process.kill()
        process.communicate()


async def test_a_folder_goes_with_its_work_also_when_that_fails(tmp_path: Path) -> None:
    async with Scratch(tmp_path) as scratch:
        with pytest.raises(ValueError, match="boom"):
            async with scratch.folder() as folder:
                (folder / "half").write_text("x")
                (folder / "deeper").mkdir()
                raise ValueError("boom")
        assert not folder.exists()
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


async def test_what_a_killed_process_left_is_swept_and_the_living_are_spared(tmp_path: Path, hold: Hold) -> None:
    dead, dead_folder = hold()
    living, living_folder = hold()
    dead.kill()
    dead.communicate()
    assert (dead_folder / "half").is_file(), "it had no chance to clean up"
    async with Scratch(tmp_path) as scratch:
        assert not dead_folder.exists()
        assert (living_folder / "half").is_file()
        async with Scratch(tmp_path), scratch.folder() as folder:
            assert folder.is_dir(), "a newcomer of the same process leaves it alone too"
    living.communicate()
    assert not living_folder.exists(), "it cleaned up itself"


async def test_a_folder_whose_process_died_before_it_was_locked_is_swept(tmp_path: Path) -> None:
    (tmp_path / "unlocked").mkdir()
    async with Scratch(tmp_path):
        assert not (tmp_path / "unlocked").exists()


async def test_a_slow_removal_holds_up_nobody_and_outlives_a_cancel(tmp_path: Path) -> None:
    async with Scratch(tmp_path) as scratch:
        halves, stuck = asyncio.Queue[Path](), threading.Event()

        async def work() -> None:
            async with scratch.folder() as folder:
                (folder / "half").write_text("x")
                halves.put_nowait(folder / "half")
                await asyncio.get_running_loop().create_future()

        # The loop's threads are all busy, so that the removal has to wait.
        for _ in range(min(32, (os.cpu_count() or 1) + 4)):
            asyncio.get_running_loop().run_in_executor(None, stuck.wait)
        working = asyncio.create_task(work())
        half = await halves.get()
        working.cancel()
        await asyncio.sleep(0)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        assert half.is_file()
        stuck.set()
        await until(lambda: not half.exists())


async def test_it_must_be_open(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    with pytest.raises(RuntimeError):
        async with scratch.folder():
            pass
