"""Real songs with known truth become videos: whole, on the beat, with the song's own sound."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from tests.e2e.watch import cut_near, hear, lag_ms, nearest, see
from tests.faults.fleet import Client
from tests.faults.test_standalone import running_up
from tests.ports import free_port

SONGS = (
    "d01_pop_rock.mp3",
    "d04_accelerando.flac",
    "d06_ambient_to_house.m4a",
    "d12_sung_vocals.mp3",
    "d02_piano_waltz.ogg",
    "d03_swing_quartet.ogg",
    "d05_bossa.mp3",
    "d07_rubato_piano.mp3",
    "d08_folk_6_8.ogg",
    "d09_trap_half_time.mp3",
    "d10_real_sectoid_feelings.ogg",
    "d11_real_muldjord_chaos_god.mp3",
    "d13_speech_over_music.flac",
    "d14_recorded_jungle.mp3",
    "d15_recorded_laboratory.ogg",
)
QUICK = 1
"""How many of them `make test` renders; `make test-songs` renders all."""
RATES = ("30", "24", "30000/1001", "25")
SHAPES = ("16:9", "9:16", "1:1", "4:5")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The one-machine stack."""
    port = free_port()
    with running_up(tmp_path_factory.mktemp("up") / "data", port):
        yield Client(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if index < QUICK else pytest.mark.matrix) for index, name in enumerate(SONGS)],
)
def test_a_song_becomes_its_video(client: Client, testdata: Path, name: str, tmp_path: Path) -> None:
    truth = msgspec.json.decode((testdata / "audio" / "truth.json").read_bytes())[name]
    song, turn = testdata / "audio" / name, SONGS.index(name)
    rate, shape = Fraction(RATES[turn % 4]), SHAPES[turn // 2 % 4]

    job_id = client.submit(song, options={"height": 180, "fps": RATES[turn % 4], "aspect": shape, "seed": turn})
    job = client.wait_for_end(job_id, seconds=300)

    assert job["status"] == "completed", job
    video = download(client, f"/api/v1/jobs/{job_id}/download", tmp_path / "video.mp4")
    board = document(client, job_id, "storyboard.json")
    report = document(client, job_id, "report.json")
    seen = see(video)

    assert seen.even
    assert seen.rate == rate
    assert min(seen.width, seen.height) == 180
    assert abs(seen.seconds - truth["duration"]) <= 1 / rate
    assert seen.frames == board["frames"] == report["frames"]
    assert seen.light.min() > 4, "a black frame"

    cuts = [scene for scene in board["scenes"][1:] if scene["transition"]["kind"] == "cut"]
    assert len(cuts) >= 2 * (len(board["scenes"]) - 1) / 3
    for scene in cuts:
        assert abs(cut_near(seen, scene["start_frame"]) - scene["start_frame"]) <= 1, scene["id"]
    for cut in report["cuts"]:
        assert cut["found_frame"] is not None
        assert abs(cut["found_frame"] - cut["planned_frame"]) <= 1, cut

    late, alike = lag_ms(hear(video), hear(song))
    assert abs(late) <= 5
    assert alike > 0.9
    assert report["sound"]["codec"] == "aac"
    assert report["sound"]["copied"] == name.endswith(".m4a")

    if truth["tempo_stable"]:
        beats = np.array(truth["beats"])
        times = [cut["found_frame"] / float(rate) for cut in report["cuts"]]
        times = [time for time in times if time >= truth.get("eval_from", 0.0)]
        on_beat = [nearest(beats, time) <= 0.040 for time in times]
        assert np.mean(on_beat) >= 0.9, [round(1000 * nearest(beats, time)) for time in times]


def download(client: Client, path: str, to: Path) -> Path:
    """Fetch a file of a job."""
    with httpx.stream("GET", client.url + path, timeout=60) as answer:
        assert answer.status_code == 200
        with to.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
    return to


def document(client: Client, job_id: str, name: str) -> dict[str, Any]:
    """One of a job's JSON documents."""
    answer = httpx.get(f"{client.url}/api/v1/jobs/{job_id}/files/{name}", timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
