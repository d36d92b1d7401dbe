"""Accounts: who is behind a token or a key, and everything that people do with their account."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import sqlalchemy as sa

from libs.contracts.errors import Permanent, Retryable
from services.ingest.access.callers import Caller, Role, Scope
from services.ingest.accounts.api_keys import PREFIX, ApiKeys, digest_of
from services.ingest.accounts.logins import Logins
from services.ingest.accounts.passwords import Passwords, check_password
from services.ingest.accounts.people import (
    OPERATOR,
    add_user,
    change_user,
    count_operators,
    email_of,
    end_sessions,
    list_users,
    new_user,
    read_user,
)
from services.ingest.accounts.records import KeyScope, User
from services.ingest.accounts.reset_mails import ResetMails
from services.ingest.accounts.resets import Resets
from services.ingest.accounts.tables import api_keys, sessions, users
from services.ingest.accounts.tokens import Claims, Tokens
from services.ingest.database import Database

log = logging.getLogger(__name__)

NOTED_EVERY = timedelta(minutes=1)
"""How often the use of a key is written down."""


class _Known(msgspec.Struct, frozen=True):
    """What the ledger says of a key."""

    id: str
    owner: str
    role: Role
    scopes: tuple[KeyScope, ...]
    expires_at: datetime | None
    last_used_at: datetime | None


class Accounts:
    """All users, and what operators do with them; what people do themselves is in `logins`, `keys` and `resets`.

    mails: writes the mails of resets; None: this installation sends none.
    Errors of a database that is away are `Retryable("ledger_unavailable")`.
    """

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        passwords: Passwords,
        *,
        logins: Logins,
        keys: ApiKeys,
        resets: Resets,
        mails: ResetMails | None = None,
        clock: Callable[[], datetime],
    ) -> None:
        self.logins, self.keys, self.resets = logins, keys, resets
        self.loops = {"mails": mails.run} if mails else {}
        """What has to run for ever, by name."""
        self._database = database
        self._tokens = tokens
        self._passwords = passwords
        self._clock = clock
        self._used: dict[str, datetime] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def authenticate(self, bearer: str) -> Caller:
        """Who is behind what a request says after `Authorization: Bearer`: an access token or an API key.

        Asked of the ledger each time, so that what was revoked is refused at once. The address is left empty.
        Raises Permanent: bad_token, token_expired.
        """
        if bearer.startswith(PREFIX):
            return await self._of_key(bearer)
        claims = self._tokens.read(bearer, self._clock())
        role = await self._database.look(_role_of_session, claims)
        if role is None:
            raise Permanent("bad_token")
        return Caller(owner=claims.sub, role=role, means="token", scopes=_SCOPES[role], session_id=claims.sid)

    async def has_operator(self) -> bool:
        """Whether there is an operator who can log in."""
        async with self._database.read() as connection:
            return await count_operators(connection) > 0

    async def create_user(self, by: Caller, email: str, password: str, role: Role = "user") -> User:
        """Make a user; of the right to do so the caller has been asked.

        Raises Permanent: bad_email, weak_password, email_taken; Retryable("logins_busy").
        """
        user = new_user(email_of(email), role, self._clock())
        check_password(password, user.email)
        hashed = await self._passwords.hash(password)
        await self._database.transact(lambda connection: add_user(self._database, connection, by, user, hashed))
        return user

    async def user(self, user_id: str) -> User:
        """One by id. Raises Permanent("user_not_found")."""
        async with self._database.read() as connection:
            return await read_user(connection, user_id)

    async def users(self, *, limit: int, before: str = "") -> list[User]:
        """The newest first; `before` is the last id of the page before."""
        async with self._database.read() as connection:
            return await list_users(connection, limit=limit, before=before)

    async def change_user(
        self, by: Caller, user_id: str, *, enabled: bool | None = None, role: Role | None = None
    ) -> User:
        """Switch somebody off, which logs them out and stops their keys, or on; or give them another role.

        Raises Permanent: user_not_found, last_operator.
        """
        return await self._database.transact(
            lambda connection: change_user(connection, by, user_id, self._clock(), enabled=enabled, role=role)
        )

    async def end_sessions(self, by: Caller, user_id: str) -> None:
        """Log somebody out everywhere. Raises Permanent("user_not_found")."""
        await self._database.transact(lambda connection: end_sessions(connection, by, user_id, self._clock()))

    async def aclose(self) -> None:
        """Write down what is still to be."""
        await asyncio.gather(*self._noting, return_exceptions=True)

    async def _of_key(self, key: str) -> Caller:
        now = self._clock()
        known = await self._database.look(_known_key, digest_of(key))
        if known is None:
            raise Permanent("bad_token")
        if known.expires_at is not None and known.expires_at <= now:
            raise Permanent("token_expired")
        self._note_use(known, now)
        scopes: frozenset[Scope] = frozenset(known.scopes)
        acts_as = OPERATOR if known.role == OPERATOR and "admin" in scopes else "user"
        return Caller(
            owner=known.owner, role=acts_as, means="key", scopes=scopes & _SCOPES[acts_as], key_id=known.id
        )

    def _note_use(self, known: _Known, now: datetime) -> None:
        noted = max(known.last_used_at or _NEVER, self._used.get(known.id, _NEVER))
        if now - noted < NOTED_EVERY:
            return
        self._used = {key: at for key, at in self._used.items() if now - at < NOTED_EVERY} | {known.id: now}
        task = asyncio.create_task(self._write_use(known.id, now))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _write_use(self, key_id: str, now: datetime) -> None:
        c = api_keys.c
        query = sa.update(api_keys).where(c.id == key_id, sa.or_(c.last_used_at.is_(None), c.last_used_at < now))
        try:
            async with self._database.write() as connection:
                await connection.execute(query.values(last_used_at=now))
        except Retryable as error:
            log.info("the use of a key is not written down: %s", error)


_NEVER = datetime.min.replace(tzinfo=UTC)

_SCOPES: dict[Role, frozenset[Scope]] = {
    "user": frozenset({"read", "write", "account"}),
    "operator": frozenset({"read", "write", "account", "admin"}),
}
"""What a role may do."""


_SESSIONS_ROLE = (
    sa.select(users.c.role)
    .join(sessions, sessions.c.owner == users.c.id)
    .where(
        sessions.c.id == sa.bindparam("session"),
        users.c.id == sa.bindparam("user"),
        users.c.enabled.is_(True),
    )
)
_KEY = (
    sa.select(
        api_keys.c.id,
        api_keys.c.owner,
        users.c.role,
        api_keys.c.scopes,
        api_keys.c.expires_at,
        api_keys.c.last_used_at,
    )
    .join(users, users.c.id == api_keys.c.owner)
    .where(api_keys.c.digest == sa.bindparam("digest"), users.c.enabled.is_(True))
)
"""Built once: that costs as much as asking."""


def _role_of_session(connection: sa.Connection, claims: Claims) -> Role | None:
    """The role of the user of a login that still stands."""
    asked = {"session": claims.sid, "user": claims.sub}
    role: Role | None = connection.execute(_SESSIONS_ROLE, asked).scalar_one_or_none()
    return role


def _known_key(connection: sa.Connection, digest: str) -> _Known | None:
    row = connection.execute(_KEY, {"digest": digest}).one_or_none()
    return None if row is None else _Known(*row)
