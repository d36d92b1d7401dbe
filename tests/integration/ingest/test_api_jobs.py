"""Orders over a real port: taken, refused without a trace, found again."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from libs.contracts.errors import Retryable
from services.ingest.views import JobList, JobView
from tests.integration.ingest.flow import SONG, analyzed, failed, finished, order, order_id, planned, rendered
from tests.integration.ingest.server import Api, picture, song


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, which is a problem document."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"] and body["detail"] and body["hint"]
    return answer.status_code, body["code"]


async def stored(api: Api) -> list[str]:
    return [found.key async for found in api.store.list("")]


async def test_an_order_is_taken_and_can_be_looked_at(api: Api) -> None:
    files = {
        "song": ('../My $(song) "x".wav', SONG),
        "image": ("theme.png", picture()),
        "lyrics": ("words.txt", b"la la\nla"),
    }
    options = msgspec.json.encode({"prompt": "neon rain", "height": 320, "title": "Ä"})
    answer = await api.http.post("/api/v1/jobs", files=files, data={"options": options.decode()})
    assert answer.status_code == 202, answer.text
    taken = answer.json()
    assert answer.headers["location"] == taken["links"]["self"] == f"/api/v1/jobs/{taken['job_id']}"
    assert taken["links"]["cancel"] and not taken["links"]["download"]
    job = msgspec.json.decode((await api.http.get(taken["links"]["self"])).content, type=JobView)
    assert job.song_name == 'My $(song) "x".wav'
    assert job.duration == pytest.approx(6.0)
    assert (job.options.prompt, job.options.title, job.options.height) == ("neon rain", "Ä", 320)
    assert job.options.seed is not None, "chosen and recorded"
    assert (job.status, job.percent) == (taken["status"], 0)
    assert len(await stored(api)) == 3
    assert api.uploads() == []


async def test_a_given_seed_is_kept(api: Api) -> None:
    answer = await order(api, options='{"seed": 0}')
    assert (await api.http.get(answer.headers["location"])).json()["options"]["seed"] == 0


async def test_a_repeated_key_finds_the_same_job(api: Api) -> None:
    async def send(key: str, body: bytes = SONG, **data: str) -> httpx.Response:
        return await api.http.post(
            "/api/v1/jobs", files={"song": ("a.wav", body)}, data=data, headers={"Idempotency-Key": key}
        )

    first = await send("k1")
    again = await send("k1")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["job_id"] == again.json()["job_id"]
    assert problem(await send("k1", song(7))) == (422, "idempotency_conflict")
    assert problem(await send("k1", options='{"seed": 1}')) == (422, "idempotency_conflict")
    assert (await send("k2")).json()["job_id"] != first.json()["job_id"]
    assert problem(await send("a b")) == (400, "bad_request")
    assert problem(await send("x" * 1000)) == (400, "bad_request")
    both = await asyncio.gather(send("k3"), send("k3"))
    assert len({answer.json()["job_id"] for answer in both}) == 1
    assert sorted(answer.status_code for answer in both) == [200, 202]


REFUSED: list[tuple[str, dict[str, Any], dict[str, str], tuple[int, str]]] = [
    ("no parts at all", {}, {}, (400, "bad_request")),
    ("no song", {"lyrics": b"la"}, {}, (400, "song_missing")),
    ("an empty song", {"song": b""}, {}, (422, "empty_file")),
    ("noise", {"song": bytes(range(256)) * 50}, {}, (422, "not_media")),
    ("a playlist", {"song": b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n"}, {}, (422, "unsafe_media")),
    ("a concat script", {"song": b"ffconcat version 1.0\nfile /etc/passwd\n"}, {}, (422, "unsafe_media")),
    ("too short", {"song": song(2)}, {}, (422, "song_too_short")),
    ("not a picture", {"song": SONG, "image": b"GIF89a nonsense"}, {}, (422, "bad_image")),
    ("a picture bomb", {"song": SONG, "image": picture(60000, 60000)}, {}, (422, "image_too_large")),
    ("a binary for lyrics", {"song": SONG, "lyrics": b"\xff\xfe\x00"}, {}, (422, "bad_lyrics")),
    ("no JSON", {"song": SONG}, {"options": "{"}, (422, "bad_options")),
    ("a list", {"song": SONG}, {"options": "[]"}, (422, "bad_options")),
    ("an unknown option", {"song": SONG}, {"options": '{"colour": 1}'}, (422, "bad_options")),
    ("a wrong type", {"song": SONG}, {"options": '{"height": "tall"}'}, (422, "bad_options")),
    ("a NUL", {"song": SONG}, {"options": '{"prompt": "a\\u0000b"}'}, (422, "bad_options")),
    ("half a pair", {"song": SONG}, {"options": '{"prompt": "\\ud800"}'}, (422, "bad_options")),
    ("fps", {"song": SONG}, {"options": '{"fps": "1000"}'}, (422, "bad_options")),
    ("a fraction of nothing", {"song": SONG}, {"options": '{"fps": "30/0"}'}, (422, "bad_options")),
    ("depth", {"song": SONG}, {"options": '{"prompt":' + "[" * 20000}, (422, "bad_options")),
    ("a file URL", {"song": SONG}, {"options": '{"callback_url": "file:///x"}'}, (422, "bad_callback_url")),
    ("an unknown part", {"song": SONG, "virus": b"x"}, {}, (400, "bad_request")),
    ("long lyrics", {"song": SONG, "lyrics": b"la " * 100_000}, {}, (413, "file_too_large")),
    ("a large picture", {"song": SONG, "image": b"\0" * 30_000_001}, {}, (413, "file_too_large")),
]


async def test_what_is_wrong_is_refused_without_a_trace(api: Api) -> None:
    for what, files, data, expected in REFUSED:
        parts = {name: (f"{name}.bin", body) for name, body in files.items()}
        answer = await api.http.post("/api/v1/jobs", files=parts or None, data=data or None)
        assert problem(answer) == expected, what
        assert api.uploads() == [], what
    assert await stored(api) == []
    assert (await api.http.get("/api/v1/jobs")).json()["jobs"] == []


async def test_a_song_sent_twice_or_a_thousand_parts(api: Api) -> None:
    twice = await api.http.post("/api/v1/jobs", files=[("song", ("a", SONG)), ("song", ("b", SONG))])
    assert problem(twice) == (400, "bad_request")
    many = await api.http.post("/api/v1/jobs", files=[(f"p{n}", ("a", b"x")) for n in range(1000)])
    assert problem(many) == (400, "bad_request")
    assert api.uploads() == []


async def raw(api: Api, request: bytes, *, close: bool = False) -> bytes:
    """Bytes to the port, and what comes back until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(request)
    await writer.drain()
    if close:
        writer.close()
        await writer.wait_closed()
        return b""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        finally:
            writer.close()


HEAD = (
    "POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    "Content-Type: multipart/form-data; boundary=XX\r\n{}\r\n\r\n"
)
PART = b'--XX\r\nContent-Disposition: form-data; name="song"; filename="a.wav"\r\n\r\n'


async def test_lengths_that_lie(api: Api) -> None:
    body = PART + SONG + b"\r\n--XX--\r\n"
    short = await raw(api, HEAD.format("Content-Length: 2000").encode() + body)
    assert short.startswith(b"HTTP/1.1 400") and b"bad_request" in short
    huge = await raw(api, HEAD.format("Content-Length: 99999999999").encode() + PART)
    assert huge.startswith(b"HTTP/1.1 413") and b"file_too_large" in huge
    negative = await raw(api, HEAD.format("Content-Length: -5").encode() + body)
    assert negative.startswith(b"HTTP/1.1 400")
    chunked = await raw(api, HEAD.format("Transfer-Encoding: chunked").encode() + b"4\r\n--XX\r\n0\r\n\r\n")
    assert chunked.startswith(b"HTTP/1.1 400") and b"bad_request" in chunked
    await raw(api, HEAD.format(f"Content-Length: {len(body)}").encode() + body[:5000], close=True)
    for _ in range(100):
        if not api.uploads():
            break
        await asyncio.sleep(0.05)
    assert api.uploads() == []
    assert await order_id(api), "and others are served as before"


async def test_a_full_store_is_told_and_leaves_no_job(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise Retryable("no_space")

    monkeypatch.setattr(api.store, "put_file", full)
    assert problem(await order(api)) == (507, "no_space")
    assert api.uploads() == []
    assert (await api.http.get("/api/v1/jobs")).json()["jobs"] == []


async def test_a_stuck_upload_holds_up_nobody(api: Api) -> None:
    stuck = [await asyncio.open_connection("127.0.0.1", api.port) for _ in range(10)]
    for _, writer in stuck:
        writer.write(HEAD.format("Content-Length: 1000000").encode() + PART + b"x" * 1000)
    async with asyncio.timeout(10):
        assert await order_id(api)
    for _, writer in stuck:
        writer.close()
    for _ in range(100):
        if not api.uploads():
            break
        await asyncio.sleep(0.05)
    assert api.uploads() == []


ODD_IDS = ["nope", "../../x", "a b", "%00", "'; DROP TABLE jobs; --", "x" * 500, "é", "%0d%0aX:1", "*", ">"]


async def test_odd_job_ids_are_not_found(api: Api) -> None:
    routes = [
        ("GET", ""),
        ("GET", "/stream"),
        ("GET", "/download"),
        ("GET", "/files"),
        ("GET", "/files/report.json"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ]
    for job_id in ODD_IDS:
        for method, rest in routes:
            answer = await api.http.request(method, httpx.URL(f"/api/v1/jobs/{job_id}{rest}"))
            assert problem(answer)[0] == 404, (job_id, rest)


async def test_jobs_are_listed_in_pages_the_newest_first(api: Api) -> None:
    ids = [await order_id(api) for _ in range(5)]
    seen: list[str] = []
    path: str | None = "/api/v1/jobs?limit=2"
    while path:
        page = msgspec.json.decode((await api.http.get(path)).content, type=JobList)
        seen += [job.job_id for job in page.jobs]
        path = page.next
    assert seen == ids[::-1]
    for limit in ("0", "-1", "100000", "x"):
        assert problem(await api.http.get(f"/api/v1/jobs?limit={limit}")) == (400, "bad_request")
    assert problem(await api.http.get("/api/v1/jobs?before=../x")) == (400, "bad_request")


async def test_progress_through_the_stages(api: Api) -> None:
    job_id = await order_id(api)

    async def look() -> JobView:
        return msgspec.json.decode((await api.http.get(f"/api/v1/jobs/{job_id}")).content, type=JobView)

    percents = [(await look()).percent]
    await analyzed(api, job_id)
    percents.append((await look()).percent)
    await planned(api, job_id, scenes=4)
    job = await look()
    assert (job.status, job.scenes_total, job.scenes_done) == ("generating", 4, 0)
    assert job.doing == "scene 1 of 4"
    await rendered(api, job_id, 1)
    job = await look()
    assert (job.scenes_done, job.doing) == (1, "scene 2 of 4")
    percents.append(job.percent)
    assert percents == sorted(set(percents))
    names = [file["name"] for file in (await api.http.get(job.links.files)).json()["files"]]
    assert names == ["analysis.json", "storyboard.json", "clips/s001.mp4"]


async def test_cancel_and_retry(api: Api) -> None:
    job_id = await order_id(api)
    path = f"/api/v1/jobs/{job_id}"
    assert problem(await api.http.post(f"{path}/retry")) == (409, "job_running")
    ended = await api.http.post(f"{path}/cancel")
    assert (ended.status_code, ended.json()["status"]) == (202, "cancelled")
    assert problem(await api.http.post(f"{path}/cancel")) == (409, "job_ended")
    job = (await api.http.get(path)).json()
    assert (job["error"]["code"], job["links"]["cancel"]) == ("job_cancelled", None)
    again = await api.http.post(f"{path}/retry")
    assert (again.status_code, again.json()["run"]) == (202, 2)
    assert (await api.http.get(path)).json()["run"] == 2


async def test_dead_letters_over_http(api: Api) -> None:
    job_id = await order_id(api)
    await failed(api, job_id)
    job = (await api.http.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["status"], job["error"]["code"]) == ("failed", "not_media")
    letters = (await api.http.get("/api/v1/dead")).json()["letters"]
    assert [letter["job_id"] for letter in letters] == [job_id]
    assert "/" in letters[0]["id"]
    one = (await api.http.get(letters[0]["link"])).json()
    assert [error["code"] for error in one["errors"]] == ["not_media"]
    replayed = await api.http.post(f"{letters[0]['link']}/replay")
    assert (replayed.status_code, replayed.json()["run"]) == (202, 2)
    assert (await api.http.get("/api/v1/dead")).json()["letters"] == []
    await failed(api, job_id, run=2)
    link = (await api.http.get("/api/v1/dead")).json()["letters"][0]["link"]
    assert (await api.http.delete(link)).status_code == 204
    assert problem(await api.http.delete(link)) == (404, "dead_letter_not_found")
    for token in ("x", "a%2Fb", "YWJj", "..."):
        assert problem(await api.http.get(f"/api/v1/dead/{token}"))[0] == 404


async def test_the_schema_describes_it_all(api: Api) -> None:
    answer = await api.http.get("/schema")
    assert answer.status_code == 200
    schema = answer.json()
    operations = {
        f"{method} {path}": spec for path, item in schema["paths"].items() for method, spec in item.items()
    }
    ids = [spec["operationId"] for spec in operations.values()]
    assert len(ids) == len(set(ids)) >= 14
    for name, spec in operations.items():
        assert spec["tags"] and spec["summary"] and spec["description"], name
        for status, told in spec["responses"].items():
            if status >= "400" and status != "416":
                assert list(told["content"]) == ["application/problem+json"], (name, status)
        for parameter in spec.get("parameters", []):
            assert parameter.get("description"), (name, parameter["name"])
            assert parameter["name"] != "parts"
    create = operations["post /api/v1/jobs"]
    form = create["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"song", "image", "lyrics", "options", "script", "prompts", "language"}
    assert {"200", "202", "400", "413", "422"} <= set(create["responses"])
    job = operations["get /api/v1/jobs/{job_id}"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert job["$ref"].endswith("JobView")
    assert "percent" in schema["components"]["schemas"][job["$ref"].rsplit("/", 1)[-1]]["properties"]
    assert set(operations["get /api/v1/jobs/{job_id}/download"]["responses"]) >= {"200", "206", "409", "416"}


async def test_a_finished_job_says_so(api: Api) -> None:
    job_id = await order_id(api)
    await finished(api, job_id)
    job = msgspec.json.decode((await api.http.get(f"/api/v1/jobs/{job_id}")).content, type=JobView)
    assert (job.status, job.percent, job.seconds_left) == ("completed", 100, None)
    assert job.links.download and job.links.retry and not job.links.cancel
    assert all(stage.ended_at for stage in job.stages)
