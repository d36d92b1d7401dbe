"""Downloads over a real port: whole, in parts, conditional, never of anything else."""

import asyncio

from tests.integration.ingest.flow import VIDEO, finished, order, order_id, planned
from tests.integration.ingest.server import Api
from tests.integration.ingest.test_api_jobs import problem


async def made(api: Api, name: str = "My Sóng.wav") -> str:
    answer = await order(api, name)
    await finished(api, answer.json()["job_id"])
    return f"/api/v1/jobs/{answer.json()['job_id']}"


async def test_the_video_whole_and_its_head(api: Api) -> None:
    path = await made(api)
    answer = await api.http.get(f"{path}/download")
    assert (answer.status_code, answer.content) == (200, VIDEO)
    head = await api.http.head(f"{path}/download")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges", "content-disposition"):
        assert head.headers[name] == answer.headers[name]
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(VIDEO))
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"My S_ng.beatloom.mp4\"; filename*=UTF-8''My%20S%C3%B3ng.beatloom.mp4"
    )


async def test_parts_and_conditions(api: Api) -> None:
    path = await made(api) + "/download"
    tag = (await api.http.head(path)).headers["etag"]

    async def get(**headers: str) -> tuple[int, bytes, str]:
        answer = await api.http.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})
        return answer.status_code, answer.content, answer.headers.get("content-range", "")

    size = len(VIDEO)
    assert await get(Range="bytes=10-19") == (206, VIDEO[10:20], f"bytes 10-19/{size}")
    assert await get(Range="bytes=-5") == (206, VIDEO[-5:], f"bytes {size - 5}-{size - 1}/{size}")
    assert await get(Range=f"bytes={size - 3}-") == (206, VIDEO[-3:], f"bytes {size - 3}-{size - 1}/{size}")
    assert await get(Range=f"bytes={size}-") == (416, b"", f"bytes */{size}")
    assert await get(Range="bytes=0-1,5-6") == (200, VIDEO, "")
    assert await get(Range="nonsense") == (200, VIDEO, "")
    assert await get(If_None_Match=tag) == (304, b"", "")
    assert (await get(Range="bytes=0-3", If_Range=tag))[:2] == (206, VIDEO[:4])
    assert (await get(Range="bytes=0-3", If_Range='"old"'))[:2] == (200, VIDEO)


async def test_what_is_not_there_yet(api: Api) -> None:
    job_id = await order_id(api)
    await planned(api, job_id)
    path = f"/api/v1/jobs/{job_id}"
    answer = await api.http.get(f"{path}/download")
    assert problem(answer) == (409, "not_ready")
    assert "%" in answer.json()["detail"]
    assert problem(await api.http.get(f"{path}/files/report.json")) == (404, "not_found")
    assert (await api.http.head(f"{path}/download")).status_code == 409


async def test_the_other_files(api: Api) -> None:
    path = await made(api)
    listed = (await api.http.get(f"{path}/files")).json()["files"]
    assert [file["name"] for file in listed] == [
        "report.json",
        "poster.jpg",
        "sheet.jpg",
        "analysis.json",
        "storyboard.json",
        "clips/s001.mp4",
        "clips/s002.mp4",
        "video.mp4",
    ]
    for file in listed:
        answer = await api.http.get(file["link"])
        assert answer.status_code == 200
        assert (len(answer.content), answer.headers["etag"]) == (file["size"], f'"{file["sha256"]}"')
        assert answer.headers["content-type"] == file["media_type"]
    part = await api.http.get(f"{path}/files/clips/s002.mp4", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"clip")


OTHER_NAMES = [
    "../report.json",
    "..%2f..%2fblob",
    "clips/../report.json",
    "clips/s001.mp4/x",
    "clips/",
    "%00",
    "song",
    "'",
    "/etc/passwd",
]


async def test_no_other_name_leads_anywhere(api: Api) -> None:
    path = await made(api)
    for name in OTHER_NAMES:
        answer = await asyncio.wait_for(raw_get(api, f"{path}/files/{name}"), 10)
        assert answer.startswith(b"HTTP/1.1 404"), name


async def raw_get(api: Api, path: str) -> bytes:
    """GET a path exactly as it is written."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_blob_that_is_gone_is_an_error_not_a_broken_file(api: Api) -> None:
    path = await made(api)
    for file in (await api.http.get(f"{path}/files")).json()["files"]:
        await api.store.delete(f"blob/{file['sha256']}")
    assert problem(await api.http.get(f"{path}/download")) == (410, "gone")
    assert (await api.http.head(f"{path}/download")).status_code == 410


async def test_a_reader_that_leaves_disturbs_nobody(api: Api) -> None:
    path = await made(api)
    async with api.http.stream("GET", f"{path}/download") as answer:
        async for _ in answer.aiter_bytes(1000):
            break
    assert (await api.http.get(f"{path}/download")).content == VIDEO
