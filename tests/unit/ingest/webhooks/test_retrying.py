"""When a webhook is sent again."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

import pytest

from libs.contracts.facts import TaskAttemptFailed
from services.ingest.rules import Failures
from services.ingest.webhooks.records import Target
from services.ingest.webhooks.retrying import HOUR_S, TRIES, again
from tests.unit.ingest.story import NOW


def failures(
    *, tries: int = 1, elapsed: float = 0.0, chance: float = 0.0, status: int = 503, after: float | None = None
) -> Failures:
    last = TaskAttemptFailed(code="delivery_failed", message="no", retryable=True, retry_after=after, status=status)
    return Failures(last=last, tries=tries, elapsed=elapsed, chance=chance)


def times(status: int, *, chance: float, after: float | None = None) -> list[float]:
    """When it is tried, in seconds from the first try, while the answer stays the same and comes at once."""
    tried = [0.0]
    while (
        wait := again(failures(tries=len(tried), elapsed=tried[-1], chance=chance, status=status, after=after))
    ) is not None:
        tried.append(tried[-1] + wait)
    return tried


@pytest.mark.parametrize("seed", range(5))
def test_ten_tries_within_a_day(seed: int) -> None:
    tried = times(503, chance=random.Random(seed).random())
    assert len(tried) == TRIES == 10
    assert 0.75 * 24 * HOUR_S <= tried[-1] <= 24 * HOUR_S
    gaps = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 5


def test_what_failed_together_does_not_return_together() -> None:
    assert len({again(failures(tries=5, chance=chance / 10)) for chance in range(10)}) == 10


def test_never_sooner_than_the_receiver_asks() -> None:
    assert again(failures(after=120.0)) == 120.0
    assert again(failures(tries=9, after=1.0)) == 12 * HOUR_S
    assert times(429, chance=0.5, after=3600.0)[-1] <= 29 * HOUR_S


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_an_address_that_is_not_there_has_an_hour(chance: float) -> None:
    tried = times(404, chance=chance)
    assert tried[-1] == HOUR_S
    assert len(tried) >= 6


def test_a_day_is_enough() -> None:
    assert again(failures(tries=2, elapsed=24 * HOUR_S)) is None


def test_both_secrets_sign_for_a_while() -> None:
    target = Target(
        task="notify.e",
        webhook_id="m",
        url="u",
        secret="new",
        old_secret="old",
        old_until=NOW + timedelta(hours=24),
    )
    assert target.secrets(NOW) == ("new", "old")
    assert target.secrets(NOW + timedelta(hours=24)) == ("new",)
    assert Target(task="notify", webhook_id="m", url="u").secrets(NOW) == ()
