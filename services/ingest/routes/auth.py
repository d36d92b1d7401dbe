"""Registering, logging in and out, passwords that were forgotten."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from libs.contracts.errors import Permanent
from services.ingest.accounts.accounts import Accounts
from services.ingest.accounts.people import LONGEST_EMAIL
from services.ingest.accounts.records import Login
from services.ingest.parts import Parts
from services.ingest.routes.documents import COMMON, exemplified, problem

Meta = msgspec.Meta

TAG = "Accounts"
TOO_OFTEN = problem("There were too many tries; `Retry-After` says how long to wait.")
WEAK = problem("The e-mail address is not valid, or the password too weak.")
NO_ACCOUNT = problem("There are no accounts on this machine.")

NOT_STORED = {"Cache-Control": "no-store"}
"""For answers with secrets."""

Email = Annotated[str, Meta(min_length=3, max_length=LONGEST_EMAIL, description="E-mail address.")]
Password = Annotated[str, Meta(min_length=1, max_length=1024, description="The password.")]
NewPassword = Annotated[str, Meta(min_length=1, max_length=1024, description="10 to 256 characters.")]
Token = Annotated[str, Meta(min_length=1, max_length=4096, description="The token.")]

_CREDENTIALS = {"email": "ada@example.com", "password": "seven otters sing at night"}


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body that takes nothing besides its fields."""


class Registration(Body, frozen=True, kw_only=True):
    """A new account."""

    email: Email
    password: NewPassword


class Credentials(Body, frozen=True, kw_only=True):
    """Who logs in."""

    email: Email
    password: Password


class RefreshOrder(Body, frozen=True, kw_only=True):
    """A login to carry on."""

    refresh_token: Token


class LogoutOrder(Body, frozen=True, kw_only=True):
    """Which logins end."""

    everywhere: Annotated[bool, Meta(description="All of one's logins, not only this one.")] = False


class ResetRequest(Body, frozen=True, kw_only=True):
    """Whose password was forgotten."""

    email: Email


class ResetOrder(Body, frozen=True, kw_only=True):
    """A new password, with the token of the mail."""

    token: Token
    password: NewPassword


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is told whether there is such an account or not."""

    message: str


def accounts_of(parts: Parts) -> Accounts:
    """The accounts. Raises Permanent("no_account") on a machine without logins."""
    if parts.accounts is None:
        raise Permanent("no_account")
    return parts.accounts


def _told(login: Login) -> Response[Login]:
    return Response(login, headers=NOT_STORED)


@post(
    "/auth/register",
    access="open",
    limit="login",
    status_code=202,
    operation_id="register",
    operation_class=exemplified(_CREDENTIALS),
    tags=[TAG],
    summary="Make yourself an account",
    description="Where BEATLOOM_INGEST_REGISTRATION is `open`. The answer is the same when there is an account with"
    " this address, which stays as it is. Then log in.",
    responses={
        **COMMON,
        403: problem("Operators make the accounts here."),
        409: NO_ACCOUNT,
        422: WEAK,
        429: TOO_OFTEN,
    },
)
async def register(data: JSONBody[Registration], parts: NamedDependency[Parts]) -> Asked:
    """Make yourself an account."""
    await accounts_of(parts).logins.register(parts.caller, data.email, data.password)
    return Asked(message="If there was no account with this address, there is now: log in.")


@post(
    "/auth/login",
    access="open",
    limit="login",
    status_code=200,
    operation_id="login",
    operation_class=exemplified(_CREDENTIALS),
    tags=[TAG],
    summary="Log in",
    description="Gives an access token for 24 hours and a refresh token for 30 days, unless the settings say"
    " otherwise. After ten wrong passwords within a quarter of an hour the account takes none until that is over;"
    " logins and keys that there are go on.",
    responses={
        **COMMON,
        401: problem("The address or the password is wrong."),
        403: problem("The account is switched off."),
        409: NO_ACCOUNT,
        429: TOO_OFTEN,
    },
)
async def login(data: JSONBody[Credentials], parts: NamedDependency[Parts]) -> Response[Login]:
    """Log in."""
    return _told(await accounts_of(parts).logins.login(parts.caller, data.email, data.password))


@post(
    "/auth/refresh",
    access="open",
    limit="login",
    status_code=200,
    operation_id="refreshLogin",
    operation_class=exemplified({"refresh_token": "01a2013a2f75b27c7c385a36ef252060.0.TA74RbvrCgMjhBWTrM1V..."}),
    tags=[TAG],
    summary="Get new tokens",
    description="A refresh token is good once. One that comes a second time ends its login: somebody else has it.",
    responses={
        **COMMON,
        401: problem("The refresh token is not valid, or no longer."),
        409: NO_ACCOUNT,
        429: TOO_OFTEN,
    },
)
async def refresh(data: JSONBody[RefreshOrder], parts: NamedDependency[Parts]) -> Response[Login]:
    """Get new tokens."""
    return _told(await accounts_of(parts).logins.refresh(parts.caller, data.refresh_token))


@post(
    "/auth/logout",
    scope="account",
    status_code=204,
    operation_id="logout",
    operation_class=exemplified({"everywhere": True}),
    tags=[TAG],
    summary="Log out",
    description="The login's tokens are refused from now on; with `everywhere` those of all your logins. API keys"
    " are not logins.",
    responses={**COMMON, 409: NO_ACCOUNT},
)
async def logout(data: JSONBody[LogoutOrder], parts: NamedDependency[Parts]) -> None:
    """Log out."""
    await accounts_of(parts).logins.logout(parts.caller, everywhere=data.everywhere)


@post(
    "/auth/password-reset",
    access="open",
    limit="login",
    status_code=202,
    operation_id="requestPasswordReset",
    operation_class=exemplified({"email": "ada@example.com"}),
    tags=[TAG],
    summary="Forgot the password",
    description="Sends a mail with a token, should there be an account with this address. The answer is the same"
    " when there is none. Three mails an hour.",
    responses={
        **COMMON,
        409: NO_ACCOUNT,
        422: problem("The e-mail address is not valid."),
        429: TOO_OFTEN,
    },
)
async def request_reset(data: JSONBody[ResetRequest], parts: NamedDependency[Parts]) -> Asked:
    """Forgot the password."""
    await accounts_of(parts).resets.ask(parts.caller, data.email)
    return Asked(message="If there is an account with this address, a mail is on its way.")


@post(
    "/auth/password-reset/confirm",
    access="open",
    limit="login",
    status_code=204,
    operation_id="resetPassword",
    operation_class=exemplified(
        {"token": "01a2013a2f75b27c7c385a36ef252060.0.TA74RbvrCg...", "password": _CREDENTIALS["password"]}
    ),
    tags=[TAG],
    summary="Set a new password",
    description="With the token of the mail, which is good once and for 30 minutes. All logins and API keys of the"
    " account end.",
    responses={
        **COMMON,
        403: problem("The token is not valid, or no longer."),
        409: NO_ACCOUNT,
        422: WEAK,
        429: TOO_OFTEN,
    },
)
async def confirm_reset(data: JSONBody[ResetOrder], parts: NamedDependency[Parts]) -> None:
    """Set a new password."""
    await accounts_of(parts).resets.confirm(parts.caller, data.token, data.password)


HANDLERS = [register, login, refresh, logout, request_reset, confirm_reset]
