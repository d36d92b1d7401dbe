"""Users: listed, made, switched off, given a role and a cap."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import UNSET, UnsetType

from libs.contracts.errors import Permanent
from libs.money.amounts import micros_of
from services.ingest.access.callers import Role
from services.ingest.operating.people import MadeUser, UserView
from services.ingest.parts import Parts
from services.ingest.routes.budgets import approvals_of
from services.ingest.routes.documents import COMMON, exemplified, problem
from services.ingest.routes.tags import OPERATING

Meta = msgspec.Meta
MAX_PAGE = 200
MOST_MONEY = 1_000_000_000
ID_OR_NONE = r"^[0-9a-z]{0,64}$"
NO_USER = problem("There is no such user.")

_ID = re.compile(r"[0-9a-z]{1,64}")

UserId = Annotated[str, PathParameter(description="The user's id.")]


class UserOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to make."""

    email: Annotated[str, Meta(max_length=254)]
    password: Annotated[
        str, Meta(max_length=256, description="At least 10 characters. Left out: one is made up, and told once.")
    ] = ""
    role: Role = "user"


class UserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; what is left out stays."""

    enabled: Annotated[bool, Meta(description="False: they are logged out, and their keys stop.")] | UnsetType = (
        UNSET
    )
    role: Role | UnsetType = UNSET
    month_cap: (
        Annotated[float, Meta(ge=0, le=MOST_MONEY, description="What they may spend a month.")] | UnsetType | None
    ) = UNSET
    """null: as much as they like."""


class UserList(msgspec.Struct, frozen=True, kw_only=True):
    """Users, the newest first."""

    users: tuple[UserView, ...]
    next: str | None


def user_id_of(text: str) -> str:
    """An id as it stands in a path. Raises Permanent("user_not_found") for what can't be one."""
    if not _ID.fullmatch(text):
        raise Permanent("user_not_found")
    return text


@get(
    "/admin/users",
    access="operator",
    operation_id="listUsers",
    tags=[OPERATING],
    summary="List the users",
    description="The newest first. `next` leads to the older ones.",
    responses={**COMMON},
)
async def list_users(
    parts: NamedDependency[Parts],
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="Users on a page.")] = 100,
    before: Annotated[str, QueryParameter(pattern=ID_OR_NONE, description="The last id of the page before.")] = "",
) -> UserList:
    """List the users."""
    found = await parts.operations.people.page(limit=limit, before=before)
    more = f"/api/v1/admin/users?limit={limit}&before={found[-1].id}" if len(found) == limit else None
    return UserList(users=tuple(found), next=more)


@post(
    "/admin/users",
    access="operator",
    status_code=201,
    operation_id="createUser",
    operation_class=exemplified({"email": "ann@example.com", "role": "user"}),
    tags=[OPERATING],
    summary="Make a user",
    description="Also where people can't register themselves. A made up password is told in this answer alone.",
    responses={
        **COMMON,
        409: problem("The address has a user already."),
        422: problem("The address or the password can't be used."),
    },
)
async def create_user(data: JSONBody[UserOrder], parts: NamedDependency[Parts]) -> MadeUser:
    """Make a user."""
    return await parts.operations.people.create(parts.caller, data.email, data.password, data.role)


@get(
    "/admin/users/{user_id:str}",
    access="operator",
    operation_id="getUser",
    tags=[OPERATING],
    summary="Look at a user",
    description="Role, standing, and what they may spend.",
    responses={**COMMON, 404: NO_USER},
)
async def get_user(user_id: UserId, parts: NamedDependency[Parts]) -> UserView:
    """Look at a user."""
    return await parts.operations.people.get(user_id_of(user_id))


@patch(
    "/admin/users/{user_id:str}",
    access="operator",
    operation_id="changeUser",
    operation_class=exemplified({"enabled": False}),
    tags=[OPERATING],
    summary="Change a user",
    description="Switch them off or on, make them an operator or not, say what they may spend in a month. Somebody"
    " always remains who runs the installation.",
    responses={**COMMON, 404: NO_USER, 409: problem("It is the last operator.")},
)
async def change_user(user_id: UserId, data: JSONBody[UserChange], parts: NamedDependency[Parts]) -> UserView:
    """Change a user."""
    people, named = parts.operations.people, user_id_of(user_id)
    await people.change(
        parts.caller,
        named,
        enabled=None if data.enabled is UNSET else data.enabled,
        role=None if data.role is UNSET else data.role,
    )
    if data.month_cap is not UNSET:
        cap = None if data.month_cap is None else micros_of(data.month_cap)
        await approvals_of(parts).set_cap(parts.caller, named, cap)
    return await people.get(named)


@post(
    "/admin/users/{user_id:str}/logout",
    access="operator",
    status_code=204,
    operation_id="logoutUser",
    tags=[OPERATING],
    summary="Log a user out everywhere",
    description="All of their logins end at once; API keys go on.",
    responses={**COMMON, 404: NO_USER},
)
async def logout_user(user_id: UserId, parts: NamedDependency[Parts]) -> None:
    """Log a user out everywhere."""
    await parts.operations.people.end_sessions(parts.caller, user_id_of(user_id))


HANDLERS = (list_users, create_user, get_user, change_user, logout_user)
