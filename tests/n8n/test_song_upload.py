"""The flow song-upload: a form of files goes through to the backend."""

from __future__ import annotations

import email
from email.message import Message
from pathlib import Path

import httpx
import pytest

from tests.n8n.conftest import KEY, MARKS, Flows
from tests.n8n.scripted import Request, reply, scripted
from tests.songs import make_song

pytestmark = MARKS

Files = dict[str, tuple[str, bytes, str]]


def upload(flows: Flows, files: Files, data: dict[str, str] | None = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(flows.hook("song-upload"), files=files, data=data, headers=named, timeout=120)


def parts_of(request: Request) -> dict[str, Message]:
    """The parts of a form by name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n"
    message = email.message_from_bytes(head.encode() + request.body)
    assert message.is_multipart()
    return {
        str(part.get_param("name", header="content-disposition")): part
        for part in message.walk()
        if part is not message
    }


def test_song_picture_lyrics_and_options_arrive_as_they_were(flows: Flows, tmp_path: Path) -> None:
    song = make_song(tmp_path).path.read_bytes()
    files: Files = {
        "song": ("Ein Lied.wav", song, "application/octet-stream"),
        "image": ("a.png", b"\x89PNG not really", "image/png"),
        "lyrics": ("a.lrc", "[00:01.00]äöü".encode(), "text/plain"),
    }
    with scripted(flows.backend_port, lambda _: reply(202, {"job_id": "j1"})) as came:
        answer = upload(flows, files, {"options": '{"height": 180}'}, Idempotency_Key="mine")
    assert (answer.status_code, answer.json()) == (202, {"job_id": "j1"})
    (request,) = came
    assert (request.method, request.path) == ("POST", "/api/v1/jobs")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["idempotency-key"] == "mine"
    parts = parts_of(request)
    assert {name: part.get_payload(decode=True) for name, part in parts.items()} == {
        **{name: content for name, (_, content, _) in files.items()},
        "options": b'{"height": 180}',
    }
    assert parts["song"].get_filename() == "Ein Lied.wav"


def test_a_song_alone_is_enough(flows: Flows) -> None:
    with scripted(flows.backend_port, lambda _: reply(202, {})) as came:
        assert upload(flows, {"song": ("a.mp3", b"x" * 100_000, "audio/mpeg")}).status_code == 202
    parts = parts_of(came[0])
    assert set(parts) == {"song", "options", "lyrics"}
    assert parts["options"].get_payload(decode=True) == b"{}"
    assert parts["lyrics"].get_payload(decode=True) == b""


def test_lyrics_may_be_a_field_of_the_form(flows: Flows) -> None:
    with scripted(flows.backend_port, lambda _: reply(202, {})) as came:
        upload(flows, {"song": ("a.mp3", b"x", "audio/mpeg")}, {"lyrics": "one\ntwö"})
    assert parts_of(came[0])["lyrics"].get_payload(decode=True) == "one\ntwö".encode()


@pytest.mark.parametrize("status", [400, 413, 422, 507])
def test_the_backends_refusal_is_passed_through(flows: Flows, status: int) -> None:
    with scripted(flows.backend_port, lambda _: reply(status, {"code": "told"})):
        answer = upload(flows, {"song": ("a.mp3", b"x", "audio/mpeg")})
    assert (answer.status_code, answer.json()) == (status, {"code": "told"})


def test_every_try_sends_the_whole_song(flows: Flows) -> None:
    with scripted(flows.backend_port, lambda _: None) as came:
        answer = upload(flows, {"song": ("a.mp3", b"x" * 300_000, "audio/mpeg")})
    assert (answer.status_code, answer.json()["code"]) == (502, "backend_unreachable")
    assert [len(parts_of(request)["song"].get_payload(decode=True) or b"") for request in came] == [300_000] * 3


def test_a_form_without_a_song_is_refused_without_asking(flows: Flows) -> None:
    with scripted(flows.backend_port, lambda _: reply(202, {})) as came:
        no_song = upload(flows, {"image": ("a.png", b"x", "image/png")})
        no_form = httpx.post(flows.hook("song-upload"), json={"song": "a"}, timeout=60)
        only_text = httpx.post(
            flows.hook("song-upload"),
            content=b'--b\r\nContent-Disposition: form-data; name="song"\r\n\r\ntext\r\n--b--\r\n',
            headers={"content-type": "multipart/form-data; boundary=b"},
            timeout=60,
        )
    assert [answer.status_code for answer in (no_song, no_form, only_text)] == [400, 400, 400]
    assert came == []
