"""What every artifact store keeps to: one suite for the folder and for a real S3 server."""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx
import msgspec
import pytest

from libs.artifacts import ArtifactStore, open_store
from libs.artifacts.folder import FolderStore
from libs.artifacts.presign import Grant
from libs.artifacts.results import Found, Made, find_blob, find_or_make, find_record, keep_blob, keep_record
from libs.contracts.artifacts import Blob, blob_key, result_key, results_prefix
from libs.contracts.errors import InputMissing
from libs.contracts.facts import TrackAnalyzed, Usage
from tests.servers.s3 import S3Server

KEY = result_key("test", "1", "someone", {"number": 1})
PAYLOADS = [b"", b"a", os.urandom(3 * (1 << 20) + 17)]


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return open_store((tmp_path / "artifacts").as_uri())
    server = cast(S3Server, request.getfixturevalue("s3_server"))
    return open_store(server.url(server.new_bucket()))


async def read(store: ArtifactStore, blob: Blob) -> bytes:
    async with store.local(blob) as path:
        return await asyncio.to_thread(path.read_bytes)


async def keys(store: ArtifactStore, prefix: str = "") -> list[str]:
    return [stored.key async for stored in store.list(prefix)]


@pytest.mark.parametrize("data", PAYLOADS, ids=["empty", "byte", "3MiB"])
async def test_bytes_and_files_come_back_as_they_went_in(store: ArtifactStore, tmp_path: Path, data: bytes) -> None:
    source = tmp_path / "na me's $(x).bin"
    source.write_bytes(data)
    from_bytes = await store.put_bytes(data, "audio/mpeg")
    from_file = await store.put_file(source, "audio/mpeg")
    assert from_bytes == from_file
    assert from_bytes == Blob(sha256=hashlib.sha256(data).hexdigest(), size=len(data), media_type="audio/mpeg")
    assert await read(store, from_bytes) == data
    assert await store.get_bytes(from_bytes.key) == data
    assert source.read_bytes() == data


async def test_a_large_file_is_put_and_read_in_parts(store: ArtifactStore, tmp_path: Path) -> None:
    data = os.urandom(9 * (1 << 20) + 5)
    source = tmp_path / "large"
    source.write_bytes(data)
    blob = await store.put_file(source, "video/mp4")
    assert await read(store, blob) == data
    assert b"".join([chunk async for chunk in store.read_range(blob.key, 0, blob.size)]) == data


async def test_the_source_may_change_afterwards(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"first")
    blob = await store.put_file(source, "text/plain")
    with source.open("r+b") as file:
        file.write(b"other")
    assert await read(store, blob) == b"first"


async def test_putting_again_changes_nothing(store: ArtifactStore) -> None:
    first = await store.put_bytes(b"same", "text/plain")
    assert await store.put_bytes(b"same", "text/plain") == first
    assert await keys(store) == [first.key]


async def test_a_file_that_is_not_there_is_said_to_be_so(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await store.put_file(tmp_path / "nothing", "text/plain")
    assert await keys(store) == []


async def test_what_is_missing(store: ArtifactStore) -> None:
    for blob in (
        Blob(sha256="ab" * 32, size=3, media_type="text/plain"),
        Blob(sha256=hashlib.sha256(b"").hexdigest(), size=0, media_type="text/plain"),
    ):
        assert await store.get_bytes(blob.key) is None
        assert not await store.has(blob.key)
        with pytest.raises(InputMissing) as missing:
            await read(store, blob)
        assert missing.value.sha256 == blob.sha256
        with pytest.raises(InputMissing) as missing:
            _ = [chunk async for chunk in store.read_range(blob.key, 0, 3)]
        assert missing.value.sha256 == blob.sha256


async def test_ranges(store: ArtifactStore) -> None:
    blob = await store.put_bytes(b"0123456789", "text/plain")
    for start, end in [(0, 10), (0, 1), (3, 7), (9, 10), (5, 5), (5, 99), (10, 20), (12, 20)]:
        got = b"".join([chunk async for chunk in store.read_range(blob.key, start, end)])
        assert got == b"0123456789"[start:end], (start, end)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_range_that_is_left_early_leaves_nothing_open(store: ArtifactStore) -> None:
    blob = await store.put_bytes(bytes(9 << 20), "video/mp4")
    assert sum([len(chunk) async for chunk in store.read_range(blob.key, 0, blob.size)]) == blob.size
    before = open_files()
    for _ in range(20):
        async for chunk in store.read_range(blob.key, 0, blob.size):
            assert chunk
            break
    assert open_files() <= before + 2


async def test_of_many_at_once_exactly_one_wins(store: ArtifactStore) -> None:
    for turn in range(3):
        key = result_key("race", "1", "someone", {"turn": turn})
        offers = [f"offer {number}".encode() for number in range(8)]
        answers = await asyncio.gather(*(store.put_if_absent(key, offer) for offer in offers))
        assert len(set(answers)) == 1
        assert answers[0] in offers
        assert await store.get_bytes(key) == answers[0]
        assert await store.put_if_absent(key, b"too late") == answers[0]


async def test_records_are_listed_by_their_owner(store: ArtifactStore) -> None:
    other = result_key("test", "1", "someone else", {"number": 1})
    for key in (KEY, other):
        await store.put_if_absent(key, b"{}")
    assert await keys(store, results_prefix("someone")) == [KEY]
    assert await keys(store, results_prefix("someone else")) == [other]
    assert await keys(store, results_prefix("some")) == []


async def test_lists_by_prefix_in_order_with_sizes_and_times(store: ArtifactStore) -> None:
    blobs = [await store.put_bytes(text, "text/plain") for text in (b"a", b"bb", b"ccc")]
    await store.put_if_absent(KEY, b"{}")
    assert await keys(store, "blob/") == sorted(blob.key for blob in blobs)
    assert await keys(store, "result/") == [KEY]
    assert await keys(store) == sorted([KEY, *(blob.key for blob in blobs)])
    assert await keys(store, blobs[0].key[:9]) == [blobs[0].key]
    assert await keys(store, "nothing/") == []
    sizes = {stored.key: stored.size async for stored in store.list("")}
    assert sizes == {KEY: 2, **{blob.key: blob.size for blob in blobs}}
    async for stored in store.list(""):
        assert abs(datetime.now(UTC) - stored.modified) < timedelta(minutes=1)


async def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: ArtifactStore) -> None:
    blob = await store.put_bytes(b"short-lived", "text/plain")
    await store.delete(blob.key)
    await store.delete(blob.key)
    assert await store.get_bytes(blob.key) is None
    assert await keys(store) == []
    assert await store.put_bytes(b"short-lived", "text/plain") == blob
    assert await read(store, blob) == b"short-lived"


@pytest.mark.parametrize(
    "key", ["", "blob", "blob/", "/blob/a", "blob/../a", "blob//a", "blob/.a", "blob/a b", "../a/b"]
)
async def test_keys_that_could_mean_another_place_are_refused(store: ArtifactStore, key: str) -> None:
    with pytest.raises(ValueError, match="not an artifact key"):
        await store.get_bytes(key)
    with pytest.raises(ValueError, match="not an artifact key"):
        await store.put_if_absent(key, b"x")
    with pytest.raises(ValueError, match="not an artifact key"):
        await store.delete(key)


async def test_check_passes_on_a_store_that_works(store: ArtifactStore) -> None:
    await store.check()


async def test_a_cancelled_put_leaves_no_object_behind(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "huge"
    with source.open("wb") as file:
        file.truncate(128 << 20)
    putting = asyncio.create_task(store.put_file(source, "video/mp4"))
    await asyncio.sleep(0.02)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await asyncio.sleep(1.0)
    assert await keys(store) == []


# Results.


def fact(blob: Blob, bpm: float = 120.0) -> TrackAnalyzed:
    return TrackAnalyzed(analysis=blob, duration=10.0, bpm=bpm, sections=2)


class Maker:
    """Makes a fact with a blob, and counts how often it is asked to."""

    def __init__(self, store: ArtifactStore, *, bpm: float = 120.0) -> None:
        self.store = store
        self.bpm = bpm
        self.times = 0

    async def __call__(self) -> Made:
        self.times += 1
        blob = await self.store.put_bytes(f"analysis at {self.bpm}".encode(), "application/json")
        await asyncio.sleep(0.05)
        return Made([fact(blob, self.bpm)], Usage(wall_seconds=2.0, cpu_seconds=1.0))


async def test_a_result_is_made_once(store: ArtifactStore) -> None:
    make = Maker(store)
    first = await find_or_make(store, KEY, make)
    second = await find_or_make(store, KEY, make)
    assert make.times == 1
    assert (first.reused, second.reused) == (False, True)
    assert second == Found(first.facts, first.usage, True)


async def test_the_loser_of_a_race_adopts_the_winner(store: ArtifactStore) -> None:
    makers = [Maker(store, bpm=100.0 + number) for number in range(4)]
    found = await asyncio.gather(*(find_or_make(store, KEY, make) for make in makers))
    assert [make.times for make in makers] == [1, 1, 1, 1]
    assert len({cast(TrackAnalyzed, each.facts[0]).bpm for each in found}) == 1
    assert await find_or_make(store, KEY, makers[0]) == Found(found[0].facts, found[0].usage, True)


async def test_a_record_whose_blob_is_gone_is_made_again_and_replaced(store: ArtifactStore) -> None:
    make = Maker(store)
    first = await find_or_make(store, KEY, make)
    await store.delete(cast(TrackAnalyzed, first.facts[0]).analysis.key)
    again = await find_or_make(store, KEY, make)
    assert make.times == 2
    assert not again.reused
    assert (await find_or_make(store, KEY, make)).reused


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 99, "facts": [], "usage": {}, "blobs": []}'])
async def test_a_record_that_cannot_be_read_is_replaced(store: ArtifactStore, damage: bytes) -> None:
    await store.put_if_absent(KEY, damage)
    make = Maker(store)
    assert not (await find_or_make(store, KEY, make)).reused
    assert (await find_or_make(store, KEY, make)).reused
    assert make.times == 1


async def test_a_failure_is_not_recorded(store: ArtifactStore) -> None:
    async def fail() -> Made:
        raise InputMissing("ab" * 32)

    with pytest.raises(InputMissing):
        await find_or_make(store, KEY, fail)
    assert await keys(store, "result/") == []


async def test_blobs_of_finer_steps(store: ArtifactStore) -> None:
    assert await find_blob(store, KEY) is None
    ours = await store.put_bytes(b"ours", "video/mp4")
    theirs = await store.put_bytes(b"theirs", "video/mp4")
    assert await keep_blob(store, KEY, ours) == ours
    assert await keep_blob(store, KEY, theirs) == ours
    assert await find_blob(store, KEY) == ours
    await store.delete(ours.key)
    assert await find_blob(store, KEY) is None
    assert await keep_blob(store, KEY, theirs) == theirs
    assert await find_blob(store, KEY) == theirs
    assert await store.has(blob_key(theirs.sha256))


class Piece(msgspec.Struct, frozen=True):
    """A blob, and what is to be known of it."""

    blob: Blob
    seed: int


async def test_of_two_records_of_a_finer_step_the_first_is_everybodys(store: ArtifactStore) -> None:
    assert await find_record(store, KEY, Piece) is None
    ours = Piece(await store.put_bytes(b"ours", "video/mp4"), 7)
    theirs = Piece(await store.put_bytes(b"theirs", "video/mp4"), 8)
    assert await keep_record(store, KEY, ours) == ours
    assert await keep_record(store, KEY, theirs) == ours
    assert await find_record(store, KEY, Piece) == ours
    await store.delete(ours.blob.key)
    assert await find_record(store, KEY, Piece) is None
    assert await keep_record(store, KEY, theirs) == theirs


async def test_a_file_at_a_key_of_its_own_is_replaced_whole(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for data in (b"first, and longer", b"second"):
        source.write_bytes(data)
        await store.put_at("incoming/0a1b", source, "application/octet-stream")
        assert await store.get_bytes("incoming/0a1b") == data
    assert await keys(store) == ["incoming/0a1b"]
    with pytest.raises(FileNotFoundError):
        await store.put_at("incoming/0a1b", tmp_path / "nothing", "application/octet-stream")
    with pytest.raises(ValueError, match="not an artifact key"):
        await store.put_at("../elsewhere", source, "text/plain")


async def test_only_s3_gives_addresses_of_its_own(store: ArtifactStore, request: pytest.FixtureRequest) -> None:
    """They do the one thing that they were made for, with the headers that were signed, and no other."""
    data = b"a song"
    put = Grant("PUT", "incoming/x", 60, headers={"content-length": str(len(data)), "content-type": "audio/mpeg"})
    if isinstance(store, FolderStore):
        assert store.presigned(put, endpoint="https://example.com") is None
        return
    server = cast(S3Server, request.getfixturevalue("s3_server"))

    def address(grant: Grant) -> str:
        found = store.presigned(grant, endpoint=f"http://{server.address}")
        assert found is not None
        return found

    saved = {"content-disposition": 'attachment; filename="a b.mp3"', "content-type": "audio/x"}
    async with httpx.AsyncClient(trust_env=False) as http:
        url = address(put)
        for body, kind in ((data + b"!", "audio/mpeg"), (data, "text/html")):
            assert (await http.put(url, content=body, headers={"content-type": kind})).status_code == 403
        assert (await http.get(url)).status_code == 403
        assert await keys(store) == []
        assert (await http.put(url, content=data, headers={"content-type": "audio/mpeg"})).status_code == 200
        got = await http.get(address(Grant("GET", "incoming/x", 60, answer=saved)))
        assert (got.status_code, got.content) == (200, data)
        assert {name: got.headers[name] for name in saved} == saved
        part = await http.get(address(Grant("GET", "incoming/x", 60)), headers={"range": "bytes=2-"})
        assert (part.status_code, part.content) == (206, data[2:])
        altered = address(Grant("GET", "incoming/x", 60)).replace("incoming/x", "incoming/y")
        assert (await http.get(altered)).status_code == 403
