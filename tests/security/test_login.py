"""Logging in and registering: guessed, raced, timed."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from libs.contracts.errors import BeatloomError, Permanent, Retryable
from services.ingest.access.callers import MACHINE
from services.ingest.access.tables import audit
from services.ingest.accounts import logins
from services.ingest.accounts.expired import forget_expired
from services.ingest.accounts.passwords import MOST_WAITING, Passwords, check_password
from services.ingest.accounts.people import email_of
from services.ingest.accounts.tables import login_tries, sessions, users
from tests.security.accounts import ADA, BOB, PASSWORD, House, house_at, nobody

WRONG = "eight badgers hum at noon"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Accounts."""
    async with house_at(tmp_path) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """Accounts over either database."""
    async with house_at(tmp_path if request.param == "sqlite" else request.getfixturevalue("postgres_url")) as made:
        yield made


async def codes(*work: Coroutine[Any, Any, Any]) -> list[str]:
    """What becomes of these at once: codes, "" for what went well."""
    answers = await asyncio.gather(*work, return_exceptions=True)
    return sorted(answer.code if isinstance(answer, BeatloomError) else "" for answer in answers)


async def test_a_wrong_password_and_nobodys_address_are_answered_alike(house: House) -> None:
    await house.user()
    told = set()
    for email, password in (
        (ADA, WRONG),
        (BOB, PASSWORD),
        ("no address", PASSWORD),
        ("a\0b@example.com", PASSWORD),
    ):
        with pytest.raises(Permanent) as caught:
            await house.login(email, password)
        told.add((caught.value.code, caught.value.message, caught.value.hint))
    assert {code for code, _, _ in told} == {"bad_login"}
    assert len(told) == 1
    assert await house.rows(sessions) == []
    await house.login(" ADA@Example.com ")


async def test_it_takes_as_long_whether_there_is_such_a_user_or_not(tmp_path: Path) -> None:
    """Medians of CPU time, so that a busy machine changes nothing; a lookup alone takes a fifth of it."""
    async with house_at(tmp_path, hasher=PasswordHasher(time_cost=3, memory_cost=8192, parallelism=1)) as house:
        await house.user()
        taken: dict[str, list[float]] = {ADA: [], "nobody@example.com": []}
        for turn in range(9):
            for email, times in taken.items():
                began = time.process_time()
                with pytest.raises(Permanent, match="bad_login"):
                    await house.login(email, WRONG, address=f"192.0.2.{turn}")
                times.append(time.process_time() - began)
            async with house.database.write() as connection:
                await connection.execute(sa.delete(login_tries))
        known, unknown = (statistics.median(times) for times in taken.values())
        assert 0.7 < known / unknown < 1.4, (known, unknown)


async def test_an_account_takes_ten_wrong_passwords_wherever_they_come_from(any_house: House) -> None:
    await any_house.user()
    for email in (ADA, "nobody@example.com"):
        tries = (any_house.login(email, WRONG, address=f"192.0.2.{n}") for n in range(14))
        assert await codes(*tries) == ["bad_login"] * 10 + ["too_many_logins"] * 4
    any_house.clock.forward(minutes=5)
    with pytest.raises(Retryable, match="too_many_logins") as caught:
        await any_house.login()
    assert caught.value.entry.status == 429
    assert caught.value.after == 600
    any_house.clock.forward(minutes=10)
    await any_house.login()


async def test_an_address_tries_fifty_times_whatever_the_account(house: House) -> None:
    await house.user()
    for n in range(logins.TRIES_OF_ADDRESS):
        with pytest.raises(Permanent, match="bad_login"):
            await house.login(f"user{n}@example.com", WRONG, address="2001:db8:1:2::1")
    with pytest.raises(Retryable, match="too_many_logins"):
        await house.login(address="2001:db8:1:2:ffff::2")  # of the same network
    await house.login(address="2001:db8:1:3::1")


async def test_right_passwords_count_for_nothing(house: House) -> None:
    await house.user()
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(Permanent, match="bad_login"):
                await house.login(password=WRONG)
        await house.login()
    for _ in range(logins.TRIES_OF_ADDRESS):
        await house.login()
    caller = await house.caller()
    for _ in range(logins.TRIES_OF_ACCOUNT + 1):
        await house.accounts.logins.confirm(caller, PASSWORD)


async def test_what_was_counted_is_forgotten_in_time(house: House) -> None:
    await house.user()
    await house.login()
    with pytest.raises(Permanent, match="bad_login"):
        await house.login(password=WRONG)
    house.clock.forward(days=30)
    async with house.database.write() as connection:
        await forget_expired(connection, house.clock())
    assert await house.rows(login_tries) == await house.rows(sessions) == []


async def test_whoever_is_switched_off_is_told_with_the_right_password_only(house: House) -> None:
    user = await house.user()
    await house.accounts.change_user(MACHINE, user.id, enabled=False)
    with pytest.raises(Permanent, match="user_disabled"):
        await house.login()
    with pytest.raises(Permanent, match="bad_login"):
        await house.login(password=WRONG)
    await house.accounts.change_user(MACHINE, user.id, enabled=True)
    await house.login()


async def test_a_password_is_changed_with_the_old_one_only(house: House) -> None:
    await house.user()
    caller = await house.caller()
    for old, new, code in ((WRONG, WRONG, "bad_login"), (PASSWORD, "short", "weak_password")):
        with pytest.raises(Permanent, match=code):
            await house.accounts.logins.change_password(caller, old, new)
    change = house.accounts.logins.change_password
    assert await codes(*(change(caller, PASSWORD, f"{WRONG} {n}") for n in range(3))) == [
        "",
        "bad_login",
        "bad_login",
    ]
    with pytest.raises(Permanent, match="bad_login"):
        await house.login()


async def test_an_old_hash_is_made_anew_by_a_login(tmp_path: Path) -> None:
    async with house_at(tmp_path) as before:
        await before.user()
        old = (await before.rows(users))[0].password
    stronger = PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)
    async with house_at(tmp_path, hasher=stronger) as house:
        await house.login()
        (row,) = await house.rows(users)
        assert "t=2" in row.password != old
        await house.login()
        assert (await house.rows(users))[0].password == row.password


async def test_a_user_has_a_hundred_logins(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MOST_SESSIONS", 3)
    await house.user()
    tokens = []
    for _ in range(4):
        house.clock.forward(seconds=1)
        tokens.append((await house.login()).access_token)
    with pytest.raises(Permanent, match="bad_token"):
        await house.accounts.authenticate(tokens[0])
    for token in tokens[1:]:
        await house.accounts.authenticate(token)


async def test_only_so_many_passwords_wait_to_be_compared() -> None:
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1))
    told = await codes(*(passwords.verify(None, WRONG) for _ in range(MOST_WAITING + 5)))
    assert told == [""] * MOST_WAITING + ["logins_busy"] * 5
    assert not await passwords.verify(None, "nobody's password")


# Users.


async def test_strangers_register_only_where_they_may(tmp_path: Path, house: House) -> None:
    with pytest.raises(Permanent, match="registration_closed"):
        await house.accounts.logins.register(nobody(), ADA, PASSWORD)
    assert await house.rows(users) == []


async def test_registering_does_not_tell_who_has_an_account(tmp_path: Path) -> None:
    async with house_at(tmp_path, registration="open") as house:
        register = house.accounts.logins.register
        assert await codes(*(register(nobody(), ADA, PASSWORD) for _ in range(3))) == ["", "", ""]
        await register(nobody(), ADA, WRONG)
        (user,) = await house.rows(users)
        assert (user.email, user.role, user.enabled) == (ADA, "user", True)
        await house.login()
        for n in range(logins.REGISTRATIONS - 4):
            await register(nobody(), f"user{n}@example.com", PASSWORD)
        with pytest.raises(Retryable, match="too_many_logins"):
            await register(nobody(), BOB, PASSWORD)
        await register(nobody("198.51.100.7"), BOB, PASSWORD)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@-example.com",
        "ada@example..com",
        "ada@example.com\nBcc: all@example.com",
        "ada, bob@example.com",
        "<ada@example.com>",
        "ada@example.com\0",
        "ädа@example.com",
        "a" * 65 + "@example.com",
        "ada@" + "a." * 130 + "com",
        "ada@" + "a" * 5000,
        "a b@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "ada..b@example.com",
        '"ada b"@example.com',
    ],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(Permanent, match="bad_email"):
        email_of(email)


@pytest.mark.parametrize(
    "password", ["", "ninechars", "a" * 30, "abababababab", ADA, "ADA@example.com", "x1" * 200]
)
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Permanent, match="weak_password"):
        check_password(password, ADA)
    check_password("ten chars!", ADA)
    check_password("пароль из слов", ADA)


async def test_one_operator_remains(any_house: House) -> None:
    """Two operators who switch off each other at once."""
    one, other = await any_house.user(ADA, "operator"), await any_house.user(BOB, "operator")
    change = any_house.accounts.change_user
    told = await codes(change(MACHINE, one.id, enabled=False), change(MACHINE, other.id, role="user"))
    assert told == ["", "last_operator"]
    assert await any_house.accounts.has_operator()


async def test_one_address_is_one_user_whoever_is_faster(any_house: House) -> None:
    assert await codes(*(any_house.user() for _ in range(4))) == ["", *["email_taken"] * 3]
    with pytest.raises(Permanent, match="email_taken"):
        await any_house.user("ADA@EXAMPLE.COM")


async def test_what_changes_access_is_in_the_audit_log_without_secrets(house: House) -> None:
    user = await house.user()
    login = await house.login(address="192.0.2.77")
    caller = await house.accounts.authenticate(login.access_token)
    await house.accounts.logins.change_password(caller, PASSWORD, WRONG)
    login = await house.accounts.logins.refresh(nobody(), login.refresh_token)
    await house.accounts.logins.logout(caller)
    lines = await house.rows(audit)
    assert [line.action for line in lines] == [
        "user.created",
        "session.opened",
        "password.changed",
        "session.closed",
    ]
    assert [line.actor for line in lines] == ["local", user.id, user.id, user.id]
    assert lines[1].address == "192.0.2.77"
    written = repr(lines)
    for secret in (PASSWORD, WRONG, ADA, login.access_token, login.refresh_token):
        assert secret not in written
