"""n8n's contract: started at once whatever the addresses do, found again, polled, fetched by a task."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from libs.bus.handler import TaskContext
from libs.contracts.errors import Permanent
from libs.contracts.facts import SourceFetched
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Fetch, Task
from services.ingest.sources import make_handlers
from tests.integration.ingest.server import Api, song
from tests.security.hosts import answer, hosting
from tests.unit.ingest.story import done


async def started(api: Api, *, status: int = 202, key: str = "", **body: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    said = await api.http.post("/api/v1/orchestrate/start", json=body, headers=headers)
    assert said.status_code == status, said.text
    found: dict[str, Any] = said.json()
    return found


async def test_it_answers_before_anything_is_fetched(api: Api) -> None:
    before = time.monotonic()
    found = await started(
        api,
        audio_url="https://nowhere.invalid/song.mp3?sig=1",
        image_url="https://nowhere.invalid/cover.jpg",
        caption="Out now",
        prompts=["neon rain", "a red coat"],
        run_id=17,
        callback_url="https://example.org/hook?id=1%2F2",
        options={"aspect": "9:16"},
        anything="that a flow has at hand",
    )
    assert time.monotonic() - before < 5
    assert set(found) == {"job_id", "status", "run_id", "status_url", "video_url"}
    assert (found["status"], found["run_id"]) == ("queued", "17")
    snapshot = await api.ledger.snapshot(found["job_id"])
    assert (snapshot.options.prompt, snapshot.options.aspect) == ("neon rain; a red coat", "9:16")
    assert snapshot.options.callback_url == "https://example.org/hook?id=1%2F2"
    status = (await api.http.get(found["status_url"])).json()
    assert (status["status"], status["stage"], status["caption"]) == ("queued", "queued", "Out now")
    video = await api.http.get(found["video_url"])
    assert (video.status_code, video.json()["code"]) == (409, "not_ready")
    assert "queued" in video.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({}, ""),
        ({"show_caption": True}, "Out now"),
        ({"show_caption": True, "options": {"title": "A Song"}}, "A Song"),
    ],
)
async def test_the_caption_is_on_the_title_card_if_asked(api: Api, fields: dict[str, Any], title: str) -> None:
    found = await started(api, audio_url="https://a.example/a.mp3", caption="Out now\n#new", **fields)
    assert (await api.ledger.snapshot(found["job_id"])).options.title == title


async def test_the_same_run_or_key_finds_the_same_job(api: Api) -> None:
    first = await started(api, audio_url="https://nowhere.invalid/a.mp3?sig=1", run_id="r1")
    again = await started(api, status=200, audio_url="https://nowhere.invalid/a.mp3?sig=2", run_id="r1")
    assert again["job_id"] == first["job_id"]
    keyed = await started(api, key="k1", audio_url="https://nowhere.invalid/a.mp3", run_id="r1")
    assert keyed["job_id"] != first["job_id"]
    same = await started(api, status=200, key="k1", audio_url="https://nowhere.invalid/a.mp3", run_id="r1")
    assert same["job_id"] == keyed["job_id"]
    other = await started(api, status=422, key="k1", audio_url="https://nowhere.invalid/b.mp3", run_id="r1")
    assert other["code"] == "idempotency_conflict"
    plain = [await started(api, audio_url="https://nowhere.invalid/a.mp3") for _ in range(2)]
    assert plain[0]["job_id"] != plain[1]["job_id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "song_missing"),
        ({"script": " \n"}, "script_empty"),
        ({"audio_url": "file:///etc/passwd"}, "bad_source_url"),
        ({"audio_url": "http://127.0.0.1/a.mp3"}, "bad_source_url"),
        ({"audio_url": "http://2130706433/a.mp3"}, "bad_source_url"),
        ({"audio_url": "https://a.example/a.mp3", "image_url": "http://[::ffff:10.0.0.1]/x.png"}, "bad_source_url"),
        ({"audio_url": "https://a.example/a.mp3", "options": {"colour": "red"}}, "bad_options"),
        ({"audio_url": "https://a.example/a.mp3", "options": {"style": "nope"}}, "bad_options"),
        ({"audio_url": "https://a.example/a.mp3", "callback_url": "gopher://x/"}, "bad_callback_url"),
        ({"audio_url": "https://a.example/a.mp3", "caption": "a\u0000b"}, "bad_options"),
        ({"audio_url": 7}, "bad_request"),
    ],
)
async def test_what_can_not_be_is_refused_with_a_code(api: Api, body: dict[str, Any], code: str) -> None:
    said = await api.http.post("/api/v1/orchestrate/start", json=body)
    assert said.json()["code"] == code, said.text
    assert 400 <= said.status_code < 500


async def test_it_is_there_at_the_root_too(api: Api) -> None:
    said = await api.http.post("/orchestrate/start", json={"audio_url": "https://a.example/a.mp3"})
    assert said.status_code == 202
    assert (await api.http.get(f"/orchestrate/status/{said.json()['job_id']}")).status_code == 200
    schema = (await api.http.get("/schema/openapi.json")).json()
    assert "/orchestrate/start" not in schema["paths"]
    assert "/api/v1/orchestrate/start" in schema["paths"]


async def test_a_job_goes_its_way_once_its_files_are_there(api: Api) -> None:
    found = await started(api, audio_url="https://a.example/a.mp3")
    job_id = found["job_id"]

    async def tell(key: str) -> dict[str, Any]:
        await api.ledger.apply(msgspec.structs.replace(done(key), job_id=job_id))
        status: dict[str, Any] = (await api.http.get(found["status_url"])).json()
        return status

    fetched = SourceFetched(song=await api.store.put_bytes(b"song", "audio/wav"), song_name="a.mp3", duration=6.0)
    fact = msgspec.structs.replace(done("analyze"), task="fetch", job_id=job_id, body=fetched)
    await api.ledger.apply(fact)
    assert (await tell("mix"))["stage"] == "analyzing"
    snapshot = await api.ledger.snapshot(job_id)
    assert (snapshot.song_name, snapshot.duration) == ("a.mp3", 6.0)
    for key in ("analyze", "plan", "animate.s001", "animate.s002", "animate.s003"):
        assert (await tell(key))["status"] == "running"
    status = await tell("compose")
    assert (status["status"], status["stage"], status["percent"], status["error"]) == (
        "completed",
        "completed",
        100.0,
        None,
    )
    assert "signature=" in status["video_url"]
    gone = await api.http.get(f"/api/v1/orchestrate/video/{job_id}")
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")


async def test_the_task_fetches_and_probes(api: Api) -> None:
    fetch = make_handlers(api.desk)["fetch"]
    async with hosting(**{"a%20song.wav": answer(body=song(6.0))}) as host:
        address = host.url("/a%20song.wav", "outside.example")

        async def run(**fields: Any) -> SourceFetched:
            body = Fetch(audio_url=address, **fields)
            task = Task(job_id="j1", run=1, task="fetch", attempt=1, owner="local", body=body)
            (fact,) = await fetch(task, TaskContext(task))
            assert isinstance(fact, SourceFetched)
            return fact

        fact = await run()
        assert (fact.song_name, fact.duration, fact.image) == ("a song.wav", 6.0, None)
        assert fact.song is not None
        assert await api.store.has(fact.song.key)
        with pytest.raises(Permanent) as caught:
            await run(image_url=address)
        assert caught.value.code == "bad_image"
        with pytest.raises(Permanent) as caught:
            await run(options=JobOptions(style="film"))
        assert caught.value.code == "bad_options"
    assert api.uploads() == []
