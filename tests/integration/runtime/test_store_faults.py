"""Artifact stores in trouble: a crash in the middle, a full disk, a server that is gone."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from libs.artifacts import open_store
from libs.artifacts.s3 import S3Store
from libs.contracts.artifacts import Blob
from libs.contracts.errors import InputMissing, Retryable
from libs.runtime.scratch import Scratch
from tests.paths import ROOT
from tests.ports import free_ports
from tests.scratch import files_in_work
from tests.servers.s3 import S3Server
from tests.waiting import until


async def test_a_crash_in_the_middle_of_a_put_leaves_no_object_and_what_is_left_goes(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    source = tmp_path / "pipe"
    os.mkfifo(source)
    script = f"""
import asyncio
from pathlib import Path
from libs.artifacts import open_store

async def main():
    await open_store({folder.as_uri()!r}).put_file(Path({str(source)!r}), "video/mp4")

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT)
    writer = await asyncio.to_thread(source.open, "wb", 0)
    try:
        await asyncio.to_thread(writer.write, bytes(3 << 20))
        await until(lambda: any(path.stat().st_size > 0 for path in (folder / ".partial").iterdir()))
    finally:
        process.kill()
        await process.wait()
        writer.close()
    left = list((folder / ".partial").iterdir())
    assert len(left) == 1
    store = open_store(folder.as_uri())
    assert [stored async for stored in store.list("")] == []
    assert left[0].exists(), "it might belong to a process that still writes it"
    os.utime(left[0], (time.time() - 4000,) * 2)
    open_store(folder.as_uri())
    assert not left[0].exists()


async def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts"
    source = tmp_path / "source"
    source.write_bytes(bytes(3 << 20))
    script = f"""
import asyncio, resource
from pathlib import Path
from libs.artifacts import open_store
from libs.contracts.errors import Retryable

async def main():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    store = open_store({folder.as_uri()!r})
    puts = [store.put_file(Path({str(source)!r}), "a/b"), store.put_bytes(bytes(3 << 20), "a/b"),
            store.put_if_absent("result/x", bytes(3 << 20))]
    for put in puts:
        try:
            await put
        except Retryable as error:
            print(error.code)
    await store.put_bytes(b"small", "a/b")

asyncio.run(main())
"""
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.split() == ["no_space"] * 3, ended.stderr
    store = open_store(folder.as_uri())
    assert [stored.key async for stored in store.list("")] == [f"blob/{hashlib.sha256(b'small').hexdigest()}"]
    assert list((folder / ".partial").iterdir()) == []


async def test_an_object_cut_short_counts_as_missing_and_is_healed(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    blob = await store.put_bytes(b"whole", "text/plain")
    (tmp_path / blob.key).write_bytes(b"who")
    with pytest.raises(InputMissing):
        async with store.local(blob):
            pass
    await store.put_bytes(b"whole", "text/plain")
    async with store.local(blob) as path:
        assert path.read_bytes() == b"whole"


async def test_what_is_put_again_is_as_new(tmp_path: Path) -> None:
    store = open_store(tmp_path.as_uri())
    blob = await store.put_bytes(b"old", "text/plain")
    os.utime(tmp_path / blob.key, (1e9, 1e9))
    await store.put_bytes(b"old", "text/plain")
    assert time.time() - (tmp_path / blob.key).stat().st_mtime < 60


async def test_a_folder_that_is_gone_is_not_ready(tmp_path: Path) -> None:
    store = open_store((tmp_path / "artifacts").as_uri())
    (tmp_path / "artifacts").rename(tmp_path / "elsewhere")
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for call in (
        store.check(),
        store.put_bytes(b"x", "a/b"),
        store.put_file(source, "a/b"),
    ):
        with pytest.raises(Retryable) as gone:
            await call
        assert gone.value.code == "store_unavailable"
    assert await store.get_bytes("result/x") is None
    assert not (tmp_path / "artifacts").exists()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Retryable) as refused:
        open_store((tmp_path / "file" / "artifacts").as_uri())
    assert refused.value.code == "store_unavailable"


async def test_copies_of_objects_lie_where_the_next_start_sweeps(s3_server: S3Server, tmp_path: Path) -> None:
    async with Scratch(tmp_path) as scratch:
        store = open_store(s3_server.url(s3_server.new_bucket()), scratch=scratch)
        blob = await store.put_bytes(b"whole", "text/plain")
        async with store.local(blob) as path:
            assert path.read_bytes() == b"whole"
            assert files_in_work(tmp_path) == [path]
        assert files_in_work(tmp_path) == []


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    store = open_store(f"s3://key:secret@127.0.0.1:{free_ports(1)[0]}/bucket?secure=0")
    source = tmp_path / "source"
    source.write_bytes(b"x")
    blob = Blob(sha256="ab" * 32, size=1, media_type="a/b")
    calls = [
        store.check(),
        store.put_bytes(b"x", "a/b"),
        store.put_file(source, "a/b"),
        store.put_if_absent("result/x", b"x"),
        store.get_bytes("result/x"),
        store.has("result/x"),
        store.delete("result/x"),
        store.local(blob).__aenter__(),
    ]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [(type(answer), getattr(answer, "code", answer)) for answer in answers] == [
        (Retryable, "store_unavailable")
    ] * len(calls)


async def test_a_bucket_that_is_not_there_is_not_ready(s3_server: S3Server) -> None:
    store = open_store(s3_server.url("no-such-bucket"))
    with pytest.raises(Retryable, match="no-such-bucket"):
        await store.check()


async def test_a_wrong_secret_is_refused_and_not_repeated(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    url = s3_server.url(bucket).replace(s3_server.secret_key, "open-sesame")
    with pytest.raises(Retryable) as refused:
        await open_store(url).put_bytes(b"x", "a/b")
    assert refused.value.code == "store_unavailable"
    assert "open-sesame" not in str(refused.value)


async def test_bytes_that_arrive_damaged_are_refused_by_the_server(s3_server: S3Server) -> None:
    store = open_store(s3_server.url(s3_server.new_bucket()))
    assert isinstance(store, S3Store)
    sent = hashlib.sha256(b"what was sent")
    key = f"blob/{sent.hexdigest()}"
    with pytest.raises(Retryable):
        await asyncio.to_thread(store.put_object, key, b"what arrived.", 13, sent.digest())
    assert not await store.has(key)


async def test_bytes_that_come_back_damaged_are_not_handed_out(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    store = open_store(s3_server.url(bucket))
    blob = await store.put_bytes(b"right", "a/b")
    await store.delete(blob.key)
    assert await store.put_if_absent(blob.key, b"wrong") == b"wrong"
    with pytest.raises(Retryable, match="damaged"):
        async with store.local(blob):
            pass
