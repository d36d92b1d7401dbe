"""Whether users have to log in here, and what has to be there before the first of them can."""

from __future__ import annotations

from typing import Protocol

from libs.contracts.errors import Permanent
from services.ingest.access.callers import MACHINE, Caller, Role
from services.ingest.access.local import is_loopback
from services.ingest.settings import IngestSettings


class Users(Protocol):
    """What is asked of the accounts at start."""

    async def has_operator(self) -> bool:
        """Whether there is an operator who can log in."""
        ...

    async def create_user(self, by: Caller, email: str, password: str, role: Role = "user") -> object:
        """Make a user. Raises Permanent."""
        ...


def needs_login(settings: IngestSettings) -> bool:
    """Whether nobody gets in without a login: wherever another machine can call, also by a proxy that the settings
    name, and where they want it.

    Raises Permanent("bad_setting") when logins can't work.
    """
    alone = is_loopback(settings.host) and not settings.trusted_proxies
    if settings.login == "auto" and alone:
        return False
    if not settings.shared.secret_key:
        why = "BEATLOOM_INGEST_LOGIN is `required`" if alone else "other machines can call it"
        raise Permanent("bad_setting", f"BEATLOOM_SECRET_KEY is not set: users have to log in here, since {why}.")
    return True


async def first_operator(users: Users, settings: IngestSettings) -> None:
    """See to it that somebody can log in and run the installation. Settings that name one count once, when there is
    none.

    Raises Permanent: no_operator, and what is wrong with those settings.
    """
    if await users.has_operator():
        return
    email, password = settings.operator_email, settings.operator_password
    if not (email and password):
        raise Permanent("no_operator")
    try:
        await users.create_user(MACHINE, email, password, "operator")
    except Permanent as error:
        if error.code != "email_taken":
            raise
        if not await users.has_operator():  # or else another replica was faster
            told = "BEATLOOM_INGEST_OPERATOR_EMAIL is that of a user who is no operator, or is disabled."
            raise Permanent("no_operator", told) from error
