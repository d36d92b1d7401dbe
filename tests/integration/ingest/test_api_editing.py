"""Storyboard, scenes and takes over HTTP: an editor's afternoon."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from libs.contracts.facts import StoryboardPlanned, TakeRendered, TrackAnalyzed
from libs.contracts.storyboard import Clip
from libs.runtime.problems import NO_BODY
from libs.storyboard.shots import make_shots
from tests.integration.ingest.flow import happened, order_id, put
from tests.integration.ingest.server import Api, picture
from tests.storyboards import storyboard
from tests.unit.storyboard.boards import beaten


async def rendered(api: Api) -> str:
    """A job over a new project of four scenes of five seconds, each with its take; its id."""
    job_id = await order_id(api)
    analysis = await put(api, msgspec.json.encode(beaten(20.0)))
    await happened(api, job_id, "analyze", TrackAnalyzed(analysis=analysis, duration=20.0, bpm=120.0, sections=1))
    board = storyboard([150] * 4, [0] * 4)
    blob = await put(api, msgspec.json.encode(board))
    shots = make_shots(board.scenes)
    planned = StoryboardPlanned(storyboard=blob, fps="30", frames=600, width=320, height=180, shots=shots)
    await happened(api, job_id, "plan", planned)
    for number in range(4):
        await render(api, job_id, f"animate.s00{number}", f"s00{number}")
    return job_id


@pytest.fixture
async def project(api: Api) -> Project:
    """The project of such a job."""
    return Project(api, (await api.ledger.snapshot(await rendered(api))).project_id)


async def render(api: Api, job_id: str, task: str, scene_id: str, frames: int = 150) -> None:
    clip = await put(api, f"clip of {job_id} {task}".encode(), "video/mp4")
    made = Clip(scene_id=scene_id, lead=0, frames=frames, blob=clip)
    await happened(api, job_id, task, TakeRendered(clip=made, backend="builtin", seed=1))


class Project:
    """Its routes, as a client that minds versions calls them."""

    def __init__(self, api: Api, project_id: str) -> None:
        self.api = api
        self.path = f"/api/v1/projects/{project_id}"
        self.version = 1

    async def get(self, path: str, **query: int) -> Any:
        """The body of a good answer."""
        answer = await self.api.http.get(f"{self.path}/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Any answer; the version is sent along, and learned."""
        headers = {"If-Match": f'"{self.version}"', **headers}
        answer = await self.api.http.request(method, f"{self.path}/{path}", json=body, headers=headers)
        if answer.is_success and "ETag" in answer.headers:
            self.version = int(answer.headers["ETag"].strip('"'))
        return answer

    async def done(self, method: str, path: str, body: object = None) -> Any:
        """The body of a good answer."""
        answer = await self.send(method, path, body)
        assert answer.is_success, answer.text
        return answer.json()

    async def code(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = await self.send(method, path, body, **headers)
        assert answer.headers["Content-Type"] == "application/problem+json", answer.text
        return answer.status_code, answer.json()["code"]


async def test_a_storyboard_is_read_and_adjusted(project: Project) -> None:
    board = await project.get("storyboard")
    assert (board["version"], len(board["storyboard"]["scenes"])) == (1, 4)
    moves = {"moves": [{"scene": "s001", "frame": 141}, {"scene": "s002", "frame": 311, "snap": False}]}
    told = await project.done("PATCH", "storyboard", moves)
    assert told["version"] == project.version == 2
    assert told["stale"] == {"s001": ["span"]}
    scenes = (await project.get("scenes"))["scenes"]
    assert [scene["startFrame"] for scene in scenes] == [0, 135, 311, 450]
    both = {"moves": [{"scene": "s001", "frame": 150}, {"scene": "s003", "frame": 10_000}]}
    assert await project.code("PATCH", "storyboard", both) == (422, "bad_edit")
    assert (await project.get("scenes/s001"))["startFrame"] == 135, "all or none"


async def test_every_write_says_its_version(project: Project) -> None:
    take = (await project.get("scenes/s001"))["take"]
    writes: list[tuple[str, str, Any]] = [
        ("PATCH", "storyboard", {"moves": [{"scene": "s001", "frame": 120}]}),
        ("POST", "grid", {"correction": {"kind": "double"}}),
        ("PATCH", "scenes/s001", {"prompt": "rain"}),
        ("POST", "scenes/s001/split", {}),
        ("POST", "scenes/s001/merge", None),
        ("POST", "scenes/reorder", {"order": ["s000", "s001", "s003", "s002"]}),
        ("POST", "scenes/s001/generate", {}),
        ("POST", "scenes/s001/remix", {"versionId": take, "revisedPrompt": "rain"}),
        ("POST", f"scenes/s001/versions/{take}/select", None),
        ("POST", f"scenes/s001/versions/{take}/score", {"userScore": 1}),
    ]
    for method, path, body in writes:
        without = await project.api.http.request(method, f"{project.path}/{path}", json=body)
        assert (without.status_code, without.json()["code"]) == (428, "version_required"), path
        assert await project.code(method, path, body, **{"If-Match": '"7"'}) == (412, "version_conflict"), path
        assert (await project.code(method, path, body, **{"If-Match": "x"}))[0] == 400, path
    assert (await project.get("storyboard"))["version"] == 1


async def test_of_two_clients_at_once_one_gets_412(project: Project) -> None:
    answers = await asyncio.gather(
        *(project.send("PATCH", f"scenes/s00{n}", {"prompt": f"by {n}"}, **{"If-Match": '"1"'}) for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    prompts = [scene["prompt"] for scene in (await project.get("scenes"))["scenes"]]
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    assert prompts == [f"by {n}" if n == winner else "" for n in range(4)]


async def test_the_grid_is_corrected_where_it_is_wrong(project: Project) -> None:
    taps = {"kind": "tap", "times": [5.25 + i / 2 for i in range(9)]}
    told = await project.done("POST", "grid", {"correction": taps, "cuts": "stay"})
    assert told["stale"] == {"s001": ["music"]}
    assert await project.code("POST", "grid", {"correction": {"kind": "tap", "times": [3, 2]}}) == (422, "bad_grid")
    assert (await project.code("POST", "grid", {"correction": {"kind": "guess"}}))[0] == 400
    line = await project.get("timeline")
    assert (len(line["scenes"]), line["bpm"], line["meter"]) == (4, 120.0, 4)
    assert line["scenes"][1]["take"]["stale"] == ["music"]
    assert 5.25 in line["beats"]


async def test_scenes_are_edited_split_merged_and_reordered(project: Project) -> None:
    edited = await project.done(
        "PATCH", "scenes/s002", {"prompt": "sea", "negativePrompt": "text", "look": "waves", "locked": True}
    )
    assert (edited["prompt"], edited["negativePrompt"], edited["locked"]) == ("sea", "text", True)
    assert edited["stale"] == ["words", "picture"]
    assert await project.code("PATCH", "scenes/s002", {"prompt": "x"}) == (409, "scene_locked")
    assert await project.code("PATCH", "scenes/s001", {"characters": ["nobody"]}) == (404, "character_not_found")
    assert (await project.code("PATCH", "scenes/s001", {"promt": "x"}))[0] == 400
    assert await project.code("PATCH", "scenes/s009", {"prompt": "x"}) == (404, "scene_not_found")
    parted = await project.done("POST", "scenes/s001/split", {"frame": 230})
    assert parted["scenes"] == ["s000", "s001", "s004", "s002", "s003"]
    assert (await project.get("scenes/s004"))["take"] == (await project.get("scenes/s001"))["take"]
    await project.done("POST", "scenes/s001/merge")
    order = ["s003", "s001", "s002", "s000"]
    assert (await project.done("POST", "scenes/reorder", {"order": order}))["scenes"] == order
    page = await project.get("scenes", limit=3)
    assert [scene["id"] for scene in page["scenes"]] == order[:3]
    rest = (await project.api.http.get(page["next"])).json()
    assert ([scene["id"] for scene in rest["scenes"]], rest["next"]) == (order[3:], None)


async def test_takes_are_made_watched_chosen_and_scored(project: Project) -> None:
    other = (await project.get("scenes/s002/takes"))["takes"]
    order = await project.send("POST", "scenes/s001/generate", {"numTakes": 2}, **{"Idempotency-Key": "once"})
    assert order.status_code == 202, order.text
    again = await project.send("POST", "scenes/s001/generate", {"numTakes": 2}, **{"Idempotency-Key": "once"})
    assert (again.status_code, again.json()["job_id"]) == (200, order.json()["job_id"])
    other_body = await project.code("POST", "scenes/s001/generate", {"numTakes": 1}, **{"Idempotency-Key": "once"})
    assert other_body == (422, "idempotency_conflict")
    job_id = order.json()["job_id"]
    for number in (1, 2):
        await render(project.api, job_id, f"animate.s001.{number}", "s001")
    job = (await project.api.http.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["status"], job["kind"]) == ("completed", "takes")
    listed = await project.get("scenes/s001/takes")
    newest = listed["takes"][0]
    assert ([take["shown"] for take in listed["takes"]], newest["stale"]) == ([False, False, True], [])
    assert await project.get("scenes/s002/takes") == {"takes": other, "version": 1, "next": None}
    chosen = await project.done("POST", f"scenes/s001/versions/{newest['id']}/select")
    assert (chosen["shown"], project.version) == (True, 2)
    scored = await project.done("POST", f"scenes/s001/versions/{newest['id']}/score", {"mouthVisibility": 0.5})
    assert (scored["mouthVisibility"], scored["userScore"], project.version) == (0.5, None, 2)
    clip = await project.api.http.get(newest["clip"], headers={"Range": "bytes=0-3"})
    assert (clip.status_code, clip.content) == (206, b"clip")
    bad = f"scenes/s001/versions/{other[0]['id']}"
    assert await project.code("POST", f"{bad}/select") == (404, "take_not_found")
    assert (await project.code("POST", f"scenes/s001/versions/{newest['id']}/score", {"userScore": 2}))[0] == 400


async def test_a_remix_and_the_users_own_picture(project: Project) -> None:
    take = (await project.get("scenes/s003"))["take"]
    remix = await project.done("POST", "scenes/s003/remix", {"versionId": take, "revisedPrompt": "snow"})
    scene = await project.get("scenes/s003")
    assert (scene["prompt"], scene["stale"], scene["take"]) == ("snow", ["words"], take)
    await render(project.api, remix["job_id"], "animate.s003.1", "s003")
    scene = await project.get("scenes/s003")
    assert (scene["stale"], scene["takes"]) == ([], 2)
    project.version = 2
    sent = await project.api.http.post("/api/v1/uploads", files={"image": ("me.png", picture())})
    assert sent.status_code == 201, sent.text
    upload = sent.json()["uploads"][0]["upload_id"]
    own = await project.done("POST", "scenes/s000/replace", {"upload": upload})
    await render(project.api, own["job_id"], "animate.s000.1", "s000")
    newest = (await project.get("scenes/s000/takes"))["takes"][0]
    assert (newest["origin"], newest["shown"]) == ("own", True)
    assert await project.code("POST", "scenes/s000/replace", {"upload": "0" * 32}) == (404, "upload_not_found")


async def test_what_is_not_there(api: Api, project: Project) -> None:
    nowhere = Project(api, "0" * 32)
    for path in ("storyboard", "timeline", "scenes", "scenes/s001", "scenes/s001/takes"):
        answer = await api.http.get(f"{nowhere.path}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "project_not_found"), path
    assert await nowhere.code("PATCH", "scenes/s001", {"prompt": "x"}) == (404, "project_not_found")
    made = await api.http.post("/api/v1/projects", json={"title": "bare"})
    bare = Project(api, made.json()["id"])
    answer = await api.http.get(f"{bare.path}/timeline")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_storyboard")
    for path in ("scenes/s001/versions/999", "scenes/s001/versions/999/clip"):
        answer = await api.http.get(f"{project.path}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "take_not_found"), path


async def test_a_missing_body_is_told(project: Project) -> None:
    answer = await project.api.http.post(f"{project.path}/video")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"key": "data", "message": NO_BODY}]


async def test_who_is_gone_is_in_no_scene_and_a_misspelt_bible_is_told(project: Project) -> None:
    misspelt = {"name": "Ada", "bible": {"wardrobeLock": "a red coat"}}
    assert await project.code("POST", "characters", misspelt) == (400, "bad_request")
    ada = (await project.done("POST", "characters", {"name": "Ada", "bible": {"wardrobe_lock": "a red coat"}}))[
        "id"
    ]
    seen = {"characters": [ada]}
    assert (await project.done("PATCH", "scenes/s001", seen))["characters"] == [ada]
    assert (await project.send("DELETE", f"characters/{ada}")).status_code == 204
    assert (await project.get("scenes/s001"))["characters"] == []


async def test_only_pictures_and_clips_take_a_takes_place(project: Project) -> None:
    files = {"lyrics": ("words.txt", b"la la la")}
    (words,) = (await project.api.http.post("/api/v1/uploads", files=files)).json()["uploads"]
    replaced = await project.send("POST", "scenes/s001/replace", {"upload": words["upload_id"]})
    assert replaced.status_code == 400
    assert "`image` or `clip`" in replaced.json()["detail"]


async def test_a_project_that_somebody_has_changed_meanwhile_is_not_deleted(project: Project) -> None:
    api = project.api.http
    await project.api.ledger.cancel((await api.get(project.path)).json()["jobId"])
    await project.done("PATCH", "scenes/s001", {"prompt": "rain"})
    assert (await api.delete(project.path, headers={"If-Match": '"1"'})).status_code == 412
    assert (await api.delete(project.path, headers={"If-Match": f'"{project.version}"'})).status_code == 204
