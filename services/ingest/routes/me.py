"""One's own account: who one is, the password, API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from services.ingest.access.callers import Means, Role, Scope
from services.ingest.accounts.records import ApiKey, KeyScope
from services.ingest.parts import Parts
from services.ingest.routes.auth import (
    NO_ACCOUNT,
    NOT_STORED,
    TAG,
    TOO_OFTEN,
    WEAK,
    Body,
    NewPassword,
    Password,
    accounts_of,
)
from services.ingest.routes.documents import COMMON, exemplified, problem

Meta = msgspec.Meta

ApiKeyId = Annotated[str, PathParameter(description="The key's id.")]


class MeView(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. Without a login everybody is `local`."""

    id: str
    role: Role
    means: Means
    """How you proved who you are."""
    scopes: tuple[Scope, ...]
    """What you may do so."""
    email: str | None = None
    created_at: datetime | None = None
    last_login_at: datetime | None = None


class PasswordChange(Body, frozen=True, kw_only=True):
    """Another password."""

    old: Password
    new: NewPassword


class ApiKeyOrder(Body, frozen=True, kw_only=True):
    """A key to make."""

    name: Annotated[
        str,
        Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$", description="For people; on one line."),
    ]
    scopes: Annotated[
        tuple[KeyScope, ...],
        Meta(
            min_length=1,
            max_length=3,
            description="`read`: to look. `write`: to order and change. `admin`: to run the installation, for"
            " operators. No key is good for the account itself.",
        ),
    ] = ("read", "write")
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    """When it ends; null: when it is revoked."""


class ApiKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what proves it."""

    id: str
    name: str
    prefix: str
    """How it begins."""
    scopes: tuple[KeyScope, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


class ApiKeySecret(ApiKeyView, frozen=True, kw_only=True):
    """A new key, which is not told again."""

    key: str


class ApiKeyList(msgspec.Struct, frozen=True, kw_only=True):
    """All of one's keys, the newest first."""

    api_keys: tuple[ApiKeyView, ...]


def _fields(key: ApiKey) -> dict[str, object]:
    return {name: getattr(key, name) for name in ApiKeyView.__struct_fields__}


@get(
    "/me",
    operation_id="getMe",
    tags=[TAG],
    summary="See who you are",
    description="And what your token or key is good for.",
    responses={**COMMON},
)
async def get_me(parts: NamedDependency[Parts]) -> MeView:
    """See who you are."""
    caller = parts.caller
    told = MeView(id=caller.owner, role=caller.role, means=caller.means, scopes=tuple(sorted(caller.scopes)))
    if parts.accounts is None:
        return told
    user = await parts.accounts.user(caller.owner)
    return msgspec.structs.replace(
        told, email=user.email, created_at=user.created_at, last_login_at=user.last_login_at
    )


@post(
    "/me/password",
    scope="account",
    limit="login",
    status_code=204,
    operation_id="changePassword",
    operation_class=exemplified({"old": "seven otters sing at night", "new": "eight badgers hum at noon"}),
    tags=[TAG],
    summary="Change the password",
    description="Your other logins end; API keys go on.",
    responses={
        **COMMON,
        401: problem("The old password is wrong."),
        409: NO_ACCOUNT,
        422: WEAK,
        429: TOO_OFTEN,
    },
)
async def change_password(data: JSONBody[PasswordChange], parts: NamedDependency[Parts]) -> None:
    """Change the password."""
    await accounts_of(parts).logins.change_password(parts.caller, data.old, data.new)


@post(
    "/me/api-keys",
    scope="account",
    status_code=201,
    operation_id="createApiKey",
    operation_class=exemplified({"name": "n8n", "scopes": ["read", "write"], "expires_at": "2030-01-01T00:00:00Z"}),
    tags=[TAG],
    summary="Make an API key",
    description="For programs, as `Authorization: Bearer bl_...`. The answer holds the key, which is not told"
    " again: only its digest is kept.",
    responses={
        **COMMON,
        403: problem("Only operators can make a key with the scope `admin`."),
        409: problem("You have 50 keys, or there are no accounts on this machine."),
        422: problem("The end has passed."),
    },
)
async def create_key(data: JSONBody[ApiKeyOrder], parts: NamedDependency[Parts]) -> Response[ApiKeySecret]:
    """Make an API key."""
    keys = accounts_of(parts).keys
    key, secret = await keys.create(parts.caller, data.name, data.scopes, data.expires_at)
    return Response(msgspec.convert(_fields(key) | {"key": secret}, ApiKeySecret), headers=NOT_STORED)


@get(
    "/me/api-keys",
    scope="account",
    operation_id="listApiKeys",
    tags=[TAG],
    summary="List the API keys",
    description="All of them (50 at most), the newest first, those that have ended too.",
    responses={**COMMON, 409: NO_ACCOUNT},
)
async def list_keys(parts: NamedDependency[Parts]) -> ApiKeyList:
    """List the API keys."""
    found = await accounts_of(parts).keys.list(parts.caller)
    return ApiKeyList(api_keys=tuple(msgspec.convert(_fields(key), ApiKeyView) for key in found))


@delete(
    "/me/api-keys/{api_key_id:str}",
    scope="account",
    operation_id="revokeApiKey",
    tags=[TAG],
    summary="Revoke an API key",
    description="It is refused from now on.",
    responses={**COMMON, 404: problem("There is no such key."), 409: NO_ACCOUNT},
)
async def revoke_key(api_key_id: ApiKeyId, parts: NamedDependency[Parts]) -> None:
    """Revoke an API key."""
    await accounts_of(parts).keys.revoke(parts.caller, api_key_id)


HANDLERS = [get_me, change_password, create_key, list_keys, revoke_key]
