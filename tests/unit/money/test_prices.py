"""What GPU time, characters and tokens cost: by the hour, over midnight, and when clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.contracts.errors import Permanent
from libs.money.prices import GpuPrice, Prices, Window, prices_of

NIGHT = "NVIDIA L40S=1.20, *=0.80@22-6:0.40"
BERLIN = "Europe/Berlin"


def test_by_device_and_for_all_others() -> None:
    found = prices_of(" NVIDIA L40S = 1.20, *=0.8@22-6:0.4@12-13:2,Cheap One=0 ").gpu
    assert found["NVIDIA L40S"] == GpuPrice(1_200_000)
    assert found[""] == GpuPrice(800_000, (Window(22, 6, 400_000), Window(12, 13, 2_000_000)))
    assert found["Cheap One"] == GpuPrice(0)
    assert not prices_of("") and not prices_of("*=0") and prices_of("", characters=15)


WRONG = ["*=nan", "*=inf", "*=-0.1", "*=1e999", "*=", "=1.2", "NVIDIA L40S", "*=1,*=2"]
WRONG_HOURS = ["*=1@", "*=1@22:0.4", "*=1@22-25:0.4", "*=1@24-6:0.4", "*=1@6-6:0.4", "*=1@a-6:0.4", "*=1@22-6"]


@pytest.mark.parametrize("text", WRONG + WRONG_HOURS)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(Permanent) as error:
        prices_of(text)
    assert error.value.code == "bad_setting"


def test_an_unknown_time_zone_is_refused() -> None:
    for zone in ("Europe/Atlantis", "../etc/passwd", ""):
        with pytest.raises(Permanent, match="time zone"):
            prices_of("*=1", zone=zone)


def test_work_over_midnight_and_morning_costs_what_each_of_its_hours_does() -> None:
    prices = prices_of(NIGHT)
    ten_to_midnight = datetime(2026, 3, 5, 23, tzinfo=UTC)
    assert prices.of_gpu("Other", ten_to_midnight, 2 * 3600) == 800_000 + 400_000  # 21 to 23
    assert prices.of_gpu("Other", ten_to_midnight + timedelta(hours=8), 9 * 3600) == 8 * 400_000 + 800_000
    assert prices.of_gpu("NVIDIA L40S", ten_to_midnight, 3600) == 1_200_000
    assert prices.of_gpu("Other", ten_to_midnight, 0) == prices.of_gpu("Other", ten_to_midnight, float("nan")) == 0


@pytest.mark.parametrize(
    ("day", "night_hours"),
    [
        (datetime(2026, 3, 29, tzinfo=UTC), 7),
        (datetime(2026, 10, 25, tzinfo=UTC), 9),
        (datetime(2026, 5, 5, tzinfo=UTC), 8),
    ],
)
def test_a_night_in_which_clocks_change_has_the_hours_that_it_has(day: datetime, night_hours: int) -> None:
    prices = prices_of(NIGHT, zone=BERLIN)
    noon = day.replace(hour=12)
    day_hours = 24 - night_hours
    assert prices.of_gpu("Other", noon, 24 * 3600) == night_hours * 400_000 + day_hours * 800_000


def test_a_place_half_an_hour_off_changes_its_price_at_its_own_hour() -> None:
    prices = prices_of(NIGHT, zone="Asia/Kolkata")
    end = datetime(2026, 5, 5, 17, tzinfo=UTC)  # 22:30 there
    assert prices.of_gpu("Other", end, 3600) == 600_000


def test_parts_of_work_add_up_but_for_rounding() -> None:
    prices = prices_of(NIGHT, zone=BERLIN)
    end = datetime(2026, 3, 29, 6, 17, 3, tzinfo=UTC)
    whole = prices.of_gpu("Other", end, 30_000)
    parts = sum(prices.of_gpu("Other", end - timedelta(seconds=1000 * n), 1000) for n in range(30))
    assert abs(whole - parts) <= 15


def test_characters_and_tokens_are_rounded_up() -> None:
    prices = Prices(characters=15_000_000, tokens=3)
    assert prices.of_characters(1000) == 15_000
    assert prices.of_characters(0) == 0
    assert prices.of_tokens(1) == 1


def test_the_dearest_hour_ahead() -> None:
    prices = prices_of("*=0.80@22-6:0.40@18-19:3")
    night, noon = datetime(2026, 5, 5, 23, tzinfo=UTC), datetime(2026, 5, 5, 12, tzinfo=UTC)
    assert prices.dearest(night) == 400_000
    assert prices.dearest(night, 7.5 * 3600) == 800_000
    assert prices.dearest(noon, 6.5 * 3600) == 3_000_000
    assert Prices().dearest(noon, 1e12) == 0
