"""The flows beside the one-machine stack: a song of which n8n saves the video, and what else people see of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.e2e.watch import see
from tests.faults.fleet import OPTIONS, Client
from tests.n8n.conftest import MARKS, SECRET, Flows
from tests.n8n.scripted import Reply, Request, reply, scripted
from tests.ports import free_port
from tests.songs import Song, make_song
from tests.waiting import wait_until

pytestmark = MARKS

MADE_S = 300.0
Came = list[Request]


@contextmanager
def beatloom(flows: Flows, data: Path, **settings: str) -> Iterator[Client]:
    """`beatloom up` as docs/n8n.md says to start it. settings: more variables."""
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BEATLOOM_")},
        "BEATLOOM_INGEST_WEBHOOK_URL": flows.hook("job-events"),
        "BEATLOOM_INGEST_FETCH_ALLOW": "127.0.0.1",
        "BEATLOOM_NOTIFIER_SECRET": SECRET,
        "BEATLOOM_NOTIFIER_ALLOW_HOSTS": "127.0.0.1",
        "BEATLOOM_INGEST_PUBLIC_URL": f"http://127.0.0.1:{flows.backend_port}",
        "BEATLOOM_NOTIFIER_PUBLIC_URL": f"http://127.0.0.1:{flows.backend_port}",
        **settings,
    }
    argv = [sys.executable, "-m", "services.standalone", "up", "--port", str(flows.backend_port)]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(
            [*argv, "--data-dir", str(data / "beatloom")], env=environ, stdout=log, stderr=log
        )
    client = Client(f"http://127.0.0.1:{flows.backend_port}")
    try:
        wait_until(lambda: client.ready() or process.poll() is not None, seconds=120, what="the stack")
        assert process.poll() is None, (data / "log").read_text()
        yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.fixture(scope="module")
def stack(flows: Flows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One stack for all of these tests."""
    with beatloom(flows, tmp_path_factory.mktemp("stack")) as client:
        yield client


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return make_song(tmp_path_factory.mktemp("song"))


@pytest.fixture(scope="module")
def song_url(song: Song) -> Iterator[str]:
    """An address of the song."""
    port = free_port()
    with scripted(port, lambda _: Reply(200, song.path.read_bytes(), {"content-type": "audio/wav"})):
        yield f"http://127.0.0.1:{port}/song.wav"


@pytest.fixture
def events(flows: Flows) -> Iterator[Came]:
    """What the frontend has been told."""
    with scripted(flows.frontend_port, lambda _: reply(200, {"received": True})) as came:
        yield came


def told_of(events: Came, job_id: str) -> list[dict[str, Any]]:
    """The genuine events of a job."""
    found: list[dict[str, Any]] = []
    for request in events:
        event: dict[str, Any] = Webhook(SECRET).verify(request.body, dict(request.headers))
        if event["data"]["job_id"] == job_id:
            found.append(event)
    return found


def order(song_url: str, **more: object) -> dict[str, object]:
    return {"audio_url": song_url, "caption": "A post", "prompts": ["a sea"], "options": OPTIONS, **more}


def assert_video_of(song: Song, path: Path) -> None:
    seen = see(path)
    assert (seen.width, seen.height, seen.even) == (320, 180, True)
    assert abs(seen.seconds - song.seconds) <= 1 / seen.rate


SCRIPT = "The first tram leaves at five. It carries bakers, nurses and one sleepy dog."


def narrated(run_id: str) -> dict[str, object]:
    return {"script": SCRIPT, "caption": "Night shift", "prompts": ["a tram"], "run_id": run_id, "options": OPTIONS}


def saved(flows: Flows, stack: Client, job_id: str) -> Path:
    """The whole video, as n8n has saved it."""
    path = flows.n8n.files / f"{job_id}.mp4"
    wait_until(path.is_file, seconds=MADE_S, what="the video")
    video = f"{stack.url}/api/v1/orchestrate/video/{job_id}"
    truth = httpx.get(video, timeout=60, follow_redirects=True).content
    wait_until(lambda: path.read_bytes() == truth, seconds=30, what="the whole video")
    return path


def test_a_song_becomes_a_video_that_n8n_saves(
    flows: Flows, stack: Client, song: Song, song_url: str, events: Came
) -> None:
    answer = httpx.post(flows.hook("create-and-wait"), json=order(song_url, run_id="of-n8n-1"), timeout=60)
    assert answer.status_code == 202, answer.text
    accepted = answer.json()
    assert (accepted["status"], accepted["run_id"]) == ("queued", "of-n8n-1")
    job_id = accepted["job_id"]

    assert_video_of(song, saved(flows, stack, job_id))

    wait_until(lambda: bool(told_of(events, job_id)), seconds=60, what="the event at the frontend")
    (event,) = told_of(events, job_id)
    assert event["event"] == "job_completed"

    again = httpx.post(flows.hook("create-video"), json=order(song_url, run_id="of-n8n-1"), timeout=60)
    assert (again.status_code, again.json()["job_id"]) == (200, job_id)


def test_a_script_becomes_a_narrated_video_that_n8n_saves(flows: Flows, stack: Client, events: Came) -> None:
    answer = httpx.post(flows.hook("create-video"), json=narrated("told-1"), timeout=60)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    wait_until(lambda: bool(told_of(events, job_id)), seconds=MADE_S, what="the event at the frontend")
    (event,) = told_of(events, job_id)
    data = event["data"]
    assert (event["event"], data["status"], data["run_id"]) == ("job_completed", "completed", "told-1")

    again = httpx.post(flows.hook("create-and-wait"), json=narrated("told-1"), timeout=60)
    assert (again.status_code, again.json()["job_id"]) == (200, job_id)
    path = saved(flows, stack, job_id)
    seen = see(path)
    assert (seen.width, seen.height, seen.even) == (320, 180, True)
    assert Path(data["final_video_path"]).read_bytes() == path.read_bytes()
    assert len(data["video_files"]) == len(data["image_files"]) > 0
    for file in (data["voiceover_path"], *data["video_files"], *data["image_files"]):
        assert Path(file).stat().st_size > 0


def test_a_script_is_waited_for(flows: Flows, stack: Client, events: Came) -> None:
    answer = httpx.post(flows.hook("create-and-wait"), json=narrated("told-2"), timeout=60)
    assert answer.status_code == 202, answer.text
    assert see(saved(flows, stack, answer.json()["job_id"])).even


def test_a_song_that_is_uploaded_becomes_a_video(flows: Flows, stack: Client, song: Song, events: Came) -> None:
    files = {"song": ("Ein Lied.mp3", song.path.read_bytes(), "application/octet-stream")}
    data = {"options": '{"height": 180, "fps": "24", "seed": 8}'}
    answer = httpx.post(flows.hook("song-upload"), files=files, data=data, timeout=120)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    assert stack.wait_for_end(job_id, seconds=MADE_S)["status"] == "completed"
    wait_until(lambda: bool(told_of(events, job_id)), seconds=60, what="the event at the frontend")


REFUSALS: dict[str, dict[str, object]] = {
    "an option that is none": {"options": {"height": "tall"}},
    "a script that nobody can say": {"audio_url": None, "script": "🎉"},
    "a script without an end": {"audio_url": None, "script": "It was a long story. " * 2000},
    "an address that leads inside": {"audio_url": "http://169.254.169.254/song.wav"},
}


@pytest.mark.parametrize("wrong", REFUSALS)
def test_a_refusal_of_the_backend_is_the_callers(flows: Flows, stack: Client, song_url: str, wrong: str) -> None:
    body = {name: value for name, value in {**order(song_url), **REFUSALS[wrong]}.items() if value is not None}
    direct = httpx.post(f"{stack.url}/api/v1/orchestrate/start", json=body, timeout=60)
    answer = httpx.post(flows.hook("create-video"), json=body, timeout=60)
    assert 400 <= answer.status_code < 500
    assert (answer.status_code, answer.json()["code"]) == (direct.status_code, direct.json()["code"])
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_job_that_fails_is_told_and_leaves_no_video(flows: Flows, stack: Client, events: Came) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/song.wav"
    answer = httpx.post(flows.hook("create-and-wait"), json=order(nowhere), timeout=60)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    assert stack.wait_for_end(job_id)["status"] == "failed"
    wait_until(lambda: bool(told_of(events, job_id)), seconds=60, what="the event at the frontend")
    (event,) = told_of(events, job_id)
    assert event["event"] == "job_failed"
    assert not (flows.n8n.files / f"{job_id}.mp4").exists()
