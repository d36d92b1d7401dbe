"""Foreign programs under the launcher: bound to their parent, limited, ended with all that they started."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from libs.contracts.errors import Permanent
from libs.runtime import spawn
from libs.runtime.spawn import Limits
from tests.paths import ROOT
from tests.processes import alive
from tests.waiting import SOON_S, until


async def output(argv: list[str], limits: Limits | None = None) -> tuple[int, str, str]:
    process = await spawn.start(argv, limits=limits, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    async with asyncio.timeout(SOON_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_arguments_arrive_as_they_are() -> None:
    odd = ["a b", "$(touch x)", "'\"", "--", "-n\n", "../ü"]
    code, out, _ = await output([sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *odd])
    assert (code, out.strip()) == (0, ascii(odd))


async def test_the_exit_code_comes_through() -> None:
    assert (await output([sys.executable, "-c", "raise SystemExit(7)"]))[0] == 7


async def test_a_missing_program_is_told_before_anything_starts() -> None:
    with pytest.raises(Permanent) as missing:
        await spawn.start(["there-is-no-such-program"])
    assert missing.value.code == "tool_missing"


async def test_limits_and_niceness() -> None:
    code = (
        "import os, resource as r; print(os.nice(0), *(r.getrlimit(k)[0] for k in (r.RLIMIT_CPU, r.RLIMIT_FSIZE)))"
    )
    plain = (await output([sys.executable, "-c", code]))[1].split()
    limits = Limits(cpu_seconds=9, file_size=1 << 16, nice=3)
    limited = (await output([sys.executable, "-c", code], limits))[1].split()
    assert limited == [str(int(plain[0]) + 3), "9", str(1 << 16)]


async def test_a_limit_of_memory_holds() -> None:
    code, _, err = await output([sys.executable, "-c", "bytes(1 << 30)"], Limits(address_space=500 << 20))
    assert code == 1
    assert "MemoryError" in err


async def test_a_limit_of_file_size_is_an_error_that_the_program_can_tell(tmp_path: Path) -> None:
    argv = ["dd", "if=/dev/zero", f"of={tmp_path / 'file'}", "bs=64k", "count=4"]
    code, _, err = await output(argv, Limits(file_size=1 << 16))
    assert code == 1
    assert "File too large" in err


async def test_signals_that_python_ignores_are_restored() -> None:
    code, out, _ = await output(["sh", "-c", "yes | head -n 1; true"])
    assert (code, out) == (0, "y\n")
    process = await spawn.start(["yes"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    process.stdout._transport.close()  # type: ignore[attr-defined]  # there is no public way to close a pipe early
    async with asyncio.timeout(SOON_S):
        assert await process.wait() == -13


async def test_end_waits_for_an_orderly_exit_within_the_grace() -> None:
    code = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(5))\nprint(flush=True)\ntime.sleep(600)"
    process = await spawn.start([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    await spawn.end(process, grace_s=SOON_S)
    assert process.returncode == 5


@pytest.mark.parametrize("grace_s", [0.0, 0.3])
async def test_end_kills_what_does_not_go_and_what_it_started(tmp_path: Path, grace_s: float) -> None:
    script = (
        f"trap '' TERM; sleep 600 & echo $! > {tmp_path}/part; mv {tmp_path}/part {tmp_path}/pid; sleep 600; wait"
    )
    process = await spawn.start(["sh", "-c", script])
    await until((tmp_path / "pid").exists)
    grandchild = int((tmp_path / "pid").read_text())
    await spawn.end(process, grace_s=grace_s)
    assert process.returncode == -9
    await until(lambda: not alive(grandchild))
    await spawn.end(process)


@pytest.mark.parametrize("how", ["start", "start_in_child"])
async def test_a_program_dies_with_its_killed_parent(how: str) -> None:
    call = f"spawn.{how}(['sleep', '600'])"
    script = f"""
import asyncio, time
from libs.runtime import spawn

async def main():
    process = {"await " + call if how == "start" else call}
    print(process.pid, flush=True)
    time.sleep(600)

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    try:
        pid = int(await parent.stdout.readline())
        await until(
            lambda: Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/usr/bin/sleep") or not alive(pid)
        )
        assert alive(pid)
    finally:
        parent.kill()
        await parent.wait()
    await until(lambda: not alive(pid))


async def test_a_launcher_whose_parent_is_gone_does_not_start_the_program() -> None:
    argv = spawn.command(["echo", "started"])
    argv[argv.index("--") - 5] = "1"
    ended = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=SOON_S)
    assert (ended.returncode, ended.stdout) == (1, "")
