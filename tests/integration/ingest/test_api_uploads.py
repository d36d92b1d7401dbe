"""Uploads over a real port: taken by content, announced and PUT, fetched, used by jobs, gone after their time."""

import asyncio
import errno
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from libs.contracts.errors import Retryable
from services.ingest.garbage import remove_garbage
from services.ingest.uploads.presign import complete, incoming_key
from services.ingest.uploads.scan import Scanner
from services.ingest.uploads.sink import Sink
from tests.fakes.clamd import EICAR, clamd
from tests.integration.ingest.flow import SONG, VIDEO, finished
from tests.integration.ingest.server import Api, picture
from tests.integration.ingest.test_api_jobs import problem, stored
from tests.security.hosts import answer, hosting
from tests.waiting import until

PICTURE = picture()


async def upload(api: Api, **files: bytes) -> list[dict[str, Any]]:
    sent = {kind: ("../x.txt", data, "application/octet-stream") for kind, data in files.items()}
    said = await api.http.post("/api/v1/uploads", files=sent)
    assert said.status_code == 201, said.text
    uploads: list[dict[str, Any]] = said.json()["uploads"]
    return uploads


async def order(api: Api, *, key: str = "", **submission: object) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await api.http.post("/api/v1/jobs", json=submission, headers=headers)


async def test_files_are_what_their_content_says(api: Api) -> None:
    audio, image, lyrics = await upload(api, lyrics=b"[00:01.00]la", audio=SONG, image=PICTURE)
    assert [one["media_type"] for one in (audio, image, lyrics)] == [
        "audio/wav",
        "image/png",
        "text/plain; charset=utf-8",
    ]
    assert audio["facts"]["duration"] == pytest.approx(6.0)
    assert (image["facts"]["width"], lyrics["facts"]["format"]) == (32, "lrc")
    assert (audio["name"], audio["status"], audio["size"]) == ("x.txt", "ready", len(SONG))
    path = f"/api/v1/uploads/{audio['upload_id']}"
    assert (await api.http.get(path)).json() == audio
    assert (await api.http.get(audio["link"])).content == SONG
    part = await api.http.get(audio["link"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, SONG[:4])
    assert (await api.http.delete(path)).status_code == 204
    assert problem(await api.http.delete(path)) == (404, "upload_not_found")
    assert problem(await api.http.get(audio["link"])) == (404, "upload_not_found")


async def test_all_files_of_a_request_are_taken_or_none(api: Api) -> None:
    for files, expected in (
        ({"audio": ("a.mp3", SONG), "image": ("b.png", b"GIF89a nonsense")}, (422, "bad_image")),
        ({"audio": ("a.mp3", b"#EXTM3U\nhttp://x/\n")}, (422, "unsafe_media")),
        ({"audio": ("a.mp3", PICTURE, "audio/mpeg")}, (422, "not_media")),
        ({"image": ("a.png", SONG, "image/png")}, (422, "bad_image")),
        ({"clip": ("a.mp4", SONG, "video/mp4")}, (422, "no_video_stream")),
        ({"lyrics": ("a.txt", b"")}, (422, "empty_file")),
        ({"song": ("a.mp3", SONG)}, (400, "bad_request")),
    ):
        assert problem(await api.http.post("/api/v1/uploads", files=files)) == expected, files.keys()
    assert problem(await api.http.post("/api/v1/uploads")) == (400, "bad_request")
    assert await stored(api) == []
    assert api.uploads() == []


async def announced(api: Api, data: bytes, **more: object) -> dict[str, Any]:
    body = {"kind": "audio", "filename": "My song.mp3", "content_type": "audio/mpeg", "size": len(data), **more}
    said = await api.http.post("/api/v1/uploads/presign", json=body)
    assert said.status_code == 201, said.text
    place: dict[str, Any] = said.json()
    return place


async def test_an_announced_file_is_put_completed_and_ordered(api: Api) -> None:
    place = await announced(api, SONG)
    path = f"/api/v1/uploads/{place['upload_id']}"
    assert (await api.http.get(path)).json()["status"] == "waiting"
    assert problem(await api.http.post(place["complete"])) == (409, "upload_not_ready")
    assert problem(await order(api, audio_upload_id=place["upload_id"])) == (409, "upload_not_ready")
    for _ in range(2):  # the first answer was lost
        assert (await api.http.put(place["url"], content=SONG, headers=place["headers"])).status_code == 204
    assert await stored(api) == [incoming_key(place["upload_id"])]
    both = await asyncio.gather(*(api.http.post(place["complete"]) for _ in range(2)))
    assert [said.status_code for said in both] == [200, 200]
    done = both[0].json()
    assert both[1].json() == done
    assert (done["status"], done["media_type"], done["name"]) == ("ready", "audio/wav", "My song.mp3")
    assert await stored(api) == [f"blob/{done['sha256']}"]
    late = await api.http.put(place["url"], content=SONG, headers=place["headers"])
    assert problem(late) == (403, "bad_signature"), "what it was signed for waits no more"
    taken = await order(api, audio_upload_id=place["upload_id"], options={"height": 320})
    assert taken.status_code == 202, taken.text
    job = (await api.http.get(taken.headers["location"])).json()
    assert (job["song_name"], job["options"]["height"]) == ("My song.mp3", 320)


async def test_a_put_has_the_announced_size_and_type_and_no_other_address(api: Api) -> None:
    place, other = await announced(api, SONG), await announced(api, SONG[:-2])

    async def put(
        url: str, data: bytes = SONG, headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, str]:
        return problem(await api.http.put(url, content=data, headers={**place["headers"], **headers}))

    assert await put(place["url"], SONG[:-1], {"Content-Length": str(len(SONG) - 1)}) == (422, "upload_mismatch")
    assert await put(place["url"], headers={"Content-Type": "audio/wav"}) == (422, "upload_mismatch")
    signature = place["url"].rpartition("=")[2]
    for url, code in (
        (place["url"].replace(place["upload_id"], other["upload_id"]), "bad_signature"),
        (place["url"].replace("expires=1", "expires=2"), "bad_signature"),
        (place["url"].replace(signature, signature[::-1]), "bad_signature"),
        (place["url"].partition("?")[0], "bad_signature"),
    ):
        assert await put(url) == (403, code), url
    assert problem(await api.http.get(place["url"])) == (403, "bad_signature"), "it is for a PUT alone"
    api.clock.ahead = timedelta(minutes=6)
    assert await put(place["url"]) == (403, "link_expired")
    assert await stored(api) == []
    large = {"kind": "image", "size": 30_000_001}
    assert problem(await api.http.post("/api/v1/uploads/presign", json=large)) == (413, "file_too_large")
    for bad in ({"kind": "virus", "size": 1}, {"kind": "audio", "size": 0}, {"kind": "audio"}):
        assert problem(await api.http.post("/api/v1/uploads/presign", json=bad)) == (400, "bad_request")


async def test_bytes_that_are_refused_leave_nothing_and_may_be_sent_anew(api: Api) -> None:
    place = await announced(api, b"x" * len(SONG))
    await api.http.put(place["url"], content=b"x" * len(SONG), headers=place["headers"])
    assert problem(await api.http.post(place["complete"])) == (422, "not_media")
    assert await stored(api) == []
    await api.http.put(place["url"], content=SONG, headers=place["headers"])
    assert (await api.http.post(place["complete"])).status_code == 200


async def test_a_death_while_completing_is_made_up_by_asking_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await announced(api, SONG)
    await api.http.put(place["url"], content=SONG, headers=place["headers"])
    desk = api.front._current().desk

    async def dies(*_: object) -> None:
        raise Retryable("ledger_unavailable")

    with monkeypatch.context() as dying:
        dying.setattr("services.ingest.uploads.records.make_ready", dies)
        with pytest.raises(Retryable):
            await complete(desk, "local", place["upload_id"])
    assert (await complete(desk, "local", place["upload_id"])).status == "ready"


async def test_a_song_at_an_address_is_fetched_by_its_job(api: Api) -> None:
    """The order is taken at once, whatever the address does; what came with it is looked at now."""
    async with hosting(song=answer(200, SONG)) as host:
        (image,) = await upload(api, image=PICTURE)
        sent = {
            "audio_url": host.url("/song?key=secret", "outside.example"),
            "image_upload_id": image["upload_id"],
            "lyrics": "la la\nla",
            "callback_url": "https://example.com/hook",
        }
        taken = await order(api, key="k1", **sent)
        assert taken.status_code == 202, taken.text
        again = await order(api, key="k1", **sent)
        assert (again.status_code, again.json()["job_id"]) == (200, taken.json()["job_id"])
        other = await order(api, key="k1", **{**sent, "lyrics": "lo"})
        assert problem(other) == (422, "idempotency_conflict")
        assert problem(await order(api, audio_url=host.url("/song"))) == (422, "bad_source_url")
        assert problem(await order(api, **{**sent, "lyrics": "\x01"})) == (422, "bad_lyrics")
        assert host.asked == []
    job = (await api.http.get(taken.headers["location"])).json()
    assert job["options"]["callback_url"] == "https://example.com/hook"
    assert len(await stored(api)) == 2
    assert api.uploads() == []


async def test_a_picture_for_a_song_that_is_here_is_fetched_at_once(api: Api) -> None:
    (audio,) = await upload(api, audio=SONG)
    async with hosting(theme=answer(200, PICTURE), song=answer(200, SONG)) as host:
        host.answers["/a?key=secret"] = answer(302, location="/theme")
        sent = {
            "audio_upload_id": audio["upload_id"],
            "image_url": host.url("/a?key=secret", "outside.example"),
        }
        taken = await order(api, key="k1", **sent)
        assert taken.status_code == 202, taken.text
        asked = len(host.asked)
        again = await order(api, key="k1", **sent)
        assert (again.status_code, again.json()["job_id"]) == (200, taken.json()["job_id"])
        assert len(host.asked) == asked, "nothing is fetched for what was taken before"
        for path, expected in (("/nothing", (422, "fetch_refused")), ("/song", (422, "bad_image"))):
            bad = {**sent, "image_url": host.url(path, "outside.example")}
            assert problem(await order(api, **bad)) == expected
    assert problem(await order(api, **sent)) == (424, "fetch_failed")
    assert len(await stored(api)) == 2
    assert api.uploads() == []


async def test_orders_in_json_that_can_not_be_meant(api: Api) -> None:
    for body, expected in (
        ({}, (400, "song_missing")),
        ({"audio_url": "https://example.com/", "audio_upload_id": "1"}, (400, "bad_request")),
        ({"audio_url": 5}, (400, "bad_request")),
        ({"audio": "x"}, (400, "bad_request")),
        ({"audio_upload_id": "../x"}, (404, "upload_not_found")),
        ({"audio_upload_id": "1", "options": {"height": "tall"}}, (422, "bad_options")),
        ({"audio_upload_id": "1", "callback_url": "file:///x"}, (422, "bad_callback_url")),
    ):
        assert problem(await order(api, **body)) == expected, body
    headers = {"Content-Type": "application/json"}
    for raw in (b"", b"{", b"[]", b"\xff", b"[" * 100_000):
        assert problem(await api.http.post("/api/v1/jobs", content=raw, headers=headers)) == (400, "bad_request")
    (image,) = await upload(api, image=PICTURE)
    assert problem(await order(api, audio_upload_id=image["upload_id"])) == (400, "bad_request")


async def test_the_bytes_of_uploads_stay_until_their_time_is_over(api: Api) -> None:
    (audio,) = await upload(api, audio=SONG)
    place = await announced(api, SONG)
    await api.http.put(place["url"], content=SONG, headers=place["headers"])
    now = api.clock()
    assert await remove_garbage(api.database, api.store, now + timedelta(days=2)) == 1
    assert await stored(api) == [f"blob/{audio['sha256']}"], "what was never completed is gone"
    api.clock.ahead = timedelta(days=1, minutes=1)
    assert problem(await api.http.get(audio["link"])) == (404, "upload_not_found")
    assert problem(await order(api, audio_upload_id=audio["upload_id"])) == (404, "upload_not_found")


async def test_a_scanner_finds_or_is_away_and_nothing_passes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async with clamd() as double:
        parts = api.front._current()
        monkeypatch.setattr(
            api.front, "_parts", parts._replace(desk=parts.desk._replace(scanner=Scanner(double.address)))
        )
        await upload(api, audio=SONG)
        files = {"audio": ("a.wav", SONG), "lyrics": ("b.txt", EICAR)}
        assert problem(await api.http.post("/api/v1/uploads", files=files)) == (422, "infected")
        files = {"song": ("a.wav", SONG + EICAR)}
        assert problem(await api.http.post("/api/v1/jobs", files=files)) == (422, "infected")
    away = await api.http.post("/api/v1/jobs", files={"song": ("a.wav", SONG)})
    assert problem(away) == (503, "scanner_unavailable")
    assert int(away.headers["retry-after"]) > 0


async def test_the_older_contract(api: Api) -> None:
    prompt = "A lighthouse in a storm, painted in thick oil colours, at night."
    said = await api.http.post(
        "/api/v1/upload-audio", files={"audio_file": ("My song.wav", SONG)}, data={"user_prompt": prompt}
    )
    assert said.status_code == 202, said.text
    taken = said.json()
    assert taken["status"] == "queued" and taken["estimated_time"] > 0
    assert (await api.http.get(taken["audio_url"])).content == SONG
    assert (await api.http.get(f"/api/v1/jobs/{taken['job_id']}")).json()["options"]["prompt"] == prompt
    for data, files, expected in (
        ({"user_prompt": b"x" * 49}, {"audio_file": SONG}, (422, "bad_options")),
        ({"user_prompt": b"x" * 501}, {"audio_file": SONG}, (422, "bad_options")),
        ({}, {"audio_file": SONG}, (422, "bad_options")),
        ({"user_prompt": prompt.encode()}, {}, (400, "song_missing")),
        ({"user_prompt": prompt.encode()}, {"audio_file": b"x"}, (422, "not_media")),
    ):
        parts = [(name, ("a", body)) for name, body in {**files, **data}.items()]
        assert problem(await api.http.post("/api/v1/upload-audio", files=parts)) == expected


async def test_a_full_disk_is_told_and_leaves_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    place = await announced(api, SONG)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as filled:
        filled.setattr(Sink, "_write", full)
        sent = await api.http.post("/api/v1/uploads", files={"audio": ("a.wav", SONG)})
        assert problem(sent) == (507, "no_space")
        sent = await api.http.put(place["url"], content=SONG, headers=place["headers"])
        assert problem(sent) == (507, "no_space")
    assert await stored(api) == []
    assert api.uploads() == []
    await api.http.put(place["url"], content=SONG, headers=place["headers"])
    with monkeypatch.context() as filled:
        filled.setattr(Sink, "_write", full)
        assert problem(await api.http.post(place["complete"])) == (507, "no_space")
    assert (await api.http.post(place["complete"])).status_code == 200


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(api: Api) -> None:
    place = await announced(api, SONG)
    path = place["url"].partition(f":{api.port}")[2]
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/mpeg\r\nContent-Length: {len(SONG)}\r\n\r\n"
    )
    writer.write(head.encode() + SONG[:5000])
    await writer.drain()
    await until(lambda: bool(api.uploads()))
    writer.close()
    await until(lambda: not api.uploads())
    assert await stored(api) == []


async def test_with_s3_the_bytes_go_to_the_bucket_and_come_from_there(api_on_s3: Api) -> None:
    api = api_on_s3
    place = await announced(api, SONG)
    async with httpx.AsyncClient(trust_env=False) as client:
        assert not place["url"].startswith(f"http://127.0.0.1:{api.port}/")
        html = {**place["headers"], "Content-Type": "text/html"}
        assert (await client.put(place["url"], content=SONG, headers=html)).status_code == 403
        short = {**place["headers"], "Content-Length": "5"}
        assert (await client.put(place["url"], content=SONG[:5], headers=short)).status_code == 403
        assert (await client.put(place["url"], content=SONG, headers=place["headers"])).status_code == 200
        done = (await api.http.post(place["complete"])).json()
        assert (done["status"], done["media_type"]) == ("ready", "audio/wav")
        assert await stored(api) == [f"blob/{done['sha256']}"]
        taken = await order(api, audio_upload_id=done["upload_id"])
        await finished(api, taken.json()["job_id"])
        links = (await api.http.post(f"{taken.headers['location']}/links")).json()["links"]
        video = await client.get(links[-1]["url"], headers={"Range": "bytes=2-5"})
        assert (video.status_code, video.content) == (206, VIDEO[2:6])
        assert not links[-1]["url"].startswith(f"http://127.0.0.1:{api.port}/")
        assert video.headers["content-disposition"].startswith('attachment; filename="My song.beatloom.mp4"')
