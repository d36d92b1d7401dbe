"""Words and shapes for /schema that Litestar can't see in the handlers' types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.openapi.spec.media_type import OpenAPIMediaType

from libs.contracts.jobs import JobOptions


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong (RFC 9457, application/problem+json)."""

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, msgspec.Meta(description="A stable slug; docs/errors.md lists them.")]
    hint: Annotated[str, msgspec.Meta(description="What to do next.")]


def problem(description: str) -> ResponseSpec:
    """An error's entry."""
    return ResponseSpec(
        Problem, description=description, media_type="application/problem+json", generate_examples=False
    )


def binary(description: str, media_type: str = "application/octet-stream") -> ResponseSpec:
    """A file's entry."""
    return ResponseSpec(bytes, description=description, media_type=media_type, generate_examples=False)


NO_JOB = problem("There is no such job.")


def _file(description: str) -> Schema:
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=description)


def _options() -> Schema:
    schema = msgspec.json.schema(JobOptions)["$defs"]["JobOptions"]
    fields = "; ".join(f"`{name}` (default {spec.get('default')!r})" for name, spec in schema["properties"].items())
    return Schema(
        type=OpenAPIType.STRING,
        content_media_type="application/json",
        description=f"A JSON object with any of: {fields}. At most 64 KB.",
    )


@dataclass
class OrderOperation(Operation):
    """POST /jobs: its body is read from the wire by hand, so its shape is told here."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True,
            content={
                "multipart/form-data": OpenAPIMediaType(
                    schema=Schema(
                        type=OpenAPIType.OBJECT,
                        required=["song"],
                        properties={
                            "song": _file("The song: MP3, M4A, WAV, FLAC or OGG; 5 s to 15 min, at most 200 MB."),
                            "image": _file("A theme picture: JPEG, PNG or WebP, at most 30 MB."),
                            "lyrics": _file("Lyrics: plain text, .lrc or .srt in UTF-8, at most 200 KB."),
                            "options": _options(),
                        },
                    )
                )
            },
        )
