"""The client of the API against a real server that breaks off, answers errors, and lies."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from libs.contracts.errors import Permanent, Retryable
from libs.runtime.run import listen
from services.standalone.client import API_KEY, ApiClient
from services.standalone.fetch import fetch_kept, fetch_results

VIDEO = b"video" * 10_000


class Server:
    """A server of a few answers; `asked` is what it was asked, with the headers that matter."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.bearers: list[str] = []
        self.streams = [
            b"retry: 40\n\nid: 1\nevent: stage_update\ndata: {}\n\nid: 2\nevent: comp",
            b": keep-alive\n\n",
            b"id: 2\nevent: stage_update\ndata: {}\n\nid: 3\nevent: completed\ndata: {}\n\n",
        ]
        self.etag = hashlib.sha256(VIDEO).hexdigest()
        self.broken = 1
        self.names: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        last, range_ = headers.get("last-event-id", ""), headers.get("range", "")
        self.asked.append((scope["path"], last, range_))
        self.bearers.extend(value for name, value in headers.items() if name == "authorization")

        async def answer(status: int, body: bytes, *extra: tuple[bytes, bytes], cut: bool = False) -> None:
            length = len(body) + (1 if cut else 0)
            fields = [(b"content-length", str(length).encode()), *extra]
            await send({"type": "http.response.start", "status": status, "headers": fields})
            await send({"type": "http.response.body", "body": body, "more_body": cut})
            if cut:
                raise ConnectionError("breaks off")

        if scope["path"].endswith("/stream"):
            await answer(200, self.streams.pop(0), cut=len(self.streams) >= 1)
        elif scope["path"] == "/video":
            start = int(range_.removeprefix("bytes=").rstrip("-") or 0)
            self.broken -= 1
            body = VIDEO[start:] if self.broken < 0 else VIDEO[start : start + 1000]
            await answer(206 if start else 200, body, (b"etag", f'"{self.etag}"'.encode()), cut=self.broken >= 0)
        elif scope["path"].endswith("/files"):
            listed = ",".join(f'{{"name": "{name}", "link": "/video"}}' for name in self.names)
            await answer(200, f'{{"files": [{listed}]}}'.encode())
        elif scope["path"].endswith(("/files/report.json", "/files/sheet.jpg")):
            await answer(200, b"{}")
        elif scope["path"].endswith("/plain"):
            await answer(500, b"oops")
        else:
            problem = b'{"code": "job_not_found", "detail": "There is no job x.", "hint": "Look again."}'
            await answer(404, problem)


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, ApiClient]]:
    app, sock = Server(), listen("127.0.0.1", 0)
    running = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    task = asyncio.create_task(running._serve([sock]))
    async with ApiClient(f"http://127.0.0.1:{sock.getsockname()[1]}") as client:
        yield app, client
    running.should_exit = True
    await task


async def test_a_stream_that_breaks_off_is_resumed_and_misses_nothing(server: tuple[Server, ApiClient]) -> None:
    app, client = server
    told = [(event.id, event.name) async for event in client.follow("j")]
    assert told == [("1", "stage_update"), ("2", "stage_update"), ("3", "completed")]
    assert [last for _, last, _ in app.asked] == ["", "1", "1"]


async def test_a_download_goes_on_where_it_broke_off(server: tuple[Server, ApiClient], tmp_path: Path) -> None:
    app, client = server
    await client.download("/video", tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == VIDEO
    assert [range_ for _, _, range_ in app.asked] == ["", "bytes=1000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


async def test_a_download_that_differs_is_no_file(server: tuple[Server, ApiClient], tmp_path: Path) -> None:
    app, client = server
    app.broken, app.etag = 0, "0" * 64
    (tmp_path / "out.mp4").write_text("the one before")
    with pytest.raises(Permanent, match="differs"):
        await client.download("/video", tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


async def test_without_its_video_no_report_is_left(server: tuple[Server, ApiClient], tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.mp4", "a.report.json", "a.sheet.jpg")]
    with pytest.raises(Retryable):
        await fetch_results(server[1], {"job_id": "x", "links": {"download": "/plain"}}, *paths)
    assert list(tmp_path.iterdir()) == []
    await fetch_results(server[1], {"job_id": "x", "links": {"download": "/video"}}, *paths)
    assert [path.read_bytes() for path in paths] == [VIDEO, b"{}\n", b"{}"]


async def test_kept_files_stay_within_their_folder(server: tuple[Server, ApiClient], tmp_path: Path) -> None:
    app, client = server
    app.broken = 0
    app.names = ["report.json", "clips/s001.mp4", "video.mp4"]
    await fetch_kept(client, "j", tmp_path / "kept")
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert found == {"kept/report.json", "kept/clips/s001.mp4"}
    for name in ("../evil", "/tmp/evil", "a/../../evil"):
        app.names = [name]
        with pytest.raises(Permanent, match="names a file"):
            await fetch_kept(client, "j", tmp_path / "kept")


async def test_problems_keep_their_code_and_words(server: tuple[Server, ApiClient]) -> None:
    _, client = server
    with pytest.raises(Permanent) as caught:
        await client.job("x")
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "job_not_found",
        "There is no job x.",
        "Look again.",
    )
    with pytest.raises(Retryable, match="answered 500"):
        await client.request("GET", "/plain")


async def test_every_request_carries_the_key_of_the_environment(
    server: tuple[Server, ApiClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = server
    monkeypatch.setenv(API_KEY, " bl_secret\n")
    async with ApiClient(str(client._http.base_url)) as known:
        with pytest.raises(Permanent, match="job_not_found"):
            await known.job("x")
        assert app.bearers == ["Bearer bl_secret"]
    monkeypatch.setenv(API_KEY, "bl_ä")
    with pytest.raises(Permanent, match="unauthenticated"):
        ApiClient("http://127.0.0.1")


async def test_nobody_there() -> None:
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()
    async with ApiClient(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(Retryable, match="stack_not_running"):
            await client.job("x")
