"""Words and shapes for /schema that Litestar can't see in the handlers' types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import (
    Components,
    Operation,
    RequestBody,
    Schema,
    SecurityRequirement,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.openapi.spec.media_type import OpenAPIMediaType
from litestar.types import OperationIDCreator

from libs.contracts.jobs import JobOptions
from libs.runtime.problems import MEDIA_TYPE, Problem
from libs.seal.addresses import SIGNATURE
from services.ingest import views
from services.ingest.access.gate import Access
from services.ingest.routes.tags import ABOUT, TAGS


def problem(description: str) -> ResponseSpec:
    """An error's entry."""
    return ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)


ANY_TYPE = "*/*"


def binary(description: str, media_type: str = "application/octet-stream") -> ResponseSpec:
    """A file's entry. What may be of any type may be JSON too, which is read as what it says."""
    kind = Any if media_type == ANY_TYPE else bytes
    return ResponseSpec(kind, description=description, media_type=media_type, generate_examples=False)


SCHEMES = MappingProxyType(
    {
        "bearer": SecurityScheme(
            type="http",
            scheme="bearer",
            description="An access token of POST /auth/login, or an API key. A machine without logins needs none.",
        ),
        "signature": SecurityScheme(
            type="apiKey",
            name=SIGNATURE,
            security_scheme_in="query",
            description="A signed address as a whole, as it was answered: good for one file, for a while.",
        ),
    }
)

SECURITY: Mapping[Access, list[SecurityRequirement]] = MappingProxyType(
    {
        "open": [],
        "user": [{"bearer": []}],
        "signed": [{"bearer": []}, {"signature": []}],
        "link": [{"signature": []}],
        "operator": [{"bearer": []}],
    }
)
"""What gets a request in, by the access that its route declares."""


def told_secure(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """The same handlers, which tell at /schema what gets a request in."""
    found = list(handlers)
    for handler in found:
        handler.security = SECURITY[handler.opt.get("access", "user")]
    return found


def openapi(version: str) -> OpenAPIConfig:
    """The description of the API: JSON at /schema, YAML at /schema/openapi.yaml. No page loads foreign scripts."""
    return OpenAPIConfig(
        title="Beatloom",
        version=version,
        summary="A song in, a finished beat-synced music video out.",
        description=ABOUT,
        tags=TAGS,
        path="/schema",
        components=Components(security_schemes=dict(SCHEMES)),
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"]), YamlRenderPlugin()],
    )


COMMON = MappingProxyType(
    {
        400: problem("The request is not valid; `errors` names what."),
        401: problem("The request doesn't say who asks, or says it with what is no good, or no more."),
        403: problem("An API key without the scope, a user where only operators may, or a page of another origin."),
        429: problem("There were too many requests; `Retry-After` says how long to wait."),
        503: problem("The database, the store or the bus doesn't answer; try again."),
    }
)
"""What every route may answer."""

KNOWN_JOB = ResponseSpec(views.JobAccepted, description="The job that this Idempotency-Key opened before.")
NO_JOB = problem("There is no such job.")
GONE = problem("The file was removed; the hint says how to get it again.")
NEEDS_GONE = problem("A file that this needs was removed; send it again.")
TOO_DEAR = problem("It is estimated to cost more than it may; nothing was begun.")
ORDERS = MappingProxyType(
    {**COMMON, 402: TOO_DEAR, 410: NEEDS_GONE, 413: problem("Your files would take more space than they may.")}
)
"""What every order of work may answer."""
SIGNED = problem("The address is signed, and altered, expired or made for something else.")


def file_answers(what: str, *, missing: ResponseSpec, media_type: str = ANY_TYPE) -> dict[int, ResponseSpec]:
    """What a route answers that serves a file with ranges and conditions. missing: its 404."""
    return {
        **COMMON,
        200: binary(f"{what}.", media_type),
        206: binary("The part of it that was asked for.", media_type),
        304: ResponseSpec(None, description="It has not changed."),
        403: SIGNED,
        404: missing,
        410: GONE,
        416: ResponseSpec(None, description="The range lies behind the end."),
    }


def operation_name(base: str) -> OperationIDCreator:
    """Operation ids for a route that takes GET and HEAD."""

    def name(handler: HTTPRouteHandler, method: object, path: object) -> str:
        return f"{'head' if str(method).upper().endswith('HEAD') else 'get'}{base}"

    return name


def reads(body: RequestBody) -> type[Operation]:
    """The class of an operation whose body is read from the wire by hand, so that its shape is told here."""

    @dataclass
    class Reads(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return Reads


def exemplified(example: Mapping[str, object]) -> type[Operation]:
    """The class of an operation whose JSON body has this example."""

    @dataclass
    class Exemplified(Operation):
        def __post_init__(self) -> None:
            assert isinstance(self.request_body, RequestBody)
            self.request_body.content["application/json"].example = dict(example)

    return Exemplified


def form(parts: Mapping[str, Schema], *, required: Sequence[str] = ()) -> dict[str, OpenAPIMediaType]:
    """A multipart form, as the content of a body."""
    schema = Schema(
        type=OpenAPIType.OBJECT,
        properties=dict(parts),
        required=list(required) or None,
        additional_properties=False,
    )
    return {"multipart/form-data": OpenAPIMediaType(schema=schema)}


def file_part(description: str) -> Schema:
    """A file in a form."""
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=description)


SONG_PART = file_part("The song: MP3, M4A, WAV, FLAC or OGG; 5 s to 15 min, at most 200 MB.")
IMAGE_PART = file_part("A picture: JPEG, PNG or WebP, at most 30 MB.")
LYRICS_PART = file_part("Lyrics: plain text, .lrc or .srt in UTF-8, at most 200 KB.")
SCRIPT_PART = file_part(
    "What is narrated, instead of a song or over one: UTF-8 text, Markdown, HTML or SSML; 200,000 characters."
)
PROMPTS_PART = file_part(
    "Of a script: what its scenes show, in order; a JSON array of texts, or one a line. Empty ones leave it to us."
)
LANGUAGE_PART = Schema(type=OpenAPIType.STRING, description="Of a script, as in `de`.")
CLIP_PART = file_part("A video clip: MP4, MOV, MKV or WebM, at most 2 minutes and 200 MB.")


def _options() -> Schema:
    schema = msgspec.json.schema(JobOptions)["$defs"]["JobOptions"]
    fields = "; ".join(f"`{name}` (default {spec.get('default')!r})" for name, spec in schema["properties"].items())
    return Schema(
        type=OpenAPIType.STRING,
        content_media_type="application/json",
        description=f"A JSON object with any of: {fields}. At most 64 KB.",
    )


def _types(told: Mapping[str, Any]) -> list[OpenAPIType] | OpenAPIType:
    """The type of a field, or those that it may be of."""
    if "anyOf" in told:
        return [OpenAPIType(one["type"]) for one in told["anyOf"]]
    return OpenAPIType(told["type"])


def _document(kind: type[msgspec.Struct], example: Mapping[str, object]) -> OpenAPIMediaType:
    """A flat struct as a JSON body."""
    fields = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    properties = {
        name: Schema(
            type=_types(told),
            max_length=told.get("maxLength"),
            description=told.get("description"),
            items=Schema(type=OpenAPIType(told["items"]["type"])) if "items" in told else None,
        )
        for name, told in fields.items()
    }
    schema = Schema(type=OpenAPIType.OBJECT, properties=dict(properties), additional_properties=False)
    return OpenAPIMediaType(schema=schema, example=dict(example))


def order_body(kind: type[msgspec.Struct]) -> RequestBody:
    """The body of POST /jobs: a form, or a struct of this kind as JSON."""
    parts = {
        "song": SONG_PART,
        "image": IMAGE_PART,
        "lyrics": LYRICS_PART,
        "options": _options(),
        "script": SCRIPT_PART,
        "prompts": PROMPTS_PART,
        "language": LANGUAGE_PART,
    }
    example = {
        "audio_url": "https://example.com/song.mp3",
        "image_url": "https://example.com/theme.jpg",
        "lyrics": "First line\nSecond line",
        "options": {"prompt": "neon rain", "aspect": "9:16"},
        "callback_url": "https://example.com/hook",
    }
    return RequestBody(required=True, content={**form(parts), "application/json": _document(kind, example)})


def document_body(kind: type[msgspec.Struct], example: Mapping[str, object]) -> RequestBody:
    """A flat struct as a JSON body that is read by hand."""
    return RequestBody(required=True, content={"application/json": _document(kind, example)})


def raw_body() -> RequestBody:
    """A body that is one file."""
    return RequestBody(
        required=True, content={"application/octet-stream": OpenAPIMediaType(schema=file_part("The file."))}
    )
