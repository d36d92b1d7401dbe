"""Logins: begun with a password, carried on with refresh tokens that are good once, ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller, Role
from services.ingest.accounts.macs import Macs, Named
from services.ingest.accounts.passwords import Passwords, check_password
from services.ingest.accounts.people import add_user, email_of, is_email, new_user
from services.ingest.accounts.records import Login
from services.ingest.accounts.tables import sessions, users
from services.ingest.accounts.tokens import Tokens
from services.ingest.accounts.tries import Limit, by_account, by_address, count_try, forget_tries, forgive_try
from services.ingest.database import Database
from services.ingest.ids import new_id

log = logging.getLogger(__name__)

WITHIN = timedelta(minutes=15)
TRIES_OF_ACCOUNT = 10
TRIES_OF_ADDRESS = 50
"""Wrong passwords within that time."""
REGISTRATIONS = 10
"""Of one address within an hour."""
MOST_SESSIONS = 100
"""Of one user; the oldest ends when there are more."""


class _Known(msgspec.Struct, frozen=True):
    """What a password is compared with."""

    id: str
    email: str
    password: str
    role: Role
    enabled: bool


class Logins:
    """Of all users. Besides what each method says, all raise Retryable: ledger_unavailable, and those that compare
    passwords logins_busy.

    lasts: how long a login stands without being refreshed.
    """

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        passwords: Passwords,
        macs: Macs,
        *,
        lasts: timedelta,
        registration: Literal["open", "closed"] = "closed",
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._passwords = passwords
        self._macs = macs
        self._lasts = lasts
        self._registration = registration
        self._clock = clock

    async def register(self, by: Caller, email: str, password: str) -> None:
        """Make oneself an account. Whether the address has one already is not told: then nothing changes.

        Raises Permanent: registration_closed, bad_email, weak_password; Retryable("too_many_logins").
        """
        if self._registration == "closed":
            raise Permanent("registration_closed")
        now = self._clock()
        user = new_user(email_of(email), "user", now)
        check_password(password, user.email)
        await count_try(self._database, now, by_address("register", by.address, REGISTRATIONS, timedelta(hours=1)))
        hashed = await self._passwords.hash(password)

        async def add(connection: AsyncConnection) -> None:
            known = await _find(connection, users.c.email == user.email)
            if known is None:
                await add_user(self._database, connection, by, user, hashed)
            else:
                await note(connection, by, "user.registered_again", known.id, now)

        try:
            await self._database.transact(add)
        except Permanent as error:
            if error.code != "email_taken":  # by another request, in this moment
                raise

    async def login(self, by: Caller, email: str, password: str) -> Login:
        """Begin one. It takes as long whether there is such a user or not.

        Raises Permanent: bad_login, user_disabled, no_secret_key; Retryable("too_many_logins").
        """
        email, now = email.strip().lower(), self._clock()
        limits = _limits(email, by.address)
        await count_try(self._database, now, *limits)
        known = await self._read(users.c.email == email) if is_email(email) else None
        if not await self._passwords.verify(known.password if known else None, password) or known is None:
            log.info("a login failed", extra={"user_id": known.id if known else ""})
            raise Permanent("bad_login")
        if not known.enabled:
            raise Permanent("user_disabled")
        newer = await self._passwords.hash(password) if self._passwords.is_old(known.password) else known.password
        session = new_id()
        issued = self._issue(known.id, Named(session, 0), now)

        async def begin(connection: AsyncConnection) -> None:
            same = (users.c.id == known.id, users.c.password == known.password, users.c.enabled.is_(True))
            kept = sa.update(users).where(*same).values(password=newer, last_login_at=now)
            if (await connection.execute(kept)).rowcount != 1:
                raise Permanent("bad_login")  # changed in this moment
            row = {"id": session, "owner": known.id, "turn": 0, "created_at": now, "expires_at": now + self._lasts}
            await connection.execute(sa.insert(sessions).values(**row))
            await _end_oldest(connection, known.id)
            await _forgive(connection, limits)
            await note(connection, _as(by, known.id), "session.opened", session, now)

        await self._database.transact(begin)
        return issued

    async def refresh(self, by: Caller, token: str) -> Login:
        """Carry a login on: this refresh token is good once. A second use of it ends the login, since one of the
        two who used it has stolen it.

        Raises Permanent: bad_token, no_secret_key.
        """
        named, now = self._macs.read(token), self._clock()
        if named is None:
            raise Permanent("bad_token")

        async def turn(connection: AsyncConnection) -> str:
            c = sessions.c
            query = sa.update(sessions).where(c.id == named.id, c.turn == named.number, c.expires_at > now)
            turned = query.values(turn=c.turn + 1, expires_at=now + self._lasts)
            owner: str | None = (await connection.execute(turned.returning(c.owner))).scalar_one_or_none()
            if owner is not None:
                return owner
            gone = sa.delete(sessions).where(c.id == named.id).returning(c.owner, c.turn)
            ended = (await connection.execute(gone)).one_or_none()
            if ended is not None and ended.turn > named.number:
                log.warning("a refresh token came twice: its login is over", extra={"user_id": ended.owner})
                await note(connection, _as(by, ended.owner), "session.reused", named.id, now)
            return ""

        owner = await self._database.transact(turn)
        if not owner:
            raise Permanent("bad_token")
        return self._issue(owner, Named(named.id, named.number + 1), now)

    async def logout(self, by: Caller, *, everywhere: bool = False) -> None:
        """End the caller's login, or all of them. Their access tokens are refused from now on."""

        async def end(connection: AsyncConnection) -> None:
            c = sessions.c
            query = sa.delete(sessions).where(c.owner == by.owner)
            await connection.execute(query if everywhere else query.where(c.id == by.session_id))
            action, subject = ("sessions.closed", by.owner) if everywhere else ("session.closed", by.session_id)
            await note(connection, by, action, subject, self._clock())

        await self._database.transact(end)

    async def confirm(self, by: Caller, password: str) -> None:
        """Return when it is the caller's own password.

        Raises Permanent("bad_login"); Retryable("too_many_logins").
        """
        await self._proven(by, password)

    async def change_password(self, by: Caller, old: str, new: str) -> None:
        """Set another password. The caller's other logins end.

        Raises Permanent: bad_login, weak_password; Retryable("too_many_logins").
        """
        known = await self._proven(by, old)
        check_password(new, known.email)
        hashed = await self._passwords.hash(new)

        async def change(connection: AsyncConnection) -> None:
            same = (users.c.id == by.owner, users.c.password == known.password)
            changed = await connection.execute(sa.update(users).where(*same).values(password=hashed))
            if changed.rowcount != 1:
                raise Permanent("bad_login")  # changed in this moment
            others = (sessions.c.owner == by.owner, sessions.c.id != by.session_id)
            await connection.execute(sa.delete(sessions).where(*others))
            await note(connection, by, "password.changed", by.owner, self._clock())

        await self._database.transact(change)

    async def _proven(self, by: Caller, password: str) -> _Known:
        """The caller, whose password this is. Raises as `confirm`."""
        known = await self._read(users.c.id == by.owner)
        if known is None:
            raise Permanent("bad_login")
        limits = _limits(known.email, by.address)
        await count_try(self._database, self._clock(), *limits)
        if not await self._passwords.verify(known.password, password):
            raise Permanent("bad_login")
        await self._database.transact(lambda connection: _forgive(connection, limits))
        return known

    def _issue(self, user: str, session: Named, now: datetime) -> Login:
        return Login(
            access_token=self._tokens.issue(user, session.id, now),
            expires_in=int(self._tokens.lasts.total_seconds()),
            refresh_token=self._macs.make(session.id, session.number),
            refresh_expires_in=int(self._lasts.total_seconds()),
        )

    async def _read(self, which: sa.ColumnElement[bool]) -> _Known | None:
        async with self._database.read() as connection:
            return await _find(connection, which)


async def _find(connection: AsyncConnection, which: sa.ColumnElement[bool]) -> _Known | None:
    shown = [users.c[name] for name in _Known.__struct_fields__]
    row = (await connection.execute(sa.select(*shown).where(which))).mappings().one_or_none()
    return None if row is None else _Known(**row)


async def _end_oldest(connection: AsyncConnection, owner: str) -> None:
    c = sessions.c
    kept = sa.select(c.id).where(c.owner == owner).order_by(c.created_at.desc(), c.id.desc()).limit(MOST_SESSIONS)
    await connection.execute(sa.delete(sessions).where(c.owner == owner, c.id.not_in(kept)))


def _limits(email: str, address: str) -> tuple[Limit, Limit]:
    return (
        by_account("login", email, TRIES_OF_ACCOUNT, WITHIN),
        by_address("login", address, TRIES_OF_ADDRESS, WITHIN),
    )


async def _forgive(connection: AsyncConnection, limits: tuple[Limit, Limit]) -> None:
    """After a right password: the account begins anew, and of its address this try does not count."""
    account, address = limits
    await forget_tries(connection, [account.key])
    await forgive_try(connection, address)


def _as(by: Caller, owner: str) -> Caller:
    """Who the caller turned out to be, for the audit log."""
    return msgspec.structs.replace(by, owner=owner)
