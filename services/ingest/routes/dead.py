"""Dead letters, for operators: work that was given up."""

from __future__ import annotations

from typing import Annotated

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from services.ingest import views
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON, NEEDS_GONE, problem

TAG = "Dead letters"
NONE = problem("There is no such dead letter.")

Token = Annotated[str, PathParameter(description="The dead letter's id in base64url without padding; see `link`.")]


@get(
    "/dead",
    access="operator",
    operation_id="listDeadLetters",
    tags=[TAG],
    summary="List the dead letters",
    description="Work that was given up, and that nobody has replayed or dropped; the newest first."
    " `next` leads to the older ones.",
    responses={**COMMON, 404: NONE},
)
async def list_dead(
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="Letters on a page.")] = 200,
    before: Annotated[
        str, QueryParameter(description="The last letter of the page before, as in its `link`.")
    ] = "",
) -> views.DeadList:
    """List the dead letters."""
    rows = await parts.ledger.dead_letters(limit=limit, before=views.dead_id(before) if before else None)
    more = f"/api/v1/dead?limit={limit}&before={views.dead_token(rows[-1].id)}" if len(rows) == limit else None
    return views.DeadList(letters=tuple(views.dead_view(row) for row in rows), next=more)


@get(
    "/dead/{token:str}",
    access="operator",
    operation_id="getDeadLetter",
    tags=[TAG],
    summary="Look at a dead letter",
    description="With the history of its failed tries.",
    responses={**COMMON, 404: NONE},
)
async def get_dead(token: Token, parts: NamedDependency[Parts]) -> views.DeadView:
    """Look at a dead letter."""
    return views.dead_view(await parts.ledger.dead_letter(views.dead_id(token)))


@post(
    "/dead/{token:str}/replay",
    status_code=202,
    access="operator",
    operation_id="replayDeadLetter",
    tags=[TAG],
    summary="Replay a dead letter",
    description="Opens a new run of its job (a webhook is only sent again), and takes it off the list.",
    responses={**COMMON, 404: NONE, 409: problem("The job is running."), 410: NEEDS_GONE},
)
async def replay_dead(token: Token, parts: NamedDependency[Parts]) -> views.RunOpened:
    """Replay a dead letter."""
    letter = await parts.ledger.dead_letter(views.dead_id(token))
    run = await parts.ledger.replay(letter.id, parts.caller)
    snapshot = await parts.ledger.snapshot(letter.job_id)
    return views.RunOpened(
        job_id=letter.job_id, run=run, status=snapshot.state, links=views.links(letter.job_id, snapshot.state)
    )


@delete(
    "/dead/{token:str}",
    access="operator",
    operation_id="dropDeadLetter",
    tags=[TAG],
    summary="Drop a dead letter",
    description="Takes it off the list; the job stays as it is.",
    responses={**COMMON, 404: NONE},
)
async def drop_dead(token: Token, parts: NamedDependency[Parts]) -> None:
    """Drop a dead letter."""
    await parts.ledger.drop(views.dead_id(token), parts.caller)


HANDLERS = (list_dead, get_dead, replay_dead, drop_dead)
