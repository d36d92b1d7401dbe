"""Scratch folders: gone after each task, swept after a crash, never taken from a living process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.generator.scratch import Scratch

HOLD = """
import sys, pathlib
from services.generator.scratch import Scratch
scratch = Scratch(pathlib.Path(sys.argv[1])); scratch.open()
with scratch.folder() as folder:
    (folder / "half").write_text("x")
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(root: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def halves(root: Path) -> int:
    return len(list(root.rglob("half")))


def test_a_task_s_folder_is_gone_after_it_also_when_it_fails(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.open()
    with pytest.raises(ValueError, match="boom"), scratch.folder() as folder:
        (folder / "half").write_text("x")
        raise ValueError("boom")
    assert halves(tmp_path) == 0
    scratch.close()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_what_a_killed_process_left_is_swept_at_the_next_start(tmp_path: Path) -> None:
    process = holder(tmp_path)
    scratch = Scratch(tmp_path)
    scratch.open()
    assert halves(tmp_path) == 1, "a living process keeps its files"
    process.kill()
    process.communicate()
    other = Scratch(tmp_path)
    other.open()
    assert halves(tmp_path) == 0
    with scratch.folder() as folder:
        assert folder.is_dir(), "our own folder is still ours"
    scratch.close()
    other.close()


def test_it_must_be_opened(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Scratch(tmp_path).folder():
        pass
