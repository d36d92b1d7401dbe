"""API keys: what they are good for, and what is kept of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from libs.contracts.errors import Permanent
from services.ingest.access.callers import MACHINE
from services.ingest.access.tables import audit
from services.ingest.accounts import api_keys as module
from services.ingest.accounts.records import KeyScope
from services.ingest.accounts.tables import api_keys
from services.ingest.schema import metadata
from tests.security.accounts import ADA, BOB, House, house_at

READ: tuple[KeyScope, ...] = ("read",)
ALL: tuple[KeyScope, ...] = ("read", "write", "admin")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Accounts; Ada has one, and Bob is an operator."""
    async with house_at(tmp_path) as made:
        await made.user(ADA)
        await made.user(BOB, "operator")
        yield made


async def refused(house: House, key: str) -> str:
    """The code with which a key is refused."""
    with pytest.raises(Permanent) as caught:
        await house.accounts.authenticate(key)
    assert caught.value.entry.status == 401
    return caught.value.code


async def test_a_key_may_what_its_scopes_say_and_never_change_the_account(house: House) -> None:
    ada = await house.caller()
    key, secret = await house.accounts.keys.create(ada, "n8n", READ, None)
    caller = await house.accounts.authenticate(secret)
    assert (caller.owner, caller.means, caller.key_id, caller.role) == (ada.owner, "key", key.id, "user")
    assert caller.scopes == {"read"}
    _, secret = await house.accounts.keys.create(ada, "n8n", ("write", "read", "read"), None)
    assert (await house.accounts.authenticate(secret)).scopes == {"read", "write"}
    bob = await house.caller(BOB)
    _, secret = await house.accounts.keys.create(bob, "ops", ALL, None)
    assert (await house.accounts.authenticate(secret)).scopes == {"read", "write", "admin"}


async def test_only_operators_have_keys_that_run_the_installation(house: House) -> None:
    with pytest.raises(Permanent, match="operators_only"):
        await house.accounts.keys.create(await house.caller(), "mine", ALL, None)
    bob = await house.caller(BOB)
    _, all_of_it = await house.accounts.keys.create(bob, "ops", ALL, None)
    _, some = await house.accounts.keys.create(bob, "n8n", READ, None)
    assert (await house.accounts.authenticate(all_of_it)).is_operator
    assert not (await house.accounts.authenticate(some)).is_operator
    await house.user("carol@example.com", "operator")
    await house.accounts.change_user(MACHINE, bob.owner, role="user")
    caller = await house.accounts.authenticate(all_of_it)
    assert not caller.is_operator
    assert caller.scopes == {"read", "write"}


async def test_the_ledger_holds_no_key(house: House) -> None:
    _, secret = await house.accounts.keys.create(await house.caller(), "n8n", READ, None)
    await house.accounts.authenticate(secret)
    for table in metadata.sorted_tables:
        assert secret[len("bl_xxxxx") :] not in repr(await house.rows(table)), table.name
    (line,) = (line for line in await house.rows(audit) if line.action == "key.created")
    assert line.detail == '{"scopes":["read"]}'


async def test_keys_that_are_none_are_refused(house: House) -> None:
    key, secret = await house.accounts.keys.create(await house.caller(), "n8n", READ, None)
    (row,) = await house.rows(api_keys)
    for wrong in (
        "bl_",
        secret[:-1],
        secret + "A",
        secret.swapcase(),
        secret.removeprefix("bl_"),
        key.id,
        f"bl_{row.digest}",
        row.digest,
    ):
        assert await refused(house, wrong) == "bad_token"


async def test_a_key_ends_when_it_is_revoked_expires_or_its_user_is_switched_off(house: House) -> None:
    ada, keys = await house.caller(), house.accounts.keys
    _, gone = await keys.create(ada, "gone", READ, None)
    _, short = await keys.create(ada, "short", READ, house.clock() + timedelta(hours=1))
    _, lasting = await keys.create(ada, "lasting", READ, None)
    for secret in (gone, short, lasting):
        await house.accounts.authenticate(secret)
    await keys.revoke(ada, next(key.id for key in await keys.list(ada) if key.name == "gone"))
    assert await refused(house, gone) == "bad_token"
    house.clock.forward(hours=1)
    assert await refused(house, short) == "token_expired"
    assert [key.name for key in await keys.list(ada)] == ["lasting", "short"]
    await house.accounts.change_user(MACHINE, ada.owner, enabled=False)
    assert await refused(house, lasting) == "bad_token"
    for end in (house.clock(), datetime.max.replace(tzinfo=timezone(timedelta(hours=-23)))):
        with pytest.raises(Permanent, match="bad_options"):
            await keys.create(ada, "late", READ, end)


async def test_keys_of_others_are_not_seen_and_not_revoked(house: House) -> None:
    ada, bob = await house.caller(), await house.caller(BOB)
    key, secret = await house.accounts.keys.create(ada, "n8n", READ, None)
    assert await house.accounts.keys.list(bob) == []
    with pytest.raises(Permanent, match="api_key_not_found"):
        await house.accounts.keys.revoke(bob, key.id)
    await house.accounts.authenticate(secret)


async def test_the_last_use_of_a_key_is_written_once_a_minute(house: House) -> None:
    _, secret = await house.accounts.keys.create(await house.caller(), "n8n", READ, None)
    written: list[object] = []

    async def used_times(times: int) -> None:
        for _ in range(times):
            await house.accounts.authenticate(secret)
        await house.accounts.aclose()
        written.append((await house.rows(api_keys))[0].last_used_at)

    updates = 0

    def count(connection: sa.Connection, cursor: object, statement: str, *rest: object) -> None:
        nonlocal updates
        updates += statement.startswith("UPDATE api_keys")

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        began = house.clock()
        await used_times(20)
        house.clock.forward(seconds=59)
        await used_times(20)
        assert updates == 1
        house.clock.forward(seconds=1)
        await used_times(20)
        assert updates == 2
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)
    assert written == [began, began, began + timedelta(minutes=1)]


async def test_a_user_has_so_many_keys(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    ada, bob = await house.caller(), await house.caller(BOB)
    for _ in range(2):
        await house.accounts.keys.create(ada, "n8n", READ, None)
    with pytest.raises(Permanent, match="too_many_api_keys"):
        await house.accounts.keys.create(ada, "n8n", READ, None)
    await house.accounts.keys.create(bob, "n8n", READ, None)


async def test_a_user_s_end_is_the_end_of_their_keys_and_logins(house: House) -> None:
    ada = await house.caller()
    _, secret = await house.accounts.keys.create(ada, "n8n", READ, None)
    async with house.database.write() as connection:
        await connection.execute(sa.text("DELETE FROM users WHERE id = :id"), {"id": ada.owner})
    assert await refused(house, secret) == "bad_token"
    assert await house.rows(api_keys) == []
