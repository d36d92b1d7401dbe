"""The facts that workers would send, with real bytes in the store."""

from datetime import UTC, datetime

import httpx

from libs.contracts.artifacts import Blob
from libs.contracts.facts import (
    Fact,
    FactBody,
    StoryboardPlanned,
    TakeRendered,
    TaskAttemptFailed,
    TrackAnalyzed,
    VideoComposed,
)
from libs.contracts.storyboard import Clip
from tests.integration.ingest.server import Api, song
from tests.storyboards import shot

VIDEO = bytes(range(256)) * 4000
SONG = song()


async def order(api: Api, name: str = "song.wav", **options: str) -> httpx.Response:
    """POST a job with a good song."""
    return await api.http.post("/api/v1/jobs", files={"song": (name, SONG)}, data=options)


async def order_id(api: Api) -> str:
    """The id of a new job."""
    answer = await order(api)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["job_id"])


async def happened(api: Api, job_id: str, task: str, body: FactBody, *, run: int = 1, attempt: int = 1) -> None:
    """The ledger hears of it."""
    await api.ledger.apply(
        Fact(job_id=job_id, run=run, task=task, attempt=attempt, at=datetime.now(UTC), body=body)
    )


async def put(api: Api, data: bytes, media_type: str = "application/json") -> Blob:
    """Bytes in the store."""
    return await api.store.put_bytes(data, media_type)


async def analyzed(api: Api, job_id: str) -> None:
    """The song has been heard."""
    analysis = await put(api, b'{"version": 1}')
    await happened(api, job_id, "analyze", TrackAnalyzed(analysis=analysis, duration=6.0, bpm=120.0, sections=1))


async def planned(api: Api, job_id: str, scenes: int = 2) -> None:
    """The video has been directed."""
    board = await put(api, b'{"version": 1, "scenes": []}')
    shots = tuple(shot(number) for number in range(1, scenes + 1))
    body = StoryboardPlanned(storyboard=board, fps="30", frames=30 * scenes, width=320, height=180, shots=shots)
    await happened(api, job_id, "plan", body)


async def rendered(api: Api, job_id: str, number: int) -> None:
    """A scene has its clip."""
    blob = await put(api, b"clip %d" % number, "video/mp4")
    clip = Clip(scene_id=f"s{number:03d}", lead=0, frames=30, blob=blob)
    await happened(api, job_id, f"animate.s{number:03d}", TakeRendered(clip=clip, backend="test", seed=1))


async def composed(api: Api, job_id: str) -> None:
    """The video is finished."""
    body = VideoComposed(
        video=await put(api, VIDEO, "video/mp4"),
        report=await put(api, b'{"frames": 60}'),
        poster=await put(api, b"jpeg", "image/jpeg"),
        frames=60,
        duration=2.0,
        sheet=await put(api, b"another jpeg", "image/jpeg"),
    )
    await happened(api, job_id, "compose", body)


async def finished(api: Api, job_id: str) -> None:
    """All of it."""
    await analyzed(api, job_id)
    await planned(api, job_id)
    await rendered(api, job_id, 1)
    await rendered(api, job_id, 2)
    await composed(api, job_id)


async def failed(api: Api, job_id: str, *, run: int = 1) -> None:
    """The first task can't succeed."""
    body = TaskAttemptFailed(code="not_media", message="It is broken.", retryable=False)
    await happened(api, job_id, "analyze", body, run=run)
