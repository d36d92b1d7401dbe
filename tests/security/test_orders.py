"""Orders of those who mean harm: addresses that lead inside, files that are something else, broken lines."""

import io
import json
import logging
import zipfile
import zlib
from typing import Any

import httpx
import pytest

from libs.contracts.errors import BeatloomError
from libs.contracts.tasks import Fetch
from libs.outbound.targets import resolve_target
from libs.outbound.urls import CALLBACK
from libs.telemetry.logging import JsonFormatter
from services.ingest.sources import fetched
from tests.integration.ingest.flow import SONG
from tests.integration.ingest.server import Api, picture
from tests.integration.ingest.test_api_jobs import problem, raw, stored
from tests.security.hosts import Host, Names, answer, hosting
from tests.security.test_fetch import INSIDE


async def order(api: Api, **submission: object) -> httpx.Response:
    return await api.http.post("/api/v1/jobs", json=submission)


async def test_songs_pictures_and_callbacks_never_lead_inside(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directly, and by a redirect of a host that may be asked."""
    parts = api.front._current()
    monkeypatch.setattr(api.front, "_parts", parts._replace(callback_allow=()))
    (audio,) = (await api.http.post("/api/v1/uploads", files={"audio": ("a.wav", SONG)})).json()["uploads"]
    song = {"audio_upload_id": audio["upload_id"]}
    async with hosting(song=answer(200, SONG)) as host:
        for inside in INSIDE:
            url = host.url("/song", inside)
            host.answers["/away"] = answer(307, location=url)
            away = host.url("/away", "outside.example")
            assert problem(await order(api, audio_url=url)) == (422, "bad_source_url"), url
            with pytest.raises(BeatloomError, match="bad_source_url"):  # what the job's task does
                await fetched(parts.desk, Fetch(audio_url=away))
            for bad in (url, away):
                assert problem(await order(api, **song, image_url=bad)) == (422, "bad_source_url"), bad
            assert problem(await order(api, **song, callback_url=url)) == (422, "bad_callback_url"), url
        asked = {line.partition("/")[0] for line in host.asked}
        assert asked == {f"outside.example:{host.port}"}, "no other name was ever asked for anything"
    assert await stored(api) == [f"blob/{audio['sha256']}"]
    assert api.uploads() == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:169.254.169.254"], ["fd00::1"]]
)
async def test_a_callback_whose_name_means_inside_is_refused_when_it_is_called(addresses: list[str]) -> None:
    names = Names({"innocent.example": [addresses, ["127.0.0.1"]]})
    with pytest.raises(BeatloomError, match="bad_callback_url"):
        await resolve_target("https://innocent.example/hook", (), CALLBACK, resolver=names)
    assert names.asked == ["innocent.example"]


def zipped(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(size))
    return out.getvalue()


def listing(host: Host) -> dict[str, bytes]:
    """Files that name others, in the hope that a decoder opens those."""
    url = host.url("/secret").encode()
    return {
        "m3u": b"#EXTM3U\n#EXTINF:9,\n" + url,
        "hls": b'#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-KEY:METHOD=AES-128,URI="' + url + b'"\n#EXTINF:9,\nx.ts\n',
        "pls": b"[playlist]\nFile1=" + url,
        "asx": b'<asx version="3.0"><entry><ref href="' + url + b'"/></entry></asx>',
        "xspf": b'<?xml version="1.0"?><playlist><trackList><track><location>'
        + url
        + b"</location></track></trackList>",
        "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>'
        + url
        + b"</BaseURL></MPD>",
        "concat": b"ffconcat version 1.0\nfile " + url,
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="' + url + b'"/></svg>',
        "entity": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "html": b'<html><img src="' + url + b'"></html>',
        "postscript": b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n",
        "zip": zipped(1 << 20),
        "zip bomb": zipped(50 << 20),
        "gzip bomb": zlib.compress(bytes(50 << 20)),
    }


async def test_files_that_name_others_or_unpack_are_neither_songs_nor_pictures(api: Api) -> None:
    refused = {
        "audio": {"unsafe_media", "not_media"},
        "image": {"bad_image"},
        "clip": {"unsafe_media", "no_video_stream"},
    }
    async with hosting(secret=answer(200, SONG)) as host:
        for name, data in listing(host).items():
            for kind, codes in refused.items():
                said = await api.http.post("/api/v1/uploads", files={kind: ("song.mp3", data, "audio/mpeg")})
                assert (said.status_code, said.json()["code"] in codes) == (422, True), (name, kind, said.text)
        assert host.asked == []
    bomb = await api.http.post("/api/v1/uploads", files={"image": ("a.png", picture(60_000, 60_000))})
    assert problem(bomb) == (422, "image_too_large")
    assert await stored(api) == []


POLYGLOTS = {
    "a picture and an archive": ("image", picture() + zipped(1000)),
    "a picture and a page": ("image", picture() + b"<html><script>alert(1)</script></html>"),
    "a song and a page": ("audio", SONG + b"<html><script>alert(1)</script></html>"),
    "lyrics and a page": ("lyrics", b"<html><script>alert(1)</script></html>"),
    "lyrics and a drawing": ("lyrics", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
}


async def test_a_file_that_is_two_things_is_served_as_the_one_that_it_was_taken_for(api: Api) -> None:
    """A browser saves it, whatever else it could be, and doesn't guess."""
    types = {"image": "image/png", "audio": "audio/wav", "lyrics": "text/plain; charset=utf-8"}
    for name, (kind, data) in POLYGLOTS.items():
        said = await api.http.post("/api/v1/uploads", files={kind: ("x.html", data, "text/html")})
        assert said.status_code == 201, (name, said.text)
        (taken,) = said.json()["uploads"]
        assert taken["media_type"] == types[kind]
        got = await api.http.get(taken["link"])
        assert got.content == data
        assert got.headers["content-type"] == types[kind]
        assert got.headers["content-disposition"].startswith("attachment;")
        assert got.headers["x-content-type-options"] == "nosniff"


NASTY = 'a"; filename="b.html\r\nSet-Cookie: x=1\r\n\r\n<script>\u202e\u0000\x1b[31m;é'


async def announced(api: Api, **more: Any) -> httpx.Response:
    return await api.http.post("/api/v1/uploads/presign", json={"kind": "audio", "size": len(SONG), **more})


async def test_names_and_types_break_no_header(api: Api) -> None:
    place = (await announced(api, filename=NASTY)).json()
    assert (await api.http.put(place["url"], content=SONG, headers=place["headers"])).status_code == 204
    taken = (await api.http.post(place["complete"])).json()
    got = await api.http.get(taken["link"])
    assert "set-cookie" not in got.headers
    disposition = got.headers["content-disposition"]
    assert not set(disposition) & set("\r\n\0\x1b\u202e<>")
    assert disposition.count('"') == 2
    for kind in ("audio/mpeg\r\nX-Evil: 1", "audio/mpeg; x=\n", "audio", "a/b/c", "ä/b", " audio/x"):
        assert problem(await announced(api, content_type=kind)) == (400, "bad_request"), kind
    for key in ("a\tb", "é", "a b"):
        answer_ = await raw(
            api,
            f"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIdempotency-Key: {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode(),
        )
        assert answer_.startswith(b"HTTP/1.1 400"), key


async def test_no_text_breaks_a_line_of_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    forged = '\n{"level":"error","message":"forged"}'
    await order(api, audio_url=f"https://example.com/{forged}")
    await api.http.post("/api/v1/uploads", files={f"virus{forged}": ("a", b"x")})
    await api.http.get("/api/v1/uploads/%0a%7B%22level%22%3A1%7D")
    await announced(api, filename=forged, content_type=forged)
    await api.http.get("/api/v1/jobs/x", headers={"traceparent": "00-%0a", "x-request-id": "%0aforged"})
    for record in caplog.records:
        line = JsonFormatter("ingest").format(record)
        assert "\n" not in line
        assert json.loads(line)["level"] == record.levelname.lower()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"options": ' + b'{"a":' * 10_000])
async def test_json_that_never_ends_is_a_bad_request(api: Api, body: bytes) -> None:
    for path in ("jobs", "projects", "orchestrate/start", "uploads/presign"):
        headers = {"Content-Type": "application/json"}
        answered = await api.http.post(f"/api/v1/{path}", content=body, headers=headers)
        assert problem(answered) == (400, "bad_request"), path
