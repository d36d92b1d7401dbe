"""Words and shapes for /schema that Litestar can't see in the handlers' types."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import msgspec
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.openapi.spec.media_type import OpenAPIMediaType

from libs.contracts.jobs import JobOptions
from libs.runtime.problems import MEDIA_TYPE, Problem


def problem(description: str) -> ResponseSpec:
    """An error's entry."""
    return ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)


def binary(description: str, media_type: str = "application/octet-stream") -> ResponseSpec:
    """A file's entry."""
    return ResponseSpec(bytes, description=description, media_type=media_type, generate_examples=False)


def openapi(version: str) -> OpenAPIConfig:
    """The description of the API: JSON at /schema, YAML at /schema/openapi.yaml. No page loads foreign scripts."""
    return OpenAPIConfig(
        title="Beatloom",
        version=version,
        summary="A song in, a finished beat-synced music video out.",
        description="Errors are RFC 9457 problem details with a stable `code`; docs/errors.md has them all.",
        path="/schema",
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"]), YamlRenderPlugin()],
    )


COMMON = MappingProxyType(
    {
        400: problem("The request is not valid; `errors` names what."),
        503: problem("The database, the store or the bus doesn't answer; try again."),
    }
)
"""What every route may answer."""

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
