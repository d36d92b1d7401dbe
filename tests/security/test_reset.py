"""Passwords reset by mail, over a real SMTP server: guessed, reused, raced, killed in between."""

from __future__ import annotations

import asyncio
import base64
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from libs.seal import Keyring
from services.ingest.access.callers import MACHINE
from services.ingest.accounts import resets
from services.ingest.accounts.macs import Macs
from services.ingest.accounts.mailing import Mail, mail_server
from services.ingest.accounts.reset_mails import CLAIMED, ResetMails
from services.ingest.accounts.tables import api_keys, login_tries, reset_requests, sessions
from tests.security.accounts import ADA, BOB, KEY, House, house_at, nobody
from tests.security.mailbox import PASSWORD as MAIL_PASSWORD
from tests.security.mailbox import USER, Mailbox, certificates, mailbox
from tests.waiting import until

NEW = "eight badgers hum at noon"


@asynccontextmanager
async def houses(url: str | Path, box: Mailbox, **settings: Any) -> AsyncIterator[House]:
    """Accounts that send their mail there; Ada has one."""
    smtp = f"smtp://127.0.0.1:{box.port}?tls=0"
    async with house_at(url, smtp_url=smtp, **settings) as made:
        await made.user()
        yield made


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """A mail server."""
    async with mailbox() as made:
        yield made


@pytest.fixture
async def house(tmp_path: Path, box: Mailbox) -> AsyncIterator[House]:
    """Accounts that send mail."""
    async with houses(tmp_path, box) as made:
        yield made


def mails_of(house: House, box: Mailbox, *, page: str = "") -> ResetMails:
    """What writes the mails of a replica."""
    mail = Mail(mail_server(f"smtp://127.0.0.1:{box.port}?tls=0"), "beatloom@localhost")
    macs = Macs(Keyring([KEY]), "password resets")
    return ResetMails(house.database, mail, macs, page=page, public_url="http://127.0.0.1:8080/", clock=house.clock)


async def asked(house: House, box: Mailbox, email: str = ADA) -> str:
    """The token of a mail that was asked for."""
    await house.accounts.resets.ask(nobody(), email)
    assert await mails_of(house, box).write_due() == 1
    return box.token()


async def refused(house: House, token: str, password: str = NEW) -> str:
    """The code with which a token is refused."""
    with pytest.raises(BeatloomError) as caught:
        await house.accounts.resets.confirm(nobody(), token, password)
    return caught.value.code


async def test_the_token_of_the_mail_sets_a_new_password_and_everything_else_ends(
    house: House, box: Mailbox
) -> None:
    caller = await house.caller()
    _, key = await house.accounts.keys.create(caller, "n8n", ("read",), None)
    bob = await house.user(BOB)
    bobs = await house.login(BOB)
    token = await asked(house, box)
    assert box.recipients == [ADA]
    assert box.messages[0]["To"] == ADA
    assert "/api/v1/auth/password-reset/confirm" in box.text()
    await house.accounts.resets.confirm(nobody(), token, NEW)
    await house.login(password=NEW)
    with pytest.raises(Permanent, match="bad_login"):
        await house.login()
    with pytest.raises(Permanent, match="bad_token"):
        await house.accounts.authenticate(key)
    assert {row.owner for row in await house.rows(sessions)} == {caller.owner, bob.id}
    assert (await house.accounts.authenticate(bobs.access_token)).owner == bob.id
    assert await house.rows(api_keys) == []
    assert await refused(house, token) == "bad_reset_token"  # reused


async def test_whether_there_is_such_a_user_is_told_by_nothing(house: House, box: Mailbox) -> None:
    """The same rows are written, nobody is looked for, and no mail is waited for."""
    box.slow_s = 5.0
    running = asyncio.create_task(mails_of(house, box).run())
    taken: dict[str, list[float]] = {ADA: [], "nobody@example.com": []}
    for _ in range(7):
        for email, times in taken.items():
            began = time.process_time()
            await house.accounts.resets.ask(nobody(), email)
            times.append(time.process_time() - began)
            async with house.database.write() as connection:
                await connection.execute(sa.delete(login_tries))
    known, unknown = (statistics.median(times) for times in taken.values())
    assert 0.5 < known / unknown < 2, (known, unknown)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nobody_gets_no_mail_and_leaves_no_trace(house: House, box: Mailbox) -> None:
    off = await house.user(BOB)
    await house.accounts.change_user(MACHINE, off.id, enabled=False)
    for email in ("nobody@example.com", BOB):
        await house.accounts.resets.ask(nobody(), email)
    await mails_of(house, box).write_due()
    assert box.messages == []
    assert await house.rows(reset_requests) == []


async def test_guesses_are_refused_and_counted(house: House, box: Mailbox) -> None:
    token = await asked(house, box)
    request, _, mac = token.split(".")
    other = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()
    guesses = [
        "",
        "..",
        request,
        f"{request}.0.",
        f"{request}.0.{other}",
        f"{request}.1.{mac}",
        f"{'0' * 32}.0.{mac}",
    ]
    for guess in guesses:
        assert await refused(house, guess) == "bad_reset_token"
    for _ in range(resets.CONFIRMATIONS_OF_ADDRESS - len(guesses)):
        assert await refused(house, f"{request}.0.{other}") == "bad_reset_token"
    assert await refused(house, token) == "too_many_logins"
    house.clock.forward(minutes=29)
    await house.accounts.resets.confirm(nobody("198.51.100.7"), token, NEW)


async def test_tokens_of_other_purposes_reset_nothing(house: House, box: Mailbox) -> None:
    await asked(house, box)
    request = (await house.rows(reset_requests))[0].id
    assert await refused(house, Macs(Keyring([KEY]), "refresh tokens").make(request)) == "bad_reset_token"


async def test_a_token_is_good_for_half_an_hour(house: House, box: Mailbox) -> None:
    token = await asked(house, box)
    house.clock.forward(minutes=30)
    assert await refused(house, token) == "bad_reset_token"


async def test_a_weak_password_does_not_use_the_token_up(house: House, box: Mailbox) -> None:
    token = await asked(house, box)
    assert await refused(house, token, "short") == "weak_password"
    assert await refused(house, token, ADA) == "weak_password"
    await house.accounts.resets.confirm(nobody(), token, NEW)


async def test_one_token_used_ends_the_others(house: House, box: Mailbox) -> None:
    first, second = await asked(house, box), await asked(house, box)
    await house.accounts.resets.confirm(nobody(), second, NEW)
    assert await refused(house, first) == "bad_reset_token"


async def test_whoever_is_switched_off_meanwhile_stays_out(house: House, box: Mailbox) -> None:
    token = await asked(house, box)
    caller = await house.caller()
    await house.accounts.change_user(MACHINE, caller.owner, enabled=False)
    assert await refused(house, token) == "bad_reset_token"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_of_many_who_use_a_token_at_once_one_does(
    kind: str, tmp_path: Path, box: Mailbox, request: pytest.FixtureRequest
) -> None:
    url = tmp_path if kind == "sqlite" else request.getfixturevalue("postgres_url")
    async with houses(url, box) as house:
        token = await asked(house, box)
        passwords = [f"{NEW} {n}" for n in range(5)]
        answers = await asyncio.gather(
            *(house.accounts.resets.confirm(nobody(), token, password) for password in passwords),
            return_exceptions=True,
        )
        (won,) = (n for n, answer in enumerate(answers) if answer is None)
        assert [answer.code for answer in answers if isinstance(answer, BeatloomError)] == ["bad_reset_token"] * 4
        await house.login(password=passwords[won])


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_replicas_write_a_mail_once(
    kind: str, tmp_path: Path, box: Mailbox, request: pytest.FixtureRequest
) -> None:
    url = tmp_path if kind == "sqlite" else request.getfixturevalue("postgres_url")
    async with houses(url, box) as house:
        await house.accounts.resets.ask(nobody(), ADA)
        await asyncio.gather(*(mails_of(house, box).write_due() for _ in range(4)))
        assert len(box.messages) == 1


async def test_an_account_gets_three_mails_an_hour_and_an_address_asks_thirty_times(
    house: House, box: Mailbox
) -> None:
    for _ in range(5):
        await house.accounts.resets.ask(nobody(), ADA)  # answered alike
    mails = mails_of(house, box)
    while await mails.write_due():
        pass
    assert len(box.messages) == resets.REQUESTS_OF_ACCOUNT
    for n in range(resets.REQUESTS_OF_ADDRESS - 5):
        await house.accounts.resets.ask(nobody(), f"user{n}@example.com")
    with pytest.raises(Retryable, match="too_many_logins"):
        await house.accounts.resets.ask(nobody(), BOB)


# What goes wrong.


async def test_a_mail_is_written_once_the_server_takes_it(house: House, box: Mailbox) -> None:
    box.refuses = True
    await house.accounts.resets.ask(nobody(), ADA)
    mails = mails_of(house, box)
    assert await mails.write_due() == 1
    assert await mails.write_due() == 0  # not at once
    box.refuses = False
    house.clock.forward(seconds=6)
    assert await mails.write_due() == 1
    house.clock.forward(minutes=5)
    assert await mails.write_due() == 0
    assert len(box.messages) == 1
    await house.accounts.resets.confirm(nobody(), box.token(), NEW)


async def test_a_replica_that_dies_over_a_mail_leaves_it_to_another(house: House, box: Mailbox) -> None:
    """Dead after the mail was taken and before that is written down: it is sent twice, and either token is good."""
    await house.accounts.resets.ask(nobody(), ADA)
    box.slow_s = 30.0
    dying = asyncio.create_task(mails_of(house, box).write_due())
    await until(lambda: box.began > 0)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    box.slow_s = 0.0
    assert await mails_of(house, box).write_due() == 0
    house.clock.now += CLAIMED
    assert await mails_of(house, box).write_due() == 1
    await house.accounts.resets.confirm(nobody(), box.token(), NEW)


async def test_mails_go_out_as_soon_as_they_are_asked_for(tmp_path: Path, box: Mailbox) -> None:
    async with houses(tmp_path, box, reset_page="https://app.example.com/reset") as house:
        running = asyncio.create_task(house.accounts.loops["mails"]())
        await asyncio.sleep(0)
        await house.accounts.resets.ask(nobody(), ADA)
        await until(lambda: bool(box.messages))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        (address,) = (line for line in box.text().splitlines() if line.startswith("https://"))
        page, _, token = address.partition("#token=")
        assert page == "https://app.example.com/reset"
        await house.accounts.resets.confirm(nobody(), token, NEW)


async def test_without_a_mail_server_it_is_said_to_everybody(tmp_path: Path) -> None:
    async with house_at(tmp_path) as house:
        await house.user()
        for email in (ADA, "nobody@example.com"):
            with pytest.raises(Permanent, match="no_mail"):
                await house.accounts.resets.ask(nobody(), email)


async def test_every_address_that_is_kept_can_be_written_to(house: House, box: Mailbox) -> None:
    odd = "!#$%&'*+/=?^_`{|}~-.a@b"
    await house.user(odd)
    await house.accounts.resets.ask(nobody(), odd)
    await mails_of(house, box).write_due()
    assert box.recipients == [odd]


async def test_passwords_go_to_the_mail_server_through_tls_only(tmp_path: Path) -> None:
    server, client = certificates(tmp_path)
    told = f"{USER}:{MAIL_PASSWORD.replace('@', '%40').replace(':', '%3A').replace('/', '%2F')}"
    async with mailbox(tls=server, login=True) as box, mailbox() as plain:
        sender = "Beatloom <beatloom@example.com>"
        mail = Mail(mail_server(f"smtp://{told}@localhost:{box.port}"), sender, tls=client)
        await mail.send(ADA, "a subject", "a text\n")
        assert box.spoken == [True]
        assert box.messages[0]["From"] == sender
        assert box.messages[0]["Message-ID"].endswith("@example.com>")
        for wrong in (
            Mail(mail_server(f"smtp://{told}@localhost:{box.port}"), "beatloom@localhost"),  # not trusted
            Mail(mail_server(f"smtp://{told}x@localhost:{box.port}"), "beatloom@localhost", tls=client),
            Mail(mail_server(f"smtp://{told}@localhost:{plain.port}"), "beatloom@localhost", tls=client),
        ):
            with pytest.raises(Retryable, match="mail_failed") as caught:
                await wrong.send(ADA, "a subject", "a text\n")
            assert MAIL_PASSWORD not in str(caught.value)
        assert plain.messages == []


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp:///",
        "smtp://a:b@c:70000",
        "smtp://c/path",
        "smtp://c?x=1",
    ],
)
def test_addresses_of_mail_servers_are_checked_and_not_repeated(url: str) -> None:
    with pytest.raises(Permanent, match="bad_setting") as caught:
        mail_server(url)
    assert url not in str(caught.value)


def test_how_a_mail_server_is_told() -> None:
    usual = mail_server("smtp://ada:p%40ss@mail.example.com")
    assert (usual.host, usual.port, usual.user, usual.password) == ("mail.example.com", 587, "ada", "p@ss")
    assert (usual.encrypted, usual.upgraded) == (False, True)
    assert "p@ss" not in repr(usual)
    direct = mail_server("smtps://mail.example.com")
    assert (direct.port, direct.encrypted, direct.upgraded) == (465, True, False)
    assert not mail_server("smtp://localhost:25?tls=0").upgraded
