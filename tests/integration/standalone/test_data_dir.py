"""The folder of a stack: one process at a time, secrets for its owner alone, nothing left of dead renders."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from libs.contracts.errors import Permanent
from services.standalone.data_dir import DataDir, hold
from services.standalone.run_folder import KEPT_LOGS, keep_log, run_folder, stderr_into

HOLDER = """
import sys, time
from pathlib import Path
from services.standalone.data_dir import hold
with hold(Path(sys.argv[1])) as place:
    place.announce("http://127.0.0.1:1234")
    print("held", flush=True)
    time.sleep(60)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_process_holds_it_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    assert DataDir(tmp_path).running_at() == ""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert DataDir(tmp_path).running_at() == "http://127.0.0.1:1234"
        with pytest.raises(Permanent, match="data_dir_in_use"), hold(tmp_path):
            pass
        holder.kill()
    assert DataDir(tmp_path).running_at() == "", "what it announced no longer counts"
    with hold(tmp_path):
        pass


def test_secrets_are_made_once_and_are_the_owners(tmp_path: Path) -> None:
    with hold(tmp_path / "data") as place:
        first = place.secret("webhook", "whsec_")
        place.announce("http://127.0.0.1:1")
        assert first.startswith("whsec_")
        assert place.secret("webhook", "whsec_") == first
        assert place.secret("other") != first
        files = [place.secrets / "webhook", place.address_file, place.lock]
        assert [mode(path) for path in files] == [0o600] * 3
        assert mode(place.root) == 0o700


def test_a_folder_that_cant_be_used_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Permanent, match="can't be used"), hold(tmp_path / "file" / "data"):
        pass


def test_a_render_removes_its_folder_and_those_of_the_dead_but_not_those_of_the_living(tmp_path: Path) -> None:
    dead, living, young = tmp_path / "dead", tmp_path / "living", tmp_path / "young"
    for folder in (dead, living, young):
        folder.mkdir()
    (dead / "lock").touch()
    with hold(living):
        os.utime(dead, (0, 0))
        os.utime(living, (0, 0))
        with run_folder(tmp_path) as mine:
            (mine / "x").touch()
            assert {path.name for path in tmp_path.iterdir()} == {"living", "young", mine.name}
    assert {path.name for path in tmp_path.iterdir()} == {"living", "young"}


def test_the_newest_logs_of_failed_renders_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_LOGS + 3):
        run = tmp_path / f"2026-{number:02d}"
        run.mkdir()
        (run / "log").write_text(str(number))
        kept = keep_log(run / "log", tmp_path / "logs")
    assert kept.read_text() == str(KEPT_LOGS + 2)
    assert sorted(path.name for path in (tmp_path / "logs").iterdir())[0] == "2026-03.log"
    assert len(list((tmp_path / "logs").iterdir())) == KEPT_LOGS


def test_what_children_write_to_stderr_goes_to_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with stderr_into(tmp_path / "log") as real:
        subprocess.run([sys.executable, "-c", "import sys; sys.stderr.write('from a child\\n')"], check=True)
        real.write("for the person\n")
    sys.stderr.write("after\n")
    sys.stderr.flush()
    assert (tmp_path / "log").read_text() == "from a child\n"
    assert capfd.readouterr().err == "for the person\nafter\n"
