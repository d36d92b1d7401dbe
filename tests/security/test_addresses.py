"""Signed addresses of files: good for a player without a login, and for nothing but what they were made for."""

import logging
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from libs.artifacts import open_store
from libs.contracts.artifacts import Blob
from libs.seal import Keyring
from libs.seal.addresses import Addresses
from services.ingest.published import Published
from tests.integration.ingest.flow import SONG, VIDEO, finished, order_id
from tests.integration.ingest.server import Api, Clock
from tests.integration.ingest.test_api_jobs import problem


async def signed(api: Api) -> tuple[str, dict[str, str]]:
    """A finished job, and the signed addresses of its files by name."""
    job_id = await order_id(api)
    await finished(api, job_id)
    answer = await api.http.post(f"/api/v1/jobs/{job_id}/links")
    assert answer.status_code == 200, answer.text
    return job_id, {link["name"]: link["url"] for link in answer.json()["links"]}


async def test_a_signed_address_serves_as_the_file_does(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    job_id, links = await signed(api)
    plain = await api.http.get(f"/api/v1/jobs/{job_id}/download")
    async with httpx.AsyncClient(trust_env=False) as player:
        whole = await player.get(links["video.mp4"])
        assert (whole.status_code, whole.content) == (200, VIDEO)
        for name in ("etag", "content-length", "content-disposition", "content-type", "accept-ranges"):
            assert whole.headers[name] == plain.headers[name]
        head = await player.head(links["video.mp4"])
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(VIDEO)))
        part = await player.get(
            links["video.mp4"], headers={"Range": "bytes=10-19", "If-Range": whole.headers["etag"]}
        )
        assert (part.status_code, part.content) == (206, VIDEO[10:20])
        same = await player.get(links["video.mp4"], headers={"If-None-Match": whole.headers["etag"]})
        assert same.status_code == 304
        for url in links.values():
            assert (await player.get(url)).status_code == 200
    signature = links["video.mp4"].rpartition("=")[2]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("libs.", "services."))]
    assert not any(signature in line for line in ours)


async def test_an_address_is_for_one_file_for_a_while(api: Api) -> None:
    first, links = await signed(api)
    second = await order_id(api)
    await finished(api, second)
    video, poster = links["video.mp4"], links["poster.jpg"]
    query, signature = video.partition("?")[2], video.rpartition("=")[2]
    base = f"http://127.0.0.1:{api.port}/api/v1/jobs"
    for url in (
        video.replace(first, second),
        f"{base}/{first}/files/poster.jpg?{query}",
        f"{base}/{first}/files/clips/s001.mp4?{poster.partition('?')[2]}",
        video.replace(signature, signature[:-1] + ("A" if signature[-1] != "A" else "B")),
        video.replace(signature, ""),
        video.replace("expires=", "expires=9"),
        video.replace("expires=", "expires=-"),
        video.partition("&")[0],
        f"{base}/{first}/download?signature=%00%ff",
    ):
        for method in ("GET", "HEAD"):
            answer = await api.http.request(method, url)
            assert answer.status_code == 403, url
            if method == "GET":
                assert problem(answer) == (403, "bad_signature"), url
    api.clock.ahead = timedelta(minutes=59)
    assert (await api.http.get(video)).status_code == 200
    api.clock.ahead = timedelta(minutes=61)
    assert problem(await api.http.get(video)) == (403, "link_expired")


async def test_an_upload_has_an_address_for_a_day(api: Api) -> None:
    (audio,) = (await api.http.post("/api/v1/uploads", files={"audio": ("a.wav", SONG)})).json()["uploads"]
    path = audio["link"]
    parts = api.front._current()
    blob = Blob(sha256=audio["sha256"], size=audio["size"], media_type=audio["media_type"])
    link = parts.published.link(blob, path, audio["name"], parts.published.uploads)
    assert (await api.http.get(link.url)).content == SONG
    assert link.expires_at - api.clock() > timedelta(hours=23)
    api.clock.ahead = timedelta(hours=25)
    assert (await api.http.get(link.url)).status_code in (403, 404)


def test_where_clients_reach_s3_the_address_is_of_s3(tmp_path: Path) -> None:
    blob = Blob(sha256="ab" * 32, size=3, media_type="video/mp4")
    path = "/api/v1/jobs/j/download"
    for url, s3_url, begins in (
        ("s3://key:secret@inside:9000/bucket", "https://s3.example.com", "https://s3.example.com/bucket/blob/abab"),
        ("s3://key:secret@inside:9000/bucket", "", "https://api.example.com" + path),
        (tmp_path.as_uri(), "https://s3.example.com", "https://api.example.com" + path),
    ):
        published = Published(
            open_store(url),
            Addresses(Keyring(["A" * 43])),
            public_url="https://api.example.com/",
            s3_url=s3_url,
            clock=Clock(),
        )
        link = published.link(blob, path, 'My "söng".mp4', timedelta(hours=1))
        assert link.url.startswith(begins)
        assert "secret" not in link.url and "inside" not in link.url
        assert not set(link.url) & set(' "\r\n<>')


async def test_a_projects_videos_have_addresses_of_their_own(api: Api) -> None:
    job_id, links = await signed(api)
    project = (await api.http.get(f"/api/v1/jobs/{job_id}")).json()["project_id"]
    (export,) = (await api.http.get(f"/api/v1/projects/{project}/exports")).json()["exports"]
    assert (await api.http.get(export["url"])).content == VIDEO
    query = links["video.mp4"].partition("?")[2]
    assert problem(await api.http.get(f"{export['download']}?{query}")) == (403, "bad_signature")
    api.clock.ahead = timedelta(minutes=61)
    assert problem(await api.http.get(export["url"])) == (403, "link_expired")
