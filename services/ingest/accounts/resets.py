"""Passwords reset by e-mail.

A request only leaves a row, the same for every address, so that neither the answer nor its time tells who has an
account. `ResetMails` looks later. The token is a MAC of the row's id, so that the mail can be written, and written
again after a crash, although the ledger holds no secret.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import Permanent, Retryable
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.accounts.macs import Macs
from services.ingest.accounts.passwords import Passwords, check_password
from services.ingest.accounts.people import email_of
from services.ingest.accounts.tables import api_keys, reset_requests, sessions, users
from services.ingest.accounts.tries import by_account, by_address, count_try
from services.ingest.database import Database
from services.ingest.ids import new_id

LASTS = timedelta(minutes=30)
WITHIN = timedelta(hours=1)
REQUESTS_OF_ACCOUNT = 3
"""Mails to one address within that time; who asks more often is answered the same."""
REQUESTS_OF_ADDRESS = 30
CONFIRMATIONS_OF_ADDRESS = 30


class Resets:
    """Asked for, and used. Both raise Retryable: too_many_logins, ledger_unavailable.

    wake: called when there is a mail to be written; None: this installation sends none.
    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        macs: Macs,
        *,
        wake: Callable[[], None] | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._macs = macs
        self._wake = wake
        self._clock = clock

    async def ask(self, by: Caller, email: str) -> None:
        """Have a token sent to an address, should it be somebody's. Raises Permanent: bad_email, no_mail."""
        if self._wake is None:
            raise Permanent("no_mail")
        email, now = email_of(email), self._clock()
        await count_try(self._database, now, by_address("reset", by.address, REQUESTS_OF_ADDRESS, WITHIN))
        try:
            await count_try(self._database, now, by_account("reset", email, REQUESTS_OF_ACCOUNT, WITHIN))
        except Retryable as error:
            if error.code == "too_many_logins":
                return
            raise
        row = {
            "id": new_id(),
            "email": email,
            "owner": "",
            "created_at": now,
            "expires_at": now + LASTS,
            "not_before": now,
            "tries": 0,
        }

        async def add(connection: AsyncConnection) -> None:
            await connection.execute(sa.insert(reset_requests).values(**row))

        await self._database.transact(add)
        self._wake()

    async def confirm(self, by: Caller, token: str, password: str) -> None:
        """Set a new password with a token, once. All logins and keys of the account end: whoever had got at it
        is out.

        Raises Permanent: bad_reset_token, weak_password (the token is still good then).
        """
        now = self._clock()
        limit = by_address("confirm", by.address, CONFIRMATIONS_OF_ADDRESS, WITHIN)
        await count_try(self._database, now, limit)
        named = self._macs.read(token)
        if named is None:
            raise Permanent("bad_reset_token")
        c = reset_requests.c
        good = (c.id == named.id, c.expires_at > now)
        async with self._database.read() as connection:
            query = sa.select(users.c.email).join(reset_requests, c.owner == users.c.id).where(*good)
            email: str | None = (await connection.execute(query)).scalar_one_or_none()
        if email is None:
            raise Permanent("bad_reset_token")
        check_password(password, email)
        hashed = await self._passwords.hash(password)

        async def change(connection: AsyncConnection) -> None:
            used = await connection.execute(sa.delete(reset_requests).where(*good).returning(c.owner))
            owner = used.scalar_one_or_none()
            if owner is None:
                raise Permanent("bad_reset_token")
            same = (users.c.id == owner, users.c.enabled.is_(True))
            if (await connection.execute(sa.update(users).where(*same).values(password=hashed))).rowcount != 1:
                raise Permanent("bad_reset_token")
            for table in (sessions, api_keys, reset_requests):
                await connection.execute(sa.delete(table).where(table.c.owner == owner))
            actor = Caller(owner=owner, means=by.means, address=by.address)
            await note(connection, actor, "password.reset", owner, now)

        await self._database.transact(change)
