"""Servers that lie: each answer becomes an error of ours, soon, with little memory, and without secrets."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import logging
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.generator.comfyui import transport
from services.generator.comfyui.address import Address
from services.generator.comfyui.answers import OutputFile
from services.generator.comfyui.errors import LETTERS, ComfyError, InvalidGraph, Refused, Unreachable
from services.generator.comfyui.gateway import Gateway
from tests.integration.generator.liar import Answer, lying, reply

GRAPH: dict[str, Any] = {"9": {"class_type": "SaveImage", "inputs": {}}}
FILE = OutputFile("a.png")
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


def endless(head: bytes, chunk: bytes) -> Answer:
    """Never ends by itself."""
    return lambda _: itertools.chain([head], itertools.repeat(chunk))


def always(*parts: bytes | float) -> Answer:
    """The same each time."""
    return lambda _: parts


def bomb() -> bytes:
    """64 MB in 64 kB, packed twice over."""
    return gzip.compress(gzip.compress(bytes(64_000_000), 1), 1)


LIES: dict[str, tuple[Answer, type[ComfyError], str]] = {
    "endless JSON": (endless(OK + b"\r\n[", b"1," * 50_000), Refused, "more than"),
    "a length of a petabyte": (always(OK + b"Content-Length: 1000000000000000\r\n\r\n[1"), Unreachable, ""),
    "gzip": (always(reply(gzip.compress(b"{}"), "Content-Encoding: gzip")), Refused, "compressed"),
    "a bomb": (always(reply(bomb(), "Content-Encoding: gzip, gzip")), Refused, "compressed"),
    "deep": (always(reply(b"[" * 100_000)), Refused, "recursion"),
    "deep objects": (always(reply(b'{"a":' * 50_000)), Refused, "recursion"),
    "HTML": (always(reply(b"  <!doctype html><title>Sign in</title>")), Refused, "web page"),
    "NaN": (always(reply(b'{"queue_running": [[NaN, "a"]], "queue_pending": []}')), Refused, "can't be read"),
    "not UTF-8": (always(reply(b'{"a": "\xff\xfe"}')), Refused, "can't be read"),
    "surrogates": (always(reply(b'{"a": "\\ud800"}')), Refused, "can't be read"),
    "a number of 400 digits": (always(reply(b"1" * 400)), Refused, "can't be read"),
    "nothing": (always(reply(b"")), Refused, "can't be read"),
    "null": (always(reply(b"null")), Refused, "can't be read"),
    "a redirect": (always(reply(b"", "Location: file:///etc/passwd", status="302 Found")), Refused, "elsewhere"),
    "endless 1xx": (endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100), Unreachable, ""),
    "101": (always(reply(b"", "Upgrade: x", "Connection: Upgrade", status="101 Switching")), Unreachable, ""),
    "a bad chunk": (always(OK + b"Transfer-Encoding: chunked\r\n\r\nfff", b"zz\r\nnonsense"), Unreachable, ""),
    "a header without end": (endless(OK + b"X: ", b"x" * 100_000), Unreachable, ""),
    "no HTTP": (always(b"SSH-2.0-OpenSSH_9.6\r\n" * 50), Unreachable, ""),
    "drop by drop": (lambda _: itertools.chain([OK + b"\r\n"], itertools.cycle([b" ", 0.02])), Unreachable, ""),
    "silence": (always(OK, 30.0), Unreachable, ""),
    "an unknown status": (always(reply(b"x", status="999 Odd")), Refused, "999"),
    "an error page": (
        endless(b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n", b"e" * 100_000),
        Refused,
        "more than",
    ),
    "a charset that is none": (
        always(reply(b"x\x9c", "Content-Type: text/plain; charset=zlib_codec", status="418 No")),
        Refused,
        "418",
    ),
    "words for a terminal": (always(reply(b"a\x1b[2Jb\nERROR c\x00d" * 900, status="400 No")), Refused, "ERROR"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 3_000_000)
    answer, error, words = LIES[lie]
    async with lying(answer) as url, Gateway(Address(url), "test", quick_s=0.5) as gateway:
        began = time.monotonic()
        tracemalloc.start()
        try:
            with pytest.raises(ComfyError) as caught:
                await gateway.queue()
            assert tracemalloc.get_traced_memory()[1] < 30_000_000
        finally:
            tracemalloc.stop()
    text = str(caught.value)
    assert (type(caught.value), words in text) == (error, True), text
    assert text.isprintable()
    assert len(text) <= LETTERS
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    "lie", ["deep", "HTML", "not UTF-8", "null", "a number of 400 digits", "a redirect", "gzip"]
)
async def test_no_call_lets_a_lie_through(tmp_path: Path, lie: str) -> None:
    answer, _, _ = LIES[lie]
    prompt_id = str(uuid4())
    async with lying(answer) as url, Gateway(Address(url), "test", quick_s=1.0) as gateway:
        for call in (
            gateway.stats(),
            gateway.object_info(),
            gateway.models("vae"),
            gateway.submit(GRAPH, prompt_id),
            gateway.history(prompt_id),
            gateway.job(prompt_id),
            gateway.upload(b"1", "a.png"),
        ):
            with pytest.raises(ComfyError):
                await call
        if lie in ("a redirect", "gzip"):
            with pytest.raises(Refused):
                await gateway.download(FILE, tmp_path / "a.png")
            assert not [*tmp_path.iterdir()]


async def test_cookies_are_not_kept() -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> Iterable[bytes]:
        heads.append(head)
        return [reply(b"[]", *(f"Set-Cookie: c{number}={'x' * 400}" for number in range(20)))]

    async with lying(answer) as url, Gateway(Address(url), "test") as gateway:
        for _ in range(2):
            await gateway.models("vae")
    assert b"cookie" not in heads[1].lower()


@pytest.mark.parametrize(
    ("status", "body"),
    [("401 No", "echo"), ("400 No", "echo"), ("302 No", ""), ("200 OK", "echo"), ("500 No", "echo")],
)
async def test_a_password_is_told_to_the_server_alone(
    caplog: pytest.LogCaptureFixture, status: str, body: str
) -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> Iterable[bytes]:
        heads.append(head)
        return [reply(head if body else b"", "Location: /elsewhere", status=status)]

    caplog.set_level(logging.DEBUG)
    async with lying(answer) as plain:
        url = plain.replace("://", "://me:secret@")
        async with Gateway(Address(url), "test") as gateway:
            for call in (
                gateway.queue(),
                gateway.history("p"),
                gateway.submit(GRAPH, str(uuid4())),
                gateway.free(),
            ):
                with pytest.raises(ComfyError) as caught:
                    await call
                    raise Refused("it was taken", status=200)
                assert "secret" not in f"{caught.value} {caught.value!r}"
                assert "bWU6c2VjcmV0" not in f"{caught.value} {caught.value!r}"
    assert all(b"Authorization: Basic bWU6c2VjcmV0" in head for head in heads)
    assert "secret" not in caplog.text
    assert "bWU6c2VjcmV0" not in caplog.text


TAKEN = {"prompt_id": "PROMPT", "number": 1, "node_errors": {}}


@pytest.mark.parametrize(
    ("said", "status", "error", "infrastructure"),
    [
        (TAKEN | {"node_errors": {"9": {"errors": [], "class_type": "SaveImage"}}}, "200 OK", InvalidGraph, False),
        (TAKEN | {"node_errors": [1]}, "200 OK", InvalidGraph, False),
        (TAKEN | {"prompt_id": "another"}, "200 OK", Refused, False),
        (TAKEN | {"prompt_id": "../../free?x"}, "200 OK", Refused, False),
        (TAKEN | {"prompt_id": 5}, "200 OK", Refused, True),
        (TAKEN | {"number": 10**300}, "200 OK", Refused, True),
        ({"error": "no", "node_errors": []}, "400 No", InvalidGraph, False),
        ({"error": {"type": "x", "extra_info": [1]}, "node_errors": {}}, "400 No", Refused, False),
        ([], "400 No", Refused, False),
        ({"error": "x" * 1_000_000}, "400 No", InvalidGraph, False),
    ],
)
async def test_odd_answers_to_a_prompt(
    said: Any, status: str, error: type[ComfyError], infrastructure: bool
) -> None:
    prompt_id, asked = str(uuid4()), []

    def answer(head: bytes) -> Iterable[bytes]:
        asked.append(head.split(b" ")[1].decode())
        if head.startswith(b"POST /prompt"):
            return [reply(json.dumps(said).replace("PROMPT", prompt_id).encode(), status=status)]
        return [reply(b'{"queue_running": [], "queue_pending": []}')]

    async with lying(answer) as url, Gateway(Address(url), "test") as gateway:
        with pytest.raises(ComfyError) as caught:
            await gateway.submit(GRAPH, prompt_id)
    assert type(caught.value) is error, caught.value
    assert caught.value.infrastructure == infrastructure
    assert len(str(caught.value)) <= LETTERS
    assert not any(".." in path for path in asked)


DATA = bytes(range(256)) * 40


def ranged(start: int, body: bytes, total: int, tag: str = '"1"') -> bytes:
    """A part of a file, honest or not."""
    return reply(
        body, f"Content-Range: bytes {start}-{start + len(body) - 1}/{total}", f"ETag: {tag}", status="206 Partial"
    )


PARTS: dict[str, list[Answer]] = {
    "honest": [lambda head: [ranged(5000, DATA[5000:], len(DATA))]],
    "another file from there on": [lambda head: [ranged(5000, b"?" * (len(DATA) - 5000), len(DATA), '"2"')]],
    "without a tag": [lambda head: [ranged(5000, b"?" * (len(DATA) - 5000), len(DATA), "")]],
    "another part": [lambda head: [ranged(100, DATA[100:], len(DATA))]],
    "another length": [lambda head: [ranged(5000, DATA[5000:], 10**15)]],
    "fewer": [lambda head: [ranged(5000, DATA[5000:6000], len(DATA))]],
    "more": [
        lambda head: [
            b"HTTP/1.1 206 P\r\nConnection: close\r\n",
            f'Content-Range: bytes 5000-9/{len(DATA)}\r\nETag: "1"\r\n\r\n'.encode(),
            *[b"?" * 100_000] * 50,
        ]
    ],
    "416": [always(reply(b"", status="416 No"))],
    "the whole": [always(reply(DATA, 'ETag: "1"'))],
    "a gateway": [always(reply(b"<html>", status="502 Bad"))],
}


@pytest.mark.parametrize("part", PARTS)
async def test_a_file_is_never_pieced_together_from_two(tmp_path: Path, part: str) -> None:
    answers = [
        always(OK + f'Content-Length: {len(DATA)}\r\nETag: "1"\r\n\r\n'.encode() + DATA[:5000]),
        *PARTS[part],
    ]
    left, whole = iter(answers), always(reply(DATA, 'ETag: "1"'))

    def answer(head: bytes) -> Iterable[bytes | float]:
        return next(left, whole)(head)

    async with lying(answer) as url, Gateway(Address(url), "test") as gateway:
        got = await gateway.download(FILE, tmp_path / "out", largest=20_000)
    assert (tmp_path / "out").read_bytes() == DATA
    assert got.size == len(DATA)


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a\0b", "a\nb", "ü💥", "x" * 10_000, "http://127.0.0.1/", "%2e%2e/a"],
)
async def test_a_files_name_is_a_word_in_a_query_and_nothing_else(tmp_path: Path, name: str) -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> Iterable[bytes]:
        heads.append(head)
        return [reply(b"", status="404 None")]

    async with lying(answer) as url, Gateway(Address(url), "test") as gateway:
        with pytest.raises(ComfyError) as caught:
            await gateway.download(OutputFile(name, subfolder=name), tmp_path / "out")
    assert heads[0].startswith(b"GET /view?filename=")
    assert heads[0].count(b"\r\n\r\n") == 1
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) <= LETTERS
    assert not [*tmp_path.iterdir()]


async def test_what_waits_for_a_liar_can_be_called_off() -> None:
    async with lying(always(30.0)) as url, Gateway(Address(url), "test") as gateway:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await gateway.queue()
