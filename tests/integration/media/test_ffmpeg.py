"""ffmpeg as a process: errors out, nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from libs.contracts.errors import Permanent, Retryable
from libs.media.ffmpeg import ToolFailed, find_ffmpeg, run_ffmpeg
from libs.runtime.spawn import Limits

ENDLESS = ("-f", "lavfi", "-re", "-i", "testsrc=s=64x48")


def _running(mark: str) -> list[str]:
    """Command lines of living processes that hold `mark`."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = line.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in text and "ffmpeg" in text:
            found.append(text)
    return found


async def test_a_failure_carries_the_end_of_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed) as failed:
        await run_ffmpeg(["-i", str(tmp_path / "no such file"), str(tmp_path / "out.mp4")], timeout_s=20)
    assert failed.value.code == "media_tool_failed"
    assert "No such file" in failed.value.detail and len(failed.value.detail) <= 4096


async def test_timeout_and_cancel_kill_at_once(tmp_path: Path) -> None:
    with pytest.raises(Retryable) as late:
        await run_ffmpeg([*ENDLESS, str(tmp_path / "a.mp4")], timeout_s=0.5)
    assert late.value.code == "timeout"
    assert _running(str(tmp_path)) == []
    work = asyncio.create_task(run_ffmpeg([*ENDLESS, str(tmp_path / "b.mp4")], timeout_s=60))
    await asyncio.sleep(0.5)
    work.cancel()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert _running(str(tmp_path)) == []


async def test_limits_and_progress(tmp_path: Path) -> None:
    told: list[float] = []
    args = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=3", str(tmp_path / "a.mp4")]
    ran = await run_ffmpeg(args, timeout_s=30, on_progress=told.append)
    await asyncio.sleep(0)
    assert ran.cpu_seconds > 0 and told and told[-1] == pytest.approx(3, abs=0.2)
    with pytest.raises(Retryable) as full:
        await run_ffmpeg(args, timeout_s=30, limits=Limits(file_size=1000))
    assert full.value.code == "no_space"


def test_which_ffmpeg(tmp_path: Path) -> None:
    wheel = find_ffmpeg()
    assert find_ffmpeg(str(wheel)) == wheel
    with pytest.raises(Permanent) as missing:
        find_ffmpeg(str(tmp_path / "ffmpeg"))
    assert missing.value.code == "tool_missing"
    poor = tmp_path / "poor"
    poor.write_text("#!/bin/sh\nexit 0\n")
    poor.chmod(0o755)
    with pytest.raises(Permanent, match=r"lacks.*libx264"):
        find_ffmpeg(str(poor))
