"""Bodies off the wire: good ones in any pieces, bad ones refused, nothing held in memory."""

import asyncio
import errno
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.errors import BeatloomError, Permanent
from services.ingest.orders import FORM, Order, order_of
from services.ingest.uploads import receive as wire
from services.ingest.uploads.receive import drain, receive, receive_file
from services.ingest.uploads.sink import Received, Sink

TYPE = "multipart/form-data; boundary=XX"


def part(name: str, data: bytes, filename: str = "") -> bytes:
    extra = f'; filename="{filename}"' if filename else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + data + b"\r\n"


END = b"--XX--\r\n"


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def take(body: bytes, folder: Path, *, content_type: str = TYPE, length: int | None = None) -> Order:
    parts = await receive(pieces(body, 1000), FORM, content_type=content_type, content_length=length, folder=folder)
    return order_of(parts)


async def code(body: bytes, folder: Path, *, content_type: str = TYPE, length: int | None = None) -> str:
    with pytest.raises(BeatloomError) as caught:
        await take(body, folder, content_type=content_type, length=length)
    return caught.value.code


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=300), size=st.integers(1, 80))
def test_any_pieces_give_the_same_files(data: bytes, size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    data += b"\r\n--X not the end"
    folder = tmp_path_factory.mktemp("upload")
    body = part("song", data, "../a.mp3") + part("options", b'{"seed": 1}') + END
    parts = asyncio.run(
        receive(pieces(body, size), FORM, content_type=TYPE, content_length=len(body), folder=folder)
    )
    order = order_of(parts)
    assert isinstance(order.song, Received)
    assert order.song.path.read_bytes() == data
    assert order.song.sha256 == hashlib.sha256(data).hexdigest()
    assert (order.song.name, order.song.size) == ("a.mp3", len(data))
    assert order.options == b'{"seed": 1}'
    assert order.image is None
    assert order.song.path.parent == folder


async def test_the_digest_is_of_the_contents(tmp_path: Path) -> None:
    async def digest(body: bytes, name: str) -> str:
        (tmp_path / name).mkdir()
        return (await take(body + END, tmp_path / name)).digest

    one = await digest(part("song", b"abc", "x.mp3") + part("lyrics", b"la"), "1")
    assert one == await digest(part("lyrics", b"la") + part("song", b"abc", "y.mp3"), "2")
    assert one != await digest(part("song", b"abd", "x.mp3") + part("lyrics", b"la"), "3")
    assert one != await digest(part("song", b"abc", "x.mp3") + part("options", b"la"), "4")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("", "bad_request"),
        ("multipart/form-data", "bad_request"),
        ("multipart/form-data; boundary=", "bad_request"),
        ("multipart/form-data; boundary=" + "x" * 5000, "bad_request"),
        ("multipart/form-data; boundary=é", "bad_request"),
        ("application/json", "bad_request"),
        ("multipart/mixed; boundary=XX", "bad_request"),
    ],
)
async def test_what_is_not_a_form_is_refused(content_type: str, expected: str, tmp_path: Path) -> None:
    assert await code(part("song", b"abc") + END, tmp_path, content_type=content_type) == expected


async def test_bad_bodies_have_stable_codes(tmp_path: Path) -> None:
    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    song = part("song", b"abc", "a.mp3")
    assert await code(b"", folder("empty")) == "bad_request"
    assert await code(END, folder("nothing")) == "song_missing"
    assert await code(part("lyrics", b"la") + END, folder("songless")) == "song_missing"
    assert await code(part("song", b"") + END, folder("hollow")) == "empty_file"
    assert await code(song + part("image", b"") + END, folder("blank")) == "empty_file"
    assert await code(song, folder("cut")) == "bad_request"
    assert await code(song[:-2], folder("cut in the data")) == "bad_request"
    assert await code(song + song + END, folder("twice")) == "bad_request"
    assert await code(song + part("virus", b"x") + END, folder("unknown")) == "bad_request"
    assert await code(b"".join(part(f"p{n}", b"x") for n in range(1000)) + END, folder("many")) == "bad_request"
    assert await code(b"garbage" * 1000, folder("garbage")) == "bad_request"
    assert await code(song.replace(b"form-data", b"attachment") + END, folder("kind")) == "bad_request"
    assert await code(song.replace(b'name="song"', b'name="' + b"s" * 9000 + b'"') + END, folder("long")) == (
        "bad_request"
    )


@pytest.mark.parametrize("name", ["image", "lyrics", "options"])
async def test_each_part_has_its_limit(name: str, tmp_path: Path) -> None:
    body = part("song", b"abc") + part(name, b"\0" * (FORM[name] + 1)) + END
    with pytest.raises(Permanent) as caught:
        await receive(pieces(body, 1 << 16), FORM, content_type=TYPE, content_length=None, folder=tmp_path)
    assert caught.value.code == "file_too_large"
    assert name in caught.value.message


async def test_a_length_that_is_too_large_is_refused_before_reading(tmp_path: Path) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield b""

    with pytest.raises(Permanent, match="file_too_large"):
        await receive(
            body(),
            FORM,
            content_type=TYPE,
            content_length=sum(FORM.values()) + wire.FORM_BYTES + 1,
            folder=tmp_path,
        )
    assert not read


async def test_an_endless_preamble_is_refused(tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"\0" * 1000

    with pytest.raises(Permanent, match="file_too_large"):
        await receive(body(), {"song": 100}, content_type=TYPE, content_length=None, folder=tmp_path)


async def test_a_silent_sender_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "IDLE_SECONDS", 0.05)

    async def body() -> AsyncIterator[bytes]:
        yield part("song", b"abc")[:20]
        await asyncio.sleep(60)

    with pytest.raises(Permanent, match="bad_request"):
        await receive(body(), FORM, content_type=TYPE, content_length=None, folder=tmp_path)


async def test_a_sender_that_trickles_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "LONGEST_SECONDS", 0.1)

    async def body() -> AsyncIterator[bytes]:
        yield part("song", b"")[:-2]
        while True:
            await asyncio.sleep(0.01)
            yield b"x"

    with pytest.raises(Permanent, match="too long"):
        await receive(body(), FORM, content_type=TYPE, content_length=None, folder=tmp_path)


async def test_a_large_song_is_never_held_in_memory(tmp_path: Path) -> None:
    block = bytes(range(256)) * 1024
    count = 160

    async def body() -> AsyncIterator[bytes]:
        yield part("song", b"", "a.wav")[:-2]
        for _ in range(count):
            yield block
        yield b"\r\n" + END

    tracemalloc.start()
    try:
        parts = await receive(body(), FORM, content_type=TYPE, content_length=None, folder=tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert parts["song"].size == len(block) * count
    assert peak < 8_000_000


async def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Sink, "_write", full)
    assert await code(part("song", b"abc") + END, tmp_path) == "no_space"


async def test_draining_ends_in_time() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    async with asyncio.timeout(2):
        await drain(endless(), seconds=0.1)


async def test_a_file_must_have_the_size_that_was_announced(tmp_path: Path) -> None:
    found = await receive_file(pieces(b"abcdef", 2), size=6, name="x", path=tmp_path / "1")
    assert (found.path.read_bytes(), found.sha256) == (b"abcdef", hashlib.sha256(b"abcdef").hexdigest())
    for size, code in ((7, "upload_mismatch"), (5, "file_too_large")):
        with pytest.raises(Permanent, match=code):
            await receive_file(pieces(b"abcdef", 2), size=size, name="x", path=tmp_path / str(size))
