"""The worker pool with real children: what comes back, what is killed, what is left over."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from libs.contracts.errors import BeatloomError, InputMissing, Permanent, Retryable
from libs.runtime.channel import CallFailed
from libs.runtime.worker import PROGRESS_EVERY_S
from libs.runtime.workers import WorkerPool
from tests.integration.runtime import calls
from tests.paths import ROOT
from tests.processes import alive
from tests.waiting import SOON_S, until


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as pool:
        yield pool


async def started_with_grandchild(note: Path) -> tuple[int, int]:
    await until(note.exists)
    child, grandchild = (int(number) for number in note.read_text().split())
    await until(lambda: "sleep" in Path(f"/proc/{grandchild}/cmdline").read_text())
    return child, grandchild


async def test_values_come_back_from_a_child_that_stays(pool: WorkerPool) -> None:
    assert (await pool.run(calls.add, 1, 2, timeout_s=SOON_S)).value == 3
    first = await pool.run(calls.pid, timeout_s=SOON_S)
    second = await pool.run(calls.pid, timeout_s=SOON_S)
    assert first.value == second.value != os.getpid()


async def test_large_values_cross_both_ways(pool: WorkerPool) -> None:
    data = os.urandom(5_000_000)
    assert (await pool.run(calls.echo, data, timeout_s=SOON_S)).value == data


async def test_cpu_time_is_told_with_that_of_grandchildren(pool: WorkerPool) -> None:
    await pool.run(calls.add, 1, 1, timeout_s=SOON_S)
    assert 0.15 <= (await pool.run(calls.burn, 0.2, timeout_s=SOON_S)).cpu_seconds < 1.0
    assert 0.15 <= (await pool.run(calls.burn_in_a_child_of_its_own, 0.2, timeout_s=SOON_S)).cpu_seconds < 1.0
    assert (await pool.run(calls.add, 1, 1, timeout_s=SOON_S)).cpu_seconds < 0.1


async def test_progress_is_heard_in_order(pool: WorkerPool) -> None:
    heard: list[tuple[float, str]] = []
    work = await pool.run(
        calls.tell,
        4,
        1.2 * PROGRESS_EVERY_S,
        timeout_s=SOON_S,
        on_progress=lambda part, text: heard.append((part, text)),
    )
    assert work.value == "told"
    assert heard == [(0.0, "step 0"), (0.25, "step 1"), (0.5, "step 2"), (0.75, "step 3")]


async def test_chatter_is_left_out_but_never_the_first_word_of_a_call(pool: WorkerPool) -> None:
    heard: list[str] = []
    for _ in range(2):
        await pool.run(calls.tell, 1000, timeout_s=SOON_S, on_progress=lambda _, text: heard.append(text))
    assert heard[0] == "step 0" and heard.count("step 0") == 2
    assert len(heard) < 20


async def test_progress_needs_no_listener(pool: WorkerPool) -> None:
    assert (await pool.run(calls.tell, 4, timeout_s=SOON_S)).value == "told"
    assert calls.tell(2) == "told"


async def test_errors_of_ours_cross_as_themselves(pool: WorkerPool) -> None:
    with pytest.raises(Permanent) as permanent:
        await pool.run(calls.fail_permanently, timeout_s=SOON_S)
    assert (permanent.value.code, permanent.value.message) == ("not_media", "It is a poem.")
    assert permanent.value.hint == "Sing it."
    assert "fail_permanently" in "".join(permanent.value.__notes__)
    with pytest.raises(InputMissing) as missing:
        await pool.run(calls.miss_an_input, "ab" * 32, timeout_s=SOON_S)
    assert missing.value.sha256 == "ab" * 32


async def test_other_errors_are_told_with_their_traceback_and_spare_the_child(pool: WorkerPool) -> None:
    child = (await pool.run(calls.pid, timeout_s=SOON_S)).value
    with pytest.raises(CallFailed, match=r"ZeroDivisionError: (?s:.)*divide_by_zero"):
        await pool.run(calls.divide_by_zero, timeout_s=SOON_S)
    with pytest.raises(CallFailed, match="SystemExit: 3"):
        await pool.run(calls.leave, timeout_s=SOON_S)
    assert (await pool.run(calls.pid, timeout_s=SOON_S)).value == child


async def test_what_cannot_cross_is_refused_at_once(pool: WorkerPool) -> None:
    with pytest.raises((AttributeError, pickle.PicklingError), match="pickle"):  # the second from 3.14 on
        await pool.run(lambda: 1, timeout_s=SOON_S)
    with pytest.raises(CallFailed, match="pickle"):
        await pool.run(calls.give_what_cannot_cross, timeout_s=SOON_S)


async def test_a_full_disk_may_be_tried_again(pool: WorkerPool) -> None:
    with pytest.raises(Retryable) as full:
        await pool.run(calls.fill_the_disk, timeout_s=SOON_S)
    assert full.value.code == "no_space"


async def test_a_limit_on_file_size_is_inherited_and_means_a_full_disk(tmp_path: Path) -> None:
    script = f"""
import asyncio, resource
from libs.contracts.errors import Retryable
from libs.runtime.worker import PROGRESS_EVERY_S
from libs.runtime.workers import WorkerPool
from tests.integration.runtime import calls

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    async with WorkerPool(1) as pool:
        try:
            await pool.run(calls.write_until_the_limit, {str(tmp_path / "file")!r}, timeout_s=20)
        except Retryable as error:
            print(error.code)
        print((await pool.run(calls.add, 1, 2, timeout_s=20)).value)

asyncio.run(main())
"""
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.split() == ["no_space", "3"], ended.stderr


async def test_a_child_that_dies_is_replaced(pool: WorkerPool) -> None:
    with pytest.raises(Retryable) as died:
        await pool.run(calls.die, timeout_s=SOON_S)
    assert died.value.code == "unexpected"
    assert (await pool.run(calls.add, 1, 2, timeout_s=SOON_S)).value == 3


async def test_a_child_that_died_while_idle_is_replaced_unnoticed(pool: WorkerPool) -> None:
    child = (await pool.run(calls.pid, timeout_s=SOON_S)).value
    os.kill(child, signal.SIGKILL)
    await until(lambda: not alive(child))
    assert (await pool.run(calls.pid, timeout_s=SOON_S)).value != child


async def test_a_call_that_is_too_slow_is_killed_with_its_grandchild(pool: WorkerPool, tmp_path: Path) -> None:
    note = tmp_path / "note"
    await pool.run(calls.add, 1, 2, timeout_s=SOON_S)
    call = asyncio.create_task(pool.run(calls.sleep_with_a_grandchild, str(note), timeout_s=3.0))
    child, grandchild = await started_with_grandchild(note)
    with pytest.raises(Retryable) as slow:
        await call
    assert slow.value.code == "timeout"
    assert not alive(child)
    assert not alive(grandchild)
    assert (await pool.run(calls.add, 1, 2, timeout_s=SOON_S)).value == 3


@pytest.mark.parametrize("bound", [True, False], ids=["launched", "foreign"])
async def test_a_cancelled_call_is_killed_with_its_grandchild(
    pool: WorkerPool, tmp_path: Path, bound: bool
) -> None:
    note = tmp_path / "note"
    call = asyncio.create_task(pool.run(calls.sleep_with_a_grandchild, str(note), bound, timeout_s=SOON_S))
    child, grandchild = await started_with_grandchild(note)
    began = time.monotonic()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not alive(child)
    assert not alive(grandchild)
    assert time.monotonic() - began < 10.0


async def test_cancelling_twice_leaves_nothing_either(tmp_path: Path) -> None:
    note = tmp_path / "note"
    async with WorkerPool(1) as pool:
        call = asyncio.create_task(pool.run(calls.sleep_with_a_grandchild, str(note), timeout_s=SOON_S))
        child, grandchild = await started_with_grandchild(note)
        call.cancel()
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert not alive(child)
    assert not alive(grandchild)


async def test_an_error_of_the_listener_ends_the_call(pool: WorkerPool) -> None:
    def listener(part: float, text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError, match="step 0"):
        await pool.run(calls.tell, 4, timeout_s=SOON_S, on_progress=listener)
    assert (await pool.run(calls.add, 1, 2, timeout_s=SOON_S)).value == 3


async def test_no_more_calls_at_once_than_its_size() -> None:
    async with WorkerPool(1) as pool:
        first = asyncio.create_task(pool.run(time.sleep, 1.5, timeout_s=SOON_S))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(pool.run(calls.add, 1, 2, timeout_s=1.0))
        assert (await waiting).value == 3, "the wait for a free child does not count as work"
        assert first.done()


async def test_children_are_recycled_after_some_calls() -> None:
    async with WorkerPool(1, max_calls=2) as pool:
        pids = [(await pool.run(calls.pid, timeout_s=SOON_S)).value for _ in range(4)]
        assert pids[0] == pids[1] != pids[2] == pids[3]
        await until(lambda: not alive(pids[0]))


async def test_children_that_have_grown_are_recycled() -> None:
    async with WorkerPool(1, max_resident_bytes=150_000_000) as pool:
        child = (await pool.run(calls.pid, timeout_s=SOON_S)).value
        assert (await pool.run(calls.grow, 200_000_000, timeout_s=SOON_S)).value == child
        assert (await pool.run(calls.pid, timeout_s=SOON_S)).value != child


async def test_children_are_nice_and_have_one_thread(pool: WorkerPool) -> None:
    seen = (await pool.run(calls.settings_of_this_process, timeout_s=SOON_S)).value
    assert seen == {
        "nice": str(os.nice(0) + 5),
        "group": "True",
        "opencv": "1",
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "OPENCV_FOR_THREADS_NUM": "1",
    }


async def test_what_a_call_prints_goes_to_the_log(pool: WorkerPool, capfd: pytest.CaptureFixture[str]) -> None:
    async with WorkerPool(1) as own:
        await own.run(calls.print_something, timeout_s=SOON_S)
    told = capfd.readouterr()
    assert told.out == ""
    assert "this goes to the log" in told.err


async def test_a_closed_pool_has_no_children_and_takes_no_calls(tmp_path: Path) -> None:
    note = tmp_path / "note"
    async with WorkerPool(2) as pool:
        idle = (await pool.run(calls.pid, timeout_s=SOON_S)).value
        call = asyncio.create_task(pool.run(calls.sleep_with_a_grandchild, str(note), timeout_s=SOON_S))
        child, grandchild = await started_with_grandchild(note)
    assert not any(alive(pid) for pid in (idle, child, grandchild))
    refused: list[Awaitable[object]] = [call, pool.run(calls.pid, timeout_s=SOON_S)]
    for each in refused:
        with pytest.raises(BeatloomError) as closed:
            await each
        assert closed.value.code == "unexpected"


async def test_children_and_grandchildren_die_with_a_killed_parent(tmp_path: Path) -> None:
    note = tmp_path / "note"
    script = f"""
import asyncio
from libs.runtime.worker import PROGRESS_EVERY_S
from libs.runtime.workers import WorkerPool
from tests.integration.runtime import calls

async def main():
    async with WorkerPool(2) as pool:
        print((await pool.run(calls.pid, timeout_s=20)).value, flush=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(pool.run(calls.sleep_with_a_grandchild, {str(note)!r}, timeout_s=600))
            group.create_task(pool.run(calls.burn, 600, timeout_s=600))

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        child, grandchild = await started_with_grandchild(note)
        assert alive(child)
        assert alive(grandchild)
    finally:
        parent.kill()
        await parent.wait()
    await until(lambda: not alive(child) and not alive(grandchild))
    assert parent.stdout is not None
    first = int(await parent.stdout.readline())
    await until(lambda: not alive(first))
