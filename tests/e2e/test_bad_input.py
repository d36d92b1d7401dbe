"""What a hostile or tired person sends, to the command line and to a stack that is kept running.

Each is refused within seconds, with exit code 2 or a problem of 4xx, a stable code and a next step. No child and no
file is left, and the jobs of others go on.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import wave
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.contracts.codes import CODES
from tests.e2e.home import Home
from tests.faults.fleet import Client
from tests.processes import descendants
from tests.songs import Song, make_song

SECONDS = 10.0
"""What "within seconds" means on a machine that is busy with other tests."""


Place = Callable[[Path], Path]


def holding(data: bytes, name: str = "in.mp3") -> Place:
    """A file with these bytes."""

    def put(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return put


def _huge(folder: Path) -> Path:
    path = folder / "in.mp3"
    with path.open("wb") as file:
        file.truncate(200_000_001)
    return path


def _sound(folder: Path, seconds: float, rate: int) -> Path:
    path = folder / "in.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(round(seconds * rate) * 2))
    return path


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "in.mp3")
    return folder / "in.mp3"


def _loop(folder: Path) -> Path:
    (folder / "in.mp3").symlink_to("in.mp3")
    return folder / "in.mp3"


def _folder(folder: Path) -> Path:
    (folder / "in.mp3").mkdir()
    return folder / "in.mp3"


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that says it is `side` pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


SENT: dict[str, tuple[Place, str]] = {
    "empty": (holding(b""), "empty_file"),
    "text": (holding(b"la la la\n" * 99), "not_media"),
    "a program": (holding(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 9), "not_media"),
    "an archive": (holding(b"PK\x03\x04" + bytes(range(256)) * 9), "not_media"),
    "a page": (holding(b"<!DOCTYPE html><audio src='http://127.0.0.1:9/a.mp3'>"), "unsafe_media"),
    "a playlist": (holding(b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n"), "unsafe_media"),
    "a list to join": (holding(b"ffconcat version 1.0\nfile '/etc/passwd'\n"), "unsafe_media"),
    "a manifest": (holding(b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>'), "unsafe_media"),
    "a session": (holding(b"v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n"), "unsafe_media"),
    "too large": (_huge, "file_too_large"),
    "too short": (lambda folder: _sound(folder, 4.9, 8000), "song_too_short"),
    "too long": (lambda folder: _sound(folder, 901, 8000), "song_too_long"),
}
"""Songs that neither door takes."""

LOCAL: dict[str, Place] = {
    "missing": lambda folder: folder / "in.mp3",
    "a folder": _folder,
    "a pipe": _pipe,
    "a device": lambda _: Path("/dev/zero"),
    "a loop of links": _loop,
}
"""Paths that name no file."""


@dataclass
class Stack:
    """A stack that is kept running, and somebody's job in it."""

    pid: int
    client: Client
    job: str
    scratch: Path

    def files(self) -> set[Path]:
        """Uploads in work."""
        return {path for path in (self.scratch / "ingest").rglob("*") if path.is_file() and path.name != "lock"}


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return make_song(tmp_path_factory.mktemp("song"))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, song: Song) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("stack")
    with Home(root).start("up", "--port", "0", "--data-dir", root / "data") as process:
        assert process.stdout is not None
        try:
            client = Client(process.stdout.readline().split()[4])
            job = client.submit(song.path, options={"height": 180, "fps": "12", "seed": 3})
            yield Stack(pid=process.pid, client=client, job=job, scratch=root / "data" / "scratch")
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def sent(
    stack: Stack, song: Path, options: str = "{}", along: Mapping[str, tuple[str, bytes]] = {}
) -> httpx.Response:
    with song.open("rb") as file:
        return httpx.post(
            f"{stack.client.url}/api/v1/jobs",
            files={"song": (song.name, file), **along},
            data={"options": options},
            timeout=60,
        )


def assert_refused(stack: Stack, answer: httpx.Response, code: str, began: float) -> None:
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (CODES[code].status, code)
    assert told["hint"] and told["detail"]
    assert "Traceback" not in answer.text
    assert time.monotonic() - began < SECONDS
    assert stack.files() == set()


@pytest.mark.parametrize("kind", SENT)
def test_a_stack_refuses(stack: Stack, tmp_path: Path, kind: str) -> None:
    put, code = SENT[kind]
    path = put(tmp_path)
    began = time.monotonic()
    assert_refused(stack, sent(stack, path), code, began)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ('{"fps":"30/0"}', "bad_options"),
        ('{"fps":"nan"}', "bad_options"),
        ('{"height":1e99}', "bad_options"),
        ('{"aspect":"3:2"}', "bad_options"),
        ('{"hieght":360}', "bad_options"),
        ('{"prompt":"a\\u0000b"}', "bad_options"),
        ("[" * 20_000, "bad_options"),
        ('{"callback_url":"file:///etc/passwd"}', "bad_callback_url"),
        ('{"callback_url":"http://169.254.169.254/"}', "bad_callback_url"),
    ],
)
def test_a_stack_refuses_options(stack: Stack, song: Song, options: str, code: str) -> None:
    began = time.monotonic()
    assert_refused(stack, sent(stack, song.path, options), code, began)


@pytest.mark.parametrize(
    ("part", "data", "code"),
    [
        ("image", bomb(50_000), "image_too_large"),
        ("image", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "bad_image"),
        ("image", b"GIF89a" + bytes(99), "bad_image"),
        ("image", b"II*\0" + bytes(99), "bad_image"),
        ("lyrics", b"\x7fELF" + bytes(range(256)), "bad_lyrics"),
        ("lyrics", b"la " * 70_000, "file_too_large"),
        ("else", b"x", "bad_request"),
    ],
)
def test_a_stack_refuses_what_comes_along(stack: Stack, song: Song, part: str, data: bytes, code: str) -> None:
    began = time.monotonic()
    assert_refused(stack, sent(stack, song.path, along={part: ("../../$(x)", data)}), code, began)


def test_the_job_of_another_is_made_meanwhile(stack: Stack) -> None:
    """Runs behind the refusals: whatever they were, they are no jobs, and this one is not hurt."""
    assert stack.client.wait_for_end(stack.job)["status"] == "completed"
    listed = httpx.get(f"{stack.client.url}/api/v1/jobs", timeout=30).json()["jobs"]
    assert [job["job_id"] for job in listed] == [stack.job]


@pytest.mark.parametrize("kind", ["empty", "a program", "a list to join", "too large", "too long", *LOCAL])
def test_render_refuses(home: Home, kind: str) -> None:
    put, code = SENT[kind] if kind in SENT else (LOCAL[kind], "not_found")
    path = put(home.cwd)
    before = sorted(home.cwd.iterdir())
    began = time.monotonic()
    process = home.start("render", path, "--json")
    children = set()
    while process.poll() is None and time.monotonic() - began < SECONDS:
        children |= descendants(process.pid)
        time.sleep(0.05)
    process.kill()
    out, err = process.communicate()
    assert process.returncode == 2, err
    told = json.loads(out)
    assert (told["status"], told["video"], told["error"]["code"]) == ("refused", None, code)
    assert f"({code})\nhint: " in err
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert sorted(home.cwd.iterdir()) == before
    assert home.renders() == []


def test_a_name_that_is_no_text_is_told(home: Home) -> None:
    done = home.run("render", os.fsdecode(b"\xff\x1b.mp3"), "--json")
    assert done.returncode == 2
    assert "\udcff" in json.loads(done.stdout)["error"]["message"]
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_matter(home: Home, closed: str) -> None:
    """Else the next file to be opened would take its number, and what is printed would go there."""
    words = [sys.executable, "-m", "services.standalone", "render", "missing.mp3"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words], capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: The song missing.mp3") or "2>" in closed


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3, 0.6])
def test_ctrl_c_in_the_first_moment_is_quiet(home: Home, song: Song, seconds: float) -> None:
    process = home.start("render", song.path)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    site = process.returncode == 1 and "Failed to import the site module" in err
    before_us = site or (err.count("services/standalone") == 1 and "import signal" in err)
    assert before_us or process.returncode in (130, -signal.SIGINT), err
    assert before_us or "services/standalone" not in err, "a traceback out of our own modules"
    assert out == ""
    assert home.renders() == []
