"""Scripts over HTTP: ordered in three ways, followed, downloaded, told again as a project."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from libs.contracts.artifacts import Blob
from libs.contracts.facts import ScoreRendered
from libs.contracts.messages import Progress
from libs.contracts.scripts import Script
from libs.contracts.tasks import Animate, Fetch, Mix, Plan, Score, Task, TaskBody, Voice
from services.ingest import tables as t
from tests.integration.ingest.flow import SONG, VIDEO, happened, put
from tests.integration.ingest.server import Api, picture
from tests.integration.ingest.test_api_editing import Project
from tests.integration.ingest.test_api_jobs import problem
from tests.integration.ingest.told import (
    MANIFEST,
    SCENES,
    VOICEOVER,
    WORDS,
    bed_heard,
    composed,
    directed,
    drawn,
    spoken,
    told,
)
from tests.unit.ingest.story import broke

TEXT = "Once upon a time. There was a sea."


async def ordered(api: Api, *, status: int = 202, key: str = "", **body: Any) -> str:
    """POST a job as JSON; its id."""
    headers = {"Idempotency-Key": key} if key else {}
    answer = await api.http.post("/api/v1/jobs", json={"script": TEXT, **body}, headers=headers)
    assert answer.status_code == status, answer.text
    return str(answer.json()["job_id"])


async def started(api: Api, **body: Any) -> str:
    """The same by n8n's contract."""
    answer = await api.http.post("/orchestrate/start", json={"script": TEXT, **body})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def uploaded(api: Api, part: str, name: str, data: bytes) -> str:
    """The id of an upload."""
    (found,) = (await api.http.post("/api/v1/uploads", files={part: (name, data)})).json()["uploads"]
    return str(found["upload_id"])


async def due(api: Api, job_id: str) -> dict[str, TaskBody]:
    """What the job has ordered, by key."""
    query = sa.select(t.tasks.c.message).where(t.tasks.c.job_id == job_id)
    async with api.database.read() as connection:
        found = [msgspec.json.decode(text, type=Task) for text in (await connection.execute(query)).scalars()]
    return {task.task: task.body for task in found}


async def script_of(api: Api, job_id: str) -> Script:
    """The document that the voice is given."""
    voice = (await due(api, job_id))["voice"]
    assert isinstance(voice, Voice)
    data = await api.store.get_bytes(voice.script.key)
    assert data is not None
    return msgspec.json.decode(data, type=Script)


async def job(api: Api, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.http.get(f"/api/v1/jobs/{job_id}")).json()
    return found


async def test_a_script_as_json(api: Api) -> None:
    job_id = await ordered(api, prompts=["a sea", ""], language="en-GB", options={"voice": "x", "speed": 1.1})
    assert await script_of(api, job_id) == Script(text=TEXT, prompts=("a sea", ""), language="en")
    assert list(await due(api, job_id)) == ["voice"]
    found = await job(api, job_id)
    assert (found["status"], found["doing"], found["narrated"]) == ("analyzing", "reading the script aloud", True)
    assert found["song_name"] == "Once upon a time. There was a sea"
    assert 1 < found["duration"] < 6
    (listed,) = (await api.http.get("/api/v1/jobs")).json()["jobs"]
    assert (listed["narrated"], listed["doing"]) == (True, "reading the script aloud")
    with_song = await api.http.post("/api/v1/jobs", files={"song": ("a.wav", SONG)})
    assert (await job(api, with_song.json()["job_id"]))["narrated"] is False


@pytest.mark.parametrize("bed", [False, True])
async def test_a_script_as_a_form(api: Api, bed: bool) -> None:
    files: dict[str, Any] = {
        "script": ("text.txt", TEXT.encode()),
        "prompts": (None, json.dumps(["a sea"])),
        "language": (None, "en"),
        "options": (None, json.dumps({"height": 360})),
        "image": ("a.png", picture()),
    }
    files |= {"song": ("bed.wav", SONG)} if bed else {}
    answer = await api.http.post("/api/v1/jobs", files=files)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    assert await script_of(api, job_id) == Script(text=TEXT, prompts=("a sea",), language="en")
    assert set(await due(api, job_id)) == ({"voice", "analyze"} if bed else {"voice"})
    assert api.uploads() == []


async def test_music_and_picture_by_upload_and_by_address(api: Api) -> None:
    audio = await uploaded(api, "audio", "bed.wav", SONG)
    job_id = await ordered(api, audio_upload_id=audio)
    assert set(await due(api, job_id)) == {"voice", "analyze"}
    job_id = await ordered(api, audio_url="https://a.example/bed.mp3", image_url="https://a.example/a.png")
    fetch = (await due(api, job_id))["fetch"]
    assert isinstance(fetch, Fetch)
    assert (fetch.audio_url, fetch.lyrics) == ("https://a.example/bed.mp3", True)
    image = await uploaded(api, "image", "a.png", picture())
    job_id = await ordered(api, image_upload_id=image)
    await spoken(api, job_id)
    plan = (await due(api, job_id))["plan"]
    assert isinstance(plan, Plan)
    assert plan.image is not None


async def test_the_same_order_finds_the_same_job(api: Api) -> None:
    first = await ordered(api, key="k")
    assert await ordered(api, key="k", status=200) == first
    other = await api.http.post("/api/v1/jobs", json={"script": "Other."}, headers={"Idempotency-Key": "k"})
    assert problem(other) == (422, "idempotency_conflict")
    seeds = {(await api.ledger.snapshot(one)).options.seed for one in (first, await ordered(api, script="Other."))}
    assert len(seeds) == 1, "a sentence that is mended changes no other scene"
    assert (await api.ledger.snapshot(await ordered(api, options={"seed": 5}))).options.seed == 5


async def test_what_can_not_be_told_is_refused(api: Api) -> None:
    cases: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"script": ""}, (400, "song_missing")),
        ({"script": " "}, (422, "script_empty")),
        ({"script": "\U0001f600"}, (422, "script_empty")),
        ({"script": "word " * 10_000}, (422, "script_too_long")),
        ({"script": "x" * 200_001}, (422, "bad_script")),
        ({"script": 5}, (400, "bad_request")),
        ({"script": "A.", "prompts": "a sea"}, (400, "bad_request")),
        ({"script": "A.", "lyrics": "la la"}, (400, "bad_request")),
        ({"script": "A.", "options": {"voice": "x" * 101}}, (422, "bad_options")),
        ({"script": "A.", "options": {"style": "film"}}, (422, "bad_options")),
        ({"script": "A.", "options": {"music": "x" * 1001}}, (422, "bad_options")),
        (
            {"script": "A.", "options": {"music": "calm"}, "audio_url": "https://a.example/a.mp3"},
            (422, "bad_options"),
        ),
        ({"audio_url": "https://a.example/a.mp3", "options": {"music": "calm"}}, (422, "bad_options")),
        ({"script": "A.", "audio_url": "http://10.0.0.1/a.mp3"}, (422, "bad_source_url")),
    ]
    for body, expected in cases:
        assert problem(await api.http.post("/api/v1/jobs", json=body)) == expected
    assert (await api.http.get("/api/v1/jobs")).json()["jobs"] == []


async def test_forms_that_can_not_be_told_are_refused(api: Api) -> None:
    cases: list[tuple[dict[str, bytes], tuple[int, str]]] = [
        ({"script": b"\xff\xfe"}, (422, "bad_script")),
        ({"script": b""}, (422, "script_empty")),
        ({"script": b"A word.", "lyrics": b"la la"}, (400, "bad_request")),
        ({"script": b"x" * 800_001}, (413, "file_too_large")),
        ({"prompts": b"a sea"}, (400, "song_missing")),
        ({"song": SONG, "options": b'{"music": "calm"}'}, (422, "bad_options")),
        ({"song": SONG, "script": b"A word.", "options": b'{"music": "calm"}'}, (422, "bad_options")),
    ]
    for files, expected in cases:
        parts = {name: (f"{name}.txt", data) for name, data in files.items()}
        assert problem(await api.http.post("/api/v1/jobs", files=parts)) == expected
    assert api.uploads() == []


async def test_an_empty_script_beside_a_song_is_none(api: Api) -> None:
    files = {"song": ("a.wav", SONG), "script": ("s.txt", b""), "lyrics": ("l.txt", b"la la la")}
    answer = await api.http.post("/api/v1/jobs", files=files)
    assert set(await due(api, answer.json()["job_id"])) == {"analyze", "mix"}


async def test_n8n_gives_each_scene_its_prompt(api: Api) -> None:
    body = {"prompts": ["a sea", "a ship"], "caption": "Out now\n#new", "show_caption": True, "run_id": "r1"}
    job_id = await started(api, **body)
    assert (await script_of(api, job_id)).prompts == ("a sea", "a ship")
    options = (await api.ledger.snapshot(job_id)).options
    assert (options.prompt, options.title) == ("", "Out now")
    assert (await job(api, job_id))["song_name"] == "Out now"
    again = await api.http.post("/orchestrate/start", json={"script": TEXT, **body})
    assert (again.status_code, again.json()["job_id"]) == (200, job_id)
    about_all = await started(api, prompts="a sea", audio_url="https://a.example/bed.mp3")
    assert (await script_of(api, about_all)).prompts == ()
    assert (await api.ledger.snapshot(about_all)).options.prompt == "a sea"
    assert set(await due(api, about_all)) == {"voice", "fetch"}


async def test_n8n_is_told_what_can_not_be(api: Api) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"script": "\U0001f680 \U0001f525", "audio_url": "https://a.example/a.mp3"}, "script_empty"),
        ({"script": "a word " * 30_000}, "bad_script"),
        ({"script": "a word " * 10_000}, "script_too_long"),
        ({"language": "German!"}, "bad_options"),
        ({"prompts": ["a\u0000b"]}, "bad_options"),
        ({"prompts": ["x"] * 1001}, "bad_options"),
        ({"options": {"style": "film"}}, "bad_options"),
        ({"options": {"speed": 3}}, "bad_options"),
        ({"image_url": "http://10.0.0.1/x.png"}, "bad_source_url"),
        ({"script": ["A word."]}, "bad_request"),
    ]
    for body, code in cases:
        said = await api.http.post("/orchestrate/start", json={"script": TEXT, **body})
        assert said.json()["code"] == code, said.text


async def test_its_files_are_named_and_signed(api: Api) -> None:
    job_id = await started(api)
    files = f"/api/v1/jobs/{job_id}/files"
    await spoken(api, job_id)
    assert (await api.http.get(f"{files}/voiceover.mp3")).content == VOICEOVER
    assert problem(await api.http.get(f"{files}/stitched_subtitled.mp4")) == (404, "not_found")
    await directed(api, job_id)
    await drawn(api, job_id)
    await composed(api, job_id)
    expected = {
        "stitched_subtitled.mp4": VIDEO,
        "voiceover.mp3": VOICEOVER,
        "manifest.json": MANIFEST,
        "images/s001.jpg": b"s001",
        "clips/s001.mp4": f"clip of {job_id} animate.s001".encode(),
    }
    listed = {one["name"]: one["link"] for one in (await api.http.get(files)).json()["files"]}
    assert list(listed)[-1] == "stitched_subtitled.mp4"
    links = (await api.http.post(f"/api/v1/jobs/{job_id}/links")).json()["links"]
    signed = {one["name"]: one["url"] for one in links}
    assert signed.keys() == listed.keys() > expected.keys()
    for name, data in expected.items():
        assert listed[name] == f"{files}/{name}"
        assert (await api.http.get(listed[name])).content == data
        assert (await api.http.get(signed[name])).content == data
        assert problem(await api.http.get(signed[name].replace("signature=", "signature=x"))) == (
            403,
            "bad_signature",
        )
    status = (await api.http.get(f"/orchestrate/status/{job_id}")).json()
    assert "/files/stitched_subtitled.mp4?" in status["video_url"]
    for path in (status["video_url"], f"/api/v1/jobs/{job_id}/download", f"/orchestrate/video/{job_id}"):
        answer = await api.http.get(path)
        assert (answer.status_code, answer.content) == (200, VIDEO)
    assert "There was a sea.beatloom.mp4" in answer.headers["content-disposition"]


async def test_it_says_what_it_does(api: Api) -> None:
    job_id = await ordered(api)
    progress = Progress(job_id=job_id, run=1, task="voice", attempt=1, fraction=0.5, message="spoke 1 of 2")
    api.front.hub.board.take(progress)
    assert (await job(api, job_id))["percent"] == 2.0
    await happened(api, job_id, "voice", broke("voice", code="voice_unavailable").body)
    await told(api, job_id)
    assert (await job(api, job_id))["duration"] == 20.0
    events = await api.ledger.events(job_id, after=0)
    said = [json.loads(row.data).get("message", row.name) for row in events]
    assert said[2] == "Speaking the script is tried again: voice broke."
    assert said[-1] == "completed"


async def test_a_voice_that_can_not_be_had_fails_the_job_and_a_retry_goes_on(api: Api) -> None:
    job_id = await started(api)
    fact = broke("voice", code="voice_unknown", retryable=False).body
    await happened(api, job_id, "voice", fact)
    status = (await api.http.get(f"/orchestrate/status/{job_id}")).json()
    assert (status["status"], status["error"]["code"]) == ("failed", "voice_unknown")
    assert (await api.http.post(f"/api/v1/jobs/{job_id}/retry")).status_code == 202
    await spoken(api, job_id, run=2)
    await directed(api, job_id, run=2)
    assert (await job(api, job_id))["status"] == "generating"


@pytest.fixture
async def project(api: Api) -> Project:
    """What a script was told as, with music under it."""
    audio = await uploaded(api, "audio", "bed.wav", SONG)
    job_id = await ordered(api, audio_upload_id=audio, options={"voice": "v", "speed": 1.2, "title": "Tides"})
    await told(api, job_id, bed=True)
    return Project(api, (await api.ledger.snapshot(job_id)).project_id)


async def test_a_told_project_is_read(project: Project) -> None:
    found = (await project.api.http.get(project.path)).json()
    assert (found["songName"], found["duration"], found["scenesShown"]) == ("Tides", 20.0, 4)
    assert found["script"]["mediaType"] == "application/json"
    (listed,) = (await project.api.http.get("/api/v1/projects")).json()["projects"]
    assert listed["script"] == found["script"]
    timeline = await project.get("timeline")
    assert tuple(word["text"] for word in timeline["words"]) == WORDS
    assert [scene["id"] for scene in timeline["scenes"]] == list(SCENES)
    assert (timeline["duration"], timeline["beats"]) == (20.0, [])
    assert [scene["take"]["stale"] for scene in timeline["scenes"]] == [[]] * 4


async def test_its_cuts_beats_and_song_are_the_voices(project: Project) -> None:
    narrated = (409, "narrated")
    assert await project.code("PATCH", "storyboard", {"moves": [{"scene": "s001", "frame": 141}]}) == narrated
    assert await project.code("POST", "grid", {"correction": {"kind": "double"}}) == narrated
    assert await project.code("POST", "scenes/s001/split", {}) == narrated
    assert await project.code("POST", "scenes/s001/merge") == narrated
    assert await project.code("POST", "scenes/reorder", {"order": list(SCENES)}) == narrated
    for field, upload in (("song", SONG), ("lyrics", b"la la")):
        part = {"song": "audio"}.get(field, field)
        upload_id = await uploaded(project.api, part, f"{part}.wav", upload)
        answer = await project.api.http.patch(project.path, json={field: upload_id}, headers={"If-Match": '"1"'})
        assert problem(answer) == narrated
    assert project.version == 1
    scene = await project.done("PATCH", "scenes/s001", {"prompt": "rain"})
    assert scene["prompt"] == "rain"


async def test_a_new_take_and_an_export_of_it(project: Project) -> None:
    api = project.api
    job_id = (await project.done("POST", "scenes/s001/generate", {}))["job_id"]
    (take,) = (await due(api, job_id)).values()
    assert isinstance(take, Animate)
    assert (take.own_clock, take.shot.scene.id) == (True, "s001")
    (export,) = (await project.done("POST", "export", {}))["exports"]
    job_id = export["job_id"]
    bodies = await due(api, job_id)
    assert set(bodies) == {"mix", "compose"}
    voice = (await api.ledger.snapshot(job_id)).options
    assert (voice.voice, voice.speed, voice.title) == ("v", 1.2, "Tides")
    await composed(api, job_id)
    found = await api.http.get(f"/api/v1/jobs/{job_id}/files/voiceover.mp3")
    assert found.content == VOICEOVER


async def test_it_is_planned_anew_with_the_same_voice(project: Project) -> None:
    api = project.api
    job_id = (await project.done("POST", "storyboard", {}))["job_id"]
    bodies = await due(api, job_id)
    assert set(bodies) == {"voice"}, "what was said is found by its digest; the music is known"
    await spoken(api, job_id)
    plan = (await due(api, job_id))["plan"]
    assert isinstance(plan, Plan)
    assert plan.bed is not None
    assert plan.script is not None
    await directed(api, job_id)
    assert (await job(api, job_id))["status"] == "completed"
    again: httpx.Response = await api.http.post(f"{project.path}/video", json={})
    assert set(await due(api, again.json()["job_id"])) >= {"mix"}


async def test_all_that_was_sent_and_made_is_kept(project: Project) -> None:
    api = project.api
    query = sa.select(t.references.c.sha256)
    async with api.database.read() as connection:
        kept = set((await connection.execute(query)).scalars())
    for data in (b"a sentence", VOICEOVER, MANIFEST, b"s001"):
        blob: Blob = await api.store.put_bytes(data, "x/y")
        assert blob.sha256 in kept
    found = (await api.http.get(project.path)).json()
    assert found["script"]["sha256"] in kept


async def test_a_project_keeps_the_music_that_was_made_for_it(api: Api) -> None:
    job_id = await ordered(api, options={"music": "calm piano"})
    await spoken(api, job_id)
    score = (await due(api, job_id))["score"]
    assert isinstance(score, Score)
    assert (score.prompt, score.seconds) == ("calm piano", 30.0)
    sound = await put(api, SONG, "audio/flac")
    fact = ScoreRendered(sound=sound, seconds=30.0, workflow="ace-step", backend="comfyui", seed=score.seed)
    await happened(api, job_id, "score", fact)
    await told(api, job_id, bed=True)
    project = Project(api, (await api.ledger.snapshot(job_id)).project_id)
    (export,) = (await project.done("POST", "export", {}))["exports"]
    mix = (await due(api, export["job_id"]))["mix"]
    assert isinstance(mix, Mix)
    assert mix.narrated is not None
    assert mix.narrated.bed == sound
    anew = (await project.done("POST", "storyboard", {}))["job_id"]
    assert set(await due(api, anew)) == {"voice"}
    assert (await api.ledger.snapshot(anew)).options.music == "calm piano"


async def test_music_that_comes_late_does_not_hold_up_the_voice(api: Api) -> None:
    job_id = await ordered(api, audio_upload_id=await uploaded(api, "audio", "bed.wav", SONG))
    await spoken(api, job_id)
    assert set(await due(api, job_id)) == {"voice", "analyze"}
    await bed_heard(api, job_id)
    assert set(await due(api, job_id)) == {"voice", "analyze", "mix", "plan"}
