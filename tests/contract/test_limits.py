"""How often somebody may do something: one suite for counters in the process and on a real Redis."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import cast

import msgspec
import pytest
from limits import parse

from libs.contracts.errors import Permanent
from libs.contracts.jobs import JobKind
from services.ingest.access.callers import MACHINE, Caller
from services.ingest.limits import shared_windows
from services.ingest.limits.limits import LimitName, Limits, RateLimited, address_key
from services.ingest.limits.windows import OwnWindows
from tests.servers.redis import RedisServer
from tests.unit.ingest.story import new_job

FIVE: dict[LimitName, str] = {
    "orders": "5/hour",
    "renders": "2/hour",
    "reads": "3/10 minutes",
    "uploads": "3/10 minutes",
    "login": "2/minute",
}
ADA = Caller(owner="ada", means="token", address="192.0.2.1")
BOB = Caller(owner="bob", means="key", address="192.0.2.1")


@pytest.fixture(params=["own", "redis"])
def redis_url(request: pytest.FixtureRequest) -> str:
    if request.param == "own":
        return ""
    return cast(RedisServer, request.getfixturevalue("redis_server")).url


@pytest.fixture
async def limits(redis_url: str) -> AsyncIterator[Limits]:
    found = Limits(FIVE, redis_url=redis_url)
    yield found
    await found.aclose()


async def let_in(limits: Limits, name: LimitName, who: str, times: int) -> int:
    """How many of so many at once were counted."""
    ends = await asyncio.gather(*(limits.take(name, who) for _ in range(times)), return_exceptions=True)
    assert {type(end) for end in ends} <= {type(None), RateLimited}
    return ends.count(None)


async def test_those_that_come_at_once_are_let_in_up_to_the_limit_and_no_further(limits: Limits) -> None:
    assert await let_in(limits, "orders", "user/ada", 4) == 4
    assert await let_in(limits, "orders", "user/ada", 2) == 1, "two at the limit: one"
    assert await let_in(limits, "orders", "user/bob", 40) == 5, "another has windows of his own"
    await limits.forget("ada")
    assert await let_in(limits, "orders", "user/ada", 10) == 5


async def test_a_refusal_says_when_it_is_over_and_counts_nothing(limits: Limits) -> None:
    for _ in range(3):
        await limits.admit(ADA, "uploads")
    for _ in range(5):
        with pytest.raises(RateLimited) as refused:
            await limits.admit(ADA, "uploads")
    assert refused.value.code == "rate_limited"
    assert refused.value.after is not None
    assert 590 <= refused.value.after <= 600
    assert refused.value.policy == '"uploads";q=3;w=600'
    assert refused.value.standing == f'"uploads";r=0;t={refused.value.after:.0f}'
    await limits.admit(BOB, "uploads")


@pytest.mark.parametrize(("kind", "most"), [("full", 5), ("takes", 2), ("export", 2), ("storyboard", 2)])
async def test_an_order_is_counted_as_its_job_is_opened_and_not_before(kind: JobKind, most: int) -> None:
    limits = Limits(FIVE)
    name: LimitName = "orders" if kind == "full" else "renders"
    for _ in range(20):
        await limits.admit(ADA, name)  # what is refused for another reason costs nothing
    job = msgspec.structs.replace(new_job(), owner="ada", kind=kind)
    for _ in range(most):
        await limits.order(job)
    with pytest.raises(RateLimited):
        await limits.order(job)
    with pytest.raises(RateLimited):
        await limits.admit(ADA, name)
    await limits.admit(ADA, name, keyed=True)  # it may be an order that is known


async def test_whom_it_is_counted_by() -> None:
    limits = Limits(FIVE)
    for _ in range(9):
        await limits.admit(MACHINE, "reads")
        await limits.order(new_job())  # of the machine without logins
    link = Caller(owner="ada", means="link", address="198.51.100.7")
    for _ in range(3):
        await limits.admit(link, "reads")
    with pytest.raises(RateLimited):
        await limits.admit(link, "reads")
    await limits.admit(ADA, "reads")  # who has sent an address on is not locked out by its readers
    for caller in (ADA, BOB):
        await limits.admit(caller, "login")
    with pytest.raises(RateLimited):
        await limits.admit(Caller(owner="", means="nobody", address=ADA.address), "login")
    for _ in range(9):
        await limits.admit(ADA, "writes")  # no rule


def test_an_address_counts_as_much_as_one_owner_has_of_them() -> None:
    assert address_key("2001:db8:1:2::3") == address_key("2001:db8:1:2:ffff::") != address_key("2001:db8:1:3::")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") != address_key("192.0.2.2")
    assert address_key("testclient") == address_key("")


async def test_the_window_moves_with_the_time(redis_url: str) -> None:
    now = 0.0
    own = OwnWindows(clock=lambda: now)
    limits = Limits({"writes": "2/second"}, redis_url=redis_url, own=own)
    assert await let_in(limits, "writes", "user/ada", 3) == 2
    now = 0.5
    if redis_url:
        await asyncio.sleep(0.5)
    assert await let_in(limits, "writes", "user/ada", 3) == 0
    now = 1.01
    if redis_url:
        await asyncio.sleep(0.55)
    assert await let_in(limits, "writes", "user/ada", 3) == 2
    await limits.aclose()


async def test_what_is_kept_in_the_process_is_bounded() -> None:
    windows, rule = OwnWindows(most=100), parse("1/hour")
    assert all([await windows.take(rule, f"user/{n}") for n in range(1000)])
    assert not await windows.take(rule, "user/999")
    assert await windows.take(rule, "user/0"), "forgotten: it was used longest ago"


async def test_without_the_server_each_counts_by_itself_from_where_it_was(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_windows, "AWAY_S", 0.05)
    one, other = (Limits(FIVE, redis_url=redis_server.url) for _ in range(2))
    assert await let_in(one, "orders", "user/ada", 3) == 3
    assert await let_in(other, "orders", "user/ada", 3) == 2, "they count together"
    assert [await let_in(limits, "reads", "user/ada", 9) for limits in (one, other)] == [3, 3], "but reads"
    at_once = await asyncio.gather(*(let_in(limits, "renders", "user/ada", 2) for limits in (one, other)))
    assert sum(at_once) == 2
    redis_server.kill()
    with caplog.at_level(logging.INFO):
        began = time.monotonic()
        assert await let_in(one, "orders", "user/ada", 9) == 2, "it has let in three itself"
        for _ in range(20):
            with pytest.raises(RateLimited):
                await one.take("orders", "user/ada")
        assert time.monotonic() - began < 3
    assert [record.levelname for record in caplog.records] == ["WARNING"], "said once"
    await asyncio.sleep(0.06)
    redis_server.start()
    with caplog.at_level(logging.INFO):
        assert await let_in(other, "orders", "user/bob", 9) == 5
        assert await let_in(one, "orders", "user/bob", 9) == 0, "together again"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    for limits in (one, other):
        await limits.aclose()


async def test_an_address_that_makes_no_sense_is_told_without_it() -> None:
    with pytest.raises(Permanent) as told:
        Limits(FIVE, redis_url="htp://:secret@host")
    assert told.value.code == "bad_setting"
    assert "secret" not in told.value.message
