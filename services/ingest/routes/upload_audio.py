"""One address of an older contract: a song and a prompt in, a job out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.openapi.spec import RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType

from services.ingest import older
from services.ingest.parts import Parts
from services.ingest.routes.bodies import AnyRequest, body_of
from services.ingest.routes.documents import COMMON, SONG_PART, form, problem, reads
from services.ingest.uploads.receive import receive

Meta = msgspec.Meta

PROMPT = Schema(
    type=OpenAPIType.STRING,
    min_length=older.PROMPT_CHARS[0],
    max_length=older.PROMPT_CHARS[1],
    description="What the video shall show.",
)


class AudioUploaded(msgspec.Struct, frozen=True, kw_only=True):
    """The song was taken, and its video is in work."""

    job_id: str
    audio_url: Annotated[str, Meta(description="Where the song can be fetched for a day.")]
    status: Literal["queued"] = "queued"
    estimated_time: Annotated[int, Meta(description="Seconds until the video is there: a guess.")]


@post(
    "/upload-audio",
    status_code=202,
    limit="orders",
    request_max_body_size=None,
    operation_id="uploadAudio",
    operation_class=reads(
        RequestBody(
            required=True,
            content=form({"audio_file": SONG_PART, "user_prompt": PROMPT}, required=("audio_file", "user_prompt")),
        )
    ),
    tags=["Jobs"],
    summary="Order a video by a song and a prompt",
    description="For clients of an older contract; `POST /jobs` takes more. Follow the job at `/jobs/{job_id}`.",
    responses={
        **COMMON,
        413: problem("A part is too large, or your files would take more space than they may."),
        422: problem("The song or the prompt is not valid."),
        507: problem("There is no space left."),
    },
)
async def upload_audio(request: AnyRequest, parts: NamedDependency[Parts]) -> AudioUploaded:
    """Order a video by a song and a prompt."""
    async with body_of(request) as body, parts.scratch.folder() as folder:
        sent = await receive(
            body,
            older.FORM,
            content_type=request.headers.get("Content-Type", ""),
            content_length=request.content_length,
            folder=folder,
        )
        taken = await older.order(parts, sent)
    return AudioUploaded(
        job_id=taken.job_id, audio_url=taken.audio_url, estimated_time=round(taken.estimated_seconds)
    )


HANDLERS = (upload_audio,)
