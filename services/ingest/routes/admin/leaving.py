"""Deleting all that is a user's, for them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from services.ingest.my_data.deletions import Holdings
from services.ingest.parts import Parts
from services.ingest.routes.admin.users import NO_USER, UserId, user_id_of
from services.ingest.routes.documents import COMMON, exemplified, problem
from services.ingest.routes.my_data import DeletionView, deletion_view, deletions_of
from services.ingest.routes.tags import OPERATING


class UsersDeletionOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be deleted: that which was listed."""

    confirm: Annotated[str, msgspec.Meta(max_length=200, description="From GET /admin/users/{user_id}/deletion.")]


@get(
    "/admin/users/{user_id:str}/deletion",
    access="operator",
    operation_id="previewUsersDeletion",
    tags=[OPERATING],
    summary="See what would be deleted of a user",
    description="All that is theirs, counted, with the `confirm` that deletes just that.",
    responses={**COMMON, 404: NO_USER},
)
async def preview_users_deletion(user_id: UserId, parts: NamedDependency[Parts]) -> Holdings:
    """See what would be deleted of a user."""
    user = await parts.operations.people.get(user_id_of(user_id))
    return await deletions_of(parts).holdings(user.id)


@post(
    "/admin/users/{user_id:str}/deletion",
    access="operator",
    status_code=202,
    operation_id="orderUsersDeletion",
    operation_class=exemplified({"confirm": "3f1c..."}),
    tags=[OPERATING],
    summary="Delete a user and everything of theirs",
    description="Account, projects, jobs, videos and all that was made on the way; what runs is cancelled. It can't"
    " be undone. What other users made stays theirs.",
    responses={
        **COMMON,
        404: NO_USER,
        409: problem("There is more, or less, by now than was confirmed; or they are the last operator."),
    },
)
async def order_users_deletion(
    user_id: UserId, data: JSONBody[UsersDeletionOrder], parts: NamedDependency[Parts]
) -> DeletionView:
    """Delete a user and everything of theirs."""
    user = await parts.operations.people.get(user_id_of(user_id))
    return deletion_view(await deletions_of(parts).ask(parts.caller, user.id, data.confirm))


HANDLERS = (preview_users_deletion, order_users_deletion)
