"""Downloads over a wire that breaks, from a server whose file changes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from services.generator.comfyui import download
from services.generator.comfyui.download import TRIES, Downloaded, fetch
from services.generator.comfyui.errors import Refused, Unreachable

OLD = bytes(range(256)) * 40
NEW = OLD[::-1][:9000]

Serve = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers like a server of files. `breaks`: after how many bytes each of the next answers breaks off."""

    def __init__(self, data: bytes, *breaks: int, tag: bool = True, ranges: bool = True) -> None:
        self.data = data
        self.breaks = list(breaks)
        self.tag, self.ranges = tag, ranges
        self.asked: list[str] = []
        self.meanwhile: bytes | None = None
        """What the file is from the second answer on."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        wanted = request.headers.get("range", "")
        self.asked.append(wanted)
        if self.meanwhile is not None and len(self.asked) > 1:
            self.data = self.meanwhile
        tag = f'"{hashlib.sha256(self.data).hexdigest()}"'
        start = int(wanted[6:-1]) if wanted and self.ranges and request.headers.get("if-range") == tag else 0
        body = self.data[start:]
        headers = {"content-length": str(len(body))} | ({"etag": tag} if self.tag else {})
        if start:
            headers["content-range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        cut = self.breaks.pop(0) if self.breaks else len(body)
        return httpx.Response(206 if start else 200, headers=headers, content=self._stream(body, cut))

    @staticmethod
    async def _stream(body: bytes, cut: int) -> AsyncIterator[bytes]:
        yield body[: cut // 2]
        yield body[cut // 2 : cut]
        if cut < len(body):
            raise httpx.ReadError("broken on purpose")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PAUSE_S", 0.0)


async def fetched(serve: Serve, target: Path) -> Downloaded:
    """Fetch from the server, as the gateway does."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(serve)) as client:

        def ask(start: int, tag: str) -> AbstractAsyncContextManager[httpx.Response]:
            headers = {"Range": f"bytes={start}-", "If-Range": tag} if start else {}
            return client.stream("GET", "http://server/view", headers=headers)

        return await fetch(ask, "server: GET /view", "file", target, limit_s=5.0, largest=1_000_000)


async def test_it_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    server = Server(OLD, 1000, 500)
    got = await fetched(server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == OLD
    assert got == Downloaded(len(OLD), hashlib.sha256(OLD).hexdigest())
    assert server.asked == ["", "bytes=1000-", "bytes=1500-"]


@pytest.mark.parametrize("meanwhile", [NEW, NEW + OLD])
async def test_a_file_that_changes_meanwhile_is_fetched_anew(tmp_path: Path, meanwhile: bytes) -> None:
    server = Server(OLD, 4000)
    server.meanwhile = meanwhile
    got = await fetched(server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == meanwhile
    assert got.sha256 == hashlib.sha256(meanwhile).hexdigest()


@pytest.mark.parametrize(("tag", "ranges"), [(False, True), (True, False)])
async def test_without_tags_or_ranges_it_begins_anew(tmp_path: Path, tag: bool, ranges: bool) -> None:
    await fetched(Server(OLD, 9000, tag=tag, ranges=ranges), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == OLD


@pytest.mark.parametrize("ranges", [True, False])
async def test_what_gets_no_further_is_given_up(tmp_path: Path, ranges: bool) -> None:
    breaks = [700, *([0] * 20)] if ranges else [700] * 20
    server = Server(OLD, *breaks, ranges=ranges)
    with pytest.raises(Unreachable):
        await fetched(server, tmp_path / "out")
    assert len(server.asked) == TRIES + 1
    assert not list(tmp_path.iterdir())


async def test_what_gets_further_each_time_is_not_given_up(tmp_path: Path) -> None:
    server = Server(OLD, *([100] * (TRIES * 3)))
    await fetched(server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == OLD
    assert len(server.asked) == TRIES * 3 + 1


async def test_a_part_that_does_not_say_which_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        await fetched(lambda request: httpx.Response(206, content=b"abc"), tmp_path / "out")


async def test_a_file_that_has_become_shorter(tmp_path: Path) -> None:
    whole = Server(OLD, 5000)

    def serve(request: httpx.Request) -> httpx.Response:
        return httpx.Response(416) if len(whole.asked) == 1 and request.headers.get("range") else whole(request)

    with pytest.raises(Unreachable):
        await fetched(lambda request: httpx.Response(416), tmp_path / "out")
    await fetched(serve, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == OLD
