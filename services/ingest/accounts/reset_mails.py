"""Mails of password resets: written while their tokens are good, by one replica each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.contracts.errors import BeatloomError, Retryable
from services.ingest.access.audit import note
from services.ingest.access.callers import Caller
from services.ingest.accounts.macs import Macs
from services.ingest.accounts.tables import reset_requests, users
from services.ingest.database import Database

log = logging.getLogger(__name__)

EVERY_S = 5.0
AT_ONCE = 10
CLAIMED = timedelta(minutes=2)
"""How long a replica has for a mail before another writes it: longer than sending one may take."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=5)

SUBJECT = "Reset your Beatloom password"
_TEXT = """\
Somebody, probably you, asked for a new password of your Beatloom account.

{how}

It is good once, until {until} UTC. Logins and API keys that the account has now end with it.
If you did not ask, do nothing: your password stays as it is.
"""


class Sends(Protocol):
    """What sends mail."""

    async def send(self, to: str, subject: str, text: str) -> None:
        """Send one. Raises Retryable."""
        ...


class _Due(NamedTuple):
    id: str
    owner: str
    email: str
    expires_at: datetime
    tries: int


class ResetMails:
    """`run` writes them for ever; `wake` says that there is one.

    page: where people set a new password, by a token at the end; "": the mail says how it goes with curl.
    """

    def __init__(
        self,
        database: Database,
        mail: Sends,
        macs: Macs,
        *,
        page: str,
        public_url: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._mail = mail
        self._macs = macs
        self._page = page
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Look at once."""
        self._awake.set()

    async def run(self) -> None:
        """Write what is due, for ever."""
        while True:
            self._awake.clear()
            try:
                while await self.write_due():
                    pass
            except Retryable as error:
                log.warning("mails are put off: %s", error)
            try:
                async with asyncio.timeout(EVERY_S):
                    await self._awake.wait()
            except TimeoutError:
                continue

    async def write_due(self) -> int:
        """Write some of those that are due; how many there were."""
        found = await self._database.transact(self._claim)
        await asyncio.gather(*(self._write(due) for due in found if due.owner))
        return len(found)

    async def _claim(self, connection: AsyncConnection) -> list[_Due]:
        """Take some for oneself, and forget those of nobody. Should this process die, the rest is due again after
        a while."""
        c, now = reset_requests.c, self._clock()
        query = (
            sa.select(c.id, sa.func.coalesce(users.c.id, ""), c.email, c.expires_at, c.tries)
            .join(users, (users.c.email == c.email) & users.c.enabled.is_(True), isouter=True)
            .where(c.sent_at.is_(None), c.not_before <= now, c.expires_at > now)
            .order_by(c.id)
            .limit(AT_ONCE)
            .with_for_update(of=reset_requests, skip_locked=True)
        )
        found = [_Due(*row) for row in await connection.execute(query)]
        for due in found:
            if due.owner:
                claim = {"owner": due.owner, "not_before": now + CLAIMED, "tries": due.tries + 1}
                await connection.execute(sa.update(reset_requests).where(c.id == due.id).values(**claim))
            else:
                await connection.execute(sa.delete(reset_requests).where(c.id == due.id))
        return found

    async def _write(self, due: _Due) -> None:
        try:
            await self._mail.send(due.email, SUBJECT, self._text(due))
        except BeatloomError as error:
            wait = min(FIRST_WAIT * 2**due.tries, LONGEST_WAIT)
            log.warning("a mail was not sent: %s", error, extra={"code": error.code})
            await self._set(due, not_before=self._clock() + wait)
        else:
            await self._set(due, sent_at=self._clock(), email="")

    async def _set(self, due: _Due, **values: object) -> None:
        async def change(connection: AsyncConnection) -> None:
            query = sa.update(reset_requests).where(reset_requests.c.id == due.id)
            await connection.execute(query.values(**values))
            if "sent_at" in values:
                asked = Caller(owner=due.owner, means="nobody")
                await note(connection, asked, "reset.sent", due.owner, self._clock())

        await self._database.transact(change)

    def _text(self, due: _Due) -> str:
        token = self._macs.make(due.id)
        if self._page:
            how = f"Set it here:\n{self._page}#token={token}"
        else:
            address = f"{self._public_url}/api/v1/auth/password-reset/confirm"
            how = (
                f"Your reset token:\n{token}\n\nPOST it with the new password to {address} as JSON:\n"
                '{"token": "...", "password": "..."}'
            )
        return _TEXT.format(how=how, until=f"{due.expires_at:%Y-%m-%d %H:%M}")
