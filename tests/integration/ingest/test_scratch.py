"""Room for uploads: nothing stays behind, not even after kill -9, and nobody else's is touched."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.ingest.scratch import open_room

HOLDER = """
import sys
from pathlib import Path
from services.ingest.scratch import open_room
with open_room(Path(sys.argv[1])) as room:
    (room.path / "half a song").write_bytes(b"x" * 1000)
    print(room.path, flush=True)
    sys.stdin.read()
"""


def holder(scratch: Path) -> tuple["subprocess.Popen[str]", Path]:
    """Another process with a room of its own, and its folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(scratch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    return child, Path(child.stdout.readline().strip())


def ended(child: "subprocess.Popen[str]") -> None:
    child.communicate()


def test_what_a_killed_process_left_is_removed_and_the_living_are_spared(tmp_path: Path) -> None:
    dead, dead_folder = holder(tmp_path)
    alive, alive_folder = holder(tmp_path)
    assert dead_folder.is_dir() and alive_folder.is_dir()
    dead.send_signal(signal.SIGKILL)
    ended(dead)
    assert (dead_folder / "half a song").is_file(), "it had no chance to clean up"
    with open_room(tmp_path) as room:
        assert room.path.is_dir()
        assert not dead_folder.exists()
        assert (alive_folder / "half a song").is_file()
    assert not room.path.exists()
    ended(alive)
    assert not alive_folder.exists(), "it cleaned up itself"


async def test_a_folder_goes_with_its_request(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        with pytest.raises(KeyError):
            async with room.folder() as folder:
                (folder / "song").write_bytes(b"x")
                (folder / "deeper").mkdir()
                raise KeyError
        assert not folder.exists()
