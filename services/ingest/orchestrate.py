"""Orders as n8n places them: accepted at once, files fetched afterwards, followed by polling or by a callback."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from libs.contracts.errors import Permanent
from libs.contracts.jobs import MAX_PROMPT_CHARS, State, check_means
from libs.contracts.tasks import Fetch
from services.ingest.brief import Given
from services.ingest.orders import Url, narrated, read_options, seeded
from services.ingest.parts import Parts
from services.ingest.records import Accepted, JobSnapshot, NewJob
from services.ingest.scripts import check_music, script_of
from services.ingest.texts import check_text

TITLE_CHARS = 200

Status = Literal["queued", "running", "completed", "failed", "cancelled"]

Prompt = Annotated[str, Meta(max_length=MAX_PROMPT_CHARS)]
RunId = Annotated[str, Meta(max_length=200)]
Callback = Annotated[str, Meta(max_length=2000)]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """An order. What else a client sends is left unread: flows pass on more than is needed."""

    audio_url: Annotated[Url, Meta(description="The song; http or https. The server fetches it.")] = ""
    image_url: Annotated[Url, Meta(description="A theme picture; http or https. The server fetches it.")] = ""
    script: Annotated[
        str,
        Meta(description="What is narrated: text, Markdown, HTML or SSML. The song then is music under the voice."),
    ] = ""
    language: Annotated[str, Meta(max_length=40, description="Of the script, as in `de`.")] = ""
    caption: Annotated[str, Meta(max_length=4000, description="The text of the post; stored, and told again.")] = ""
    show_caption: Annotated[
        bool, Meta(description="Show the caption's first line on the title card, unless the options have a title.")
    ] = False
    prompts: Annotated[
        tuple[Prompt, ...] | Prompt,
        Meta(
            description="What the video shows; several are taken together. With a script, several are those of its"
            " scenes, in order, and one text is about them all."
        ),
    ] = ()
    run_id: Annotated[
        RunId | int | None, Meta(description="What the client calls the run: the same one finds the same job.")
    ] = None
    callback_url: Annotated[
        Callback | None, Meta(description="Called at the end; its query is kept byte for byte.")
    ] = None
    options: Annotated[dict[str, Any] | None, Meta(description="As those of POST /api/v1/jobs.")] = None


async def start(parts: Parts, order: Start, *, key: str) -> Accepted:
    """Open the job, or find the one of this key or run id. Nothing is fetched yet: that is a task of the job.

    Raises Permanent: song_missing, script_empty, script_too_long, bad_script, bad_options, bad_source_url,
    bad_callback_url, idempotency_conflict.
    """
    if not order.audio_url and not order.script:
        raise Permanent("song_missing", hint=HINT)
    for url in filter(None, (order.audio_url, order.image_url)):
        parts.desk.fetching.check(url)
    run_id = "" if order.run_id is None else str(order.run_id).strip()
    for name, text in (("caption", order.caption), ("run_id", run_id)):
        check_text(name, text)
    options = read_options(_options(order), parts.callback_allow)
    check_music(options, script=bool(order.script), song=bool(order.audio_url))
    files, words = bool(order.audio_url or order.image_url), bool(order.script)
    source = Fetch(audio_url=order.audio_url, image_url=order.image_url, options=options, lyrics=words)
    if not files:
        check_means(options.style, picture=False, title=bool(options.title), lyrics=words)
    job = NewJob(
        owner=parts.owner,
        options=options,
        song=None,
        song_name="",
        duration=0.0,
        given=Given(source=source if files else None),
        caption=order.caption,
        client_run=run_id,
    )
    if order.script:
        job = await narrated(parts, job, script_of(order.script, _of_scenes(order), order.language))
    else:
        job = seeded(job)
    if key:
        return await parts.ledger.accept(job, by=parts.caller, key=key, body_digest=_digest(order))
    # A flow that runs again may sign its addresses anew: the run's name alone says that it is the same.
    named = f"run_id {hashlib.sha256(run_id.encode()).hexdigest()}" if run_id else ""
    return await parts.ledger.accept(job, by=parts.caller, key=named, body_digest="run_id")


HINT = "Give `audio_url`: the address of an MP3, M4A, WAV, FLAC or OGG file; or a `script`."


def status_of(state: State) -> Status:
    """A job's state, as this contract calls it."""
    match state:
        case State.QUEUED:
            return "queued"
        case State.COMPLETED:
            return "completed"
        case State.FAILED:
            return "failed"
        case State.CANCELLED:
            return "cancelled"
        case _:
            return "running"


def run_of(snapshot: JobSnapshot) -> str:
    """What the run is called: by the client, or else its number."""
    return snapshot.client_run or str(snapshot.run)


def _options(order: Start) -> bytes:
    options = dict(order.options or {})
    if order.callback_url:
        options["callback_url"] = order.callback_url
    prompts = (order.prompts,) if isinstance(order.prompts, str) else order.prompts
    if "prompt" not in options and not _of_scenes(order):
        options["prompt"] = "; ".join(filter(None, (prompt.strip() for prompt in prompts)))[:MAX_PROMPT_CHARS]
    if order.show_caption and not options.get("title"):
        options["title"] = order.caption.strip().partition("\n")[0][:TITLE_CHARS]
    return msgspec.json.encode(options)


def _of_scenes(order: Start) -> tuple[str, ...]:
    """The prompts that are about a scene each."""
    return order.prompts if order.script and not isinstance(order.prompts, str) else ()


def _digest(order: Start) -> str:
    return hashlib.sha256(msgspec.json.encode(order, order="deterministic")).hexdigest()
