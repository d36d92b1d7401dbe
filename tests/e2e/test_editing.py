"""An editor at work on the one-machine stack: scenes are redone one by one, the video is cut of what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from tests.e2e.watch import see
from tests.faults.fleet import Client
from tests.faults.test_standalone import running_up
from tests.ports import free_port
from tests.songs import make_song

OPTIONS = {"height": 96, "fps": "12", "seed": 3}


class Editor:
    """A project over HTTP; each write is based on the version that was read last."""

    def __init__(self, url: str, client: Client, project_id: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self._client = client
        self._path = f"/api/v1/projects/{project_id}"

    def get(self, path: str) -> Any:
        """A good answer's body."""
        return self._good(self._http.get(f"{self._path}/{path}"))

    def write(self, method: str, path: str, body: object = None) -> Any:
        """The same of a write."""
        version = self.get("storyboard")["version"]
        headers = {"If-Match": f'"{version}"'}
        return self._good(self._http.request(method, f"{self._path}/{path}", json=body, headers=headers))

    def made(self, path: str, body: object) -> Any:
        """The job of an order, once it has ended well."""
        return self.ended(self.write("POST", path, body)["job_id"])

    def ended(self, job_id: str) -> Any:
        """A job, once it has ended well."""
        job = self._client.wait_for_end(job_id)
        assert job["status"] == "completed", job
        return job

    def upload(self, kind: str, data: bytes) -> str:
        """The id of a file that was sent ahead."""
        sent = self._good(self._http.post("/api/v1/uploads", files={kind: ("mine", data)}))
        return str(sent["uploads"][0]["upload_id"])

    def clip(self, scene_id: str) -> bytes:
        """What a scene shows."""
        take = self.get(f"scenes/{scene_id}")["take"]
        return self._http.get(f"{self._path}/scenes/{scene_id}/versions/{take}/clip").content

    def clips(self) -> dict[str, bytes]:
        """What every scene shows."""
        return {scene["id"]: self.clip(scene["id"]) for scene in self.get("scenes")["scenes"]}

    def stale(self) -> dict[str, list[str]]:
        """Scenes that show nothing, or what is stale."""
        scenes = self.get("scenes")["scenes"]
        return {one["id"]: one["stale"] for one in scenes if one["stale"] or one["take"] is None}

    def video(self, job: Any) -> bytes:
        """The file that a job has made."""
        return self._http.get(f"/api/v1/jobs/{job['job_id']}/download").content

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    @staticmethod
    def _good(answer: httpx.Response) -> Any:
        assert answer.is_success, answer.text
        return answer.json()


def portrait() -> bytes:
    """A picture that shows something."""
    rows, columns = np.mgrid[0:360, 0:640]
    disc = ((rows - 180) ** 2 + (columns - 320) ** 2 < 120**2)[..., None]
    pixels = np.where(disc, (40, 90, 230), np.stack([columns / 3, rows / 2, columns / 5], axis=-1)).astype(np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1])


def test_scenes_are_redone_one_by_one(tmp_path: Path) -> None:
    song = make_song(tmp_path, seconds=14, seed=5)
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}")
    with running_up(tmp_path / "data", port):
        job = client.wait_for_end(client.submit(song.path, options=OPTIONS))
        assert job["status"] == "completed", job
        editor = Editor(f"http://127.0.0.1:{port}", client, job["project_id"])
        try:
            _edit(editor, tmp_path)
        finally:
            editor.close()


def _edit(editor: Editor, folder: Path) -> None:
    assert editor.stale() == {}
    before = editor.clips()
    first, second, third = list(before)[:3]

    editor.write("PATCH", f"scenes/{second}", {"prompt": "rain", "look": "waves"})
    assert editor.stale() == {second: ["words", "picture"]}
    editor.made(f"scenes/{second}/generate", {"numTakes": 1})
    after = editor.clips()
    assert editor.stale() == {}
    assert {name for name in before if after[name] != before[name]} == {second}

    cut = editor.get(f"scenes/{third}")["startFrame"]
    moved = editor.write("PATCH", "storyboard", {"moves": [{"scene": third, "frame": cut - 3, "snap": False}]})
    assert moved["stale"] == {third: ["span"]}
    tap = {"kind": "shift", "ms": 90, "start": 0, "end": cut / 12 - 4}
    touched = set(editor.write("POST", "grid", {"correction": tap, "cuts": "stay"})["stale"]) - {third}
    assert touched
    assert touched < set(before) - {third}

    editor.made(f"scenes/{first}/replace", {"upload": editor.upload("clip", before[third])})
    assert editor.get(f"scenes/{first}/takes")["takes"][0]["origin"] == "own"
    own = editor.clip(first)
    counts = {scene["id"]: scene["takes"] for scene in editor.get("scenes")["scenes"]}
    stale = set(editor.stale())
    job = editor.made("video", {})
    assert editor.stale() == {}
    made = {scene["id"] for scene in editor.get("scenes")["scenes"] if scene["takes"] != counts[scene["id"]]}
    assert made == stale
    assert editor.clip(first) == own

    editor.made(f"scenes/{third}/replace", {"upload": editor.upload("image", portrait())})
    export = editor.write("POST", "export", {})["exports"][0]
    job = editor.ended(export["job_id"])
    video = folder / "video.mp4"
    video.write_bytes(editor.video(job))
    assert see(video).frames == editor.get("storyboard")["storyboard"]["frames"]
