"""Figures are learned from what work took, and estimates made of them hold for the next jobs."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from libs.contracts.artifacts import Blob
from libs.contracts.jobs import JobOptions
from libs.contracts.tasks import Animate, Compose, Score, TaskBody, Voice
from libs.money.amounts import micros_of
from libs.money.prices import AHEAD_S, prices_of
from services.ingest.money.estimates import BUFFER, Estimate, estimate_job, estimate_task
from services.ingest.money.figures import Figure, Figures, Observation, observed, size_class
from tests.storyboards import scene, shot

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
PRICES = prices_of("*=1.80")
BLOB = Blob(sha256="0" * 64, size=2000, media_type="application/json")


def figures(*known: Figure, gpu: str = "*=1.80", first_s: float = 12.0, at: datetime = NOW) -> Figures:
    return Figures(known=known, prices=prices_of(gpu, characters=15), at=at, first_s=first_s)


def animate(seconds: int = 5) -> Animate:
    return Animate(
        shot=msgspec.structs.replace(shot(1), scene=scene(1, 0, 30 * seconds)),
        analysis=BLOB,
        fps="30",
        width=1280,
        height=720,
    )


def seen(
    units: float, gpu_seconds: float, *, workflow: str = "wan", at: datetime = NOW, share: float = 1.0
) -> Observation:
    dearest = PRICES.of_gpu("", at, gpu_seconds)
    return Observation(
        kind="animate",
        workflow=workflow,
        size="720p",
        units=units,
        gpu_seconds=gpu_seconds,
        cost=round(share * dearest),
        dearest=dearest,
        at=at,
    )


def unseen(size: str = "720p", at: datetime = NOW) -> Figure:
    return Figure(kind="animate", workflow="", size=size, at=at)


class History:
    """Simulated jobs: scenes of every length, servers of two prices, renders that vary and some that fail."""

    def __init__(self, seed: int, per_second: float) -> None:
        self.random = random.Random(seed)
        self.per_second = per_second
        self.known = unseen()
        self.now = NOW

    def job(self, seconds: float) -> tuple[float, int]:
        """GPU seconds and money that a job of so many seconds took, all of it learned."""
        gpu_seconds, money, left = 0.0, 0, seconds
        while left > 0:
            length = min(self.random.choice((2.0, 3.5, 5.0, 8.0)), left)
            left -= length
            failed = self.random.random() < 0.05
            for workflow in ("", "wan") if failed else ("wan",):
                took = length * self.per_second * self.random.lognormvariate(0, 0.3)
                share = self.random.choice((1.0, 1.0, 0.5))
                one = seen(length if workflow else 0, took, workflow=workflow, at=self.now, share=share)
                self.known = observed(self.known, one)
                gpu_seconds, money = gpu_seconds + took, money + one.cost
                self.now += timedelta(seconds=took)
        return gpu_seconds, money

    def figures(self) -> Figures:
        return figures(self.known, at=self.now)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_second", [3.0, 12.0, 60.0])
def test_after_a_few_jobs_the_estimate_holds_within_the_buffer(seed: int, per_second: float) -> None:
    history = History(seed, per_second)
    for _ in range(3):
        history.job(180.0)
    exceeded = []
    for _ in range(8):
        total = estimate_job(180.0, JobOptions(height=720), history.figures(), stills=0).total
        gpu_seconds, money = history.job(180.0)
        exceeded.append(gpu_seconds > total.gpu_seconds or money > total.cost)
        assert total.gpu_seconds < gpu_seconds * (1 + BUFFER) * 1.2
        assert total.cost < money * (1 + BUFFER) * 1.25
    assert sum(exceeded) <= 1


def test_when_work_takes_longer_than_before_the_next_estimates_follow() -> None:
    history = History(1, 10.0)
    for _ in range(4):
        history.job(120.0)
    history.per_second = 20.0
    for _ in range(3):
        history.job(120.0)
    assert 17.0 < history.figures().mean("animate", "720p") < 23.0


def test_one_strange_render_changes_little() -> None:
    history = History(2, 10.0)
    history.job(300.0)
    before = history.figures().mean("animate", "720p")
    history.known = observed(history.known, seen(0.1, 3600.0, at=history.now))
    assert history.figures().mean("animate", "720p") < 1.3 * before


def test_a_task_is_given_enough_and_not_much_more() -> None:
    history = History(3, 10.0)
    history.job(300.0)
    known = history.figures()
    task, mean = estimate_task(animate(5), known), 5 * known.mean("animate", "720p")
    took = [5 * 10.0 * history.random.lognormvariate(0, 0.3) for _ in range(1000)]
    assert sum(one + AHEAD_S > task.gpu_seconds for one in took) < 100
    assert task.gpu_seconds < 2.5 * mean


@pytest.mark.parametrize(
    ("body", "costs"),
    [
        (animate(), True),
        (msgspec.structs.replace(animate(), preview=True), False),
        (msgspec.structs.replace(animate(), clip=BLOB), False),
        (Voice(script=BLOB, options=JobOptions()), True),
        (Score(prompt="slow piano", seconds=30, seed=1), True),
        (Compose(song=BLOB, analysis=BLOB, storyboard=BLOB, clips=(), options=JobOptions()), False),
    ],
)
def test_only_what_servers_do_costs(body: TaskBody, *, costs: bool) -> None:
    assert bool(estimate_task(body, figures()).cost) == costs
    assert estimate_task(body, Figures(at=NOW)).cost == 0


def test_a_machine_that_draws_needs_no_gpu_and_no_money() -> None:
    drawn = Figures(at=NOW)
    assert not drawn.costly
    assert estimate_job(200.0, JobOptions(), drawn).total == Estimate()
    assert estimate_task(animate(), drawn) == Estimate()


def test_a_script_costs_its_characters_whether_or_not_gpus_are_there() -> None:
    known = figures(gpu="", first_s=0.0)
    assert known.costly
    total = estimate_job(60.0, JobOptions(), known, characters=1000).total
    assert total == Estimate(characters=1000, cost=round(micros_of(0.015) * (1 + BUFFER)))


def test_a_preview_costs_its_voice_alone() -> None:
    kinds = estimate_job(60.0, JobOptions(preview=True), figures(), characters=10).kinds
    assert set(kinds) == {"voice"}


def test_stills_count_where_there_were_any_or_nothing_is_known() -> None:
    history = History(4, 10.0)
    assert "imagine" in estimate_job(60.0, JobOptions(), figures()).kinds
    history.job(60.0)
    assert "imagine" not in estimate_job(60.0, JobOptions(), history.figures()).kinds


def test_old_figures_weigh_less_than_new_ones() -> None:
    old = observed(unseen("1080p", at=NOW - timedelta(days=300)), seen(60, 600, at=NOW - timedelta(days=300)))
    new = observed(unseen(), seen(60, 3600))
    assert figures(old, new).mean("animate", "480p") > 50


def test_sizes() -> None:
    assert [size_class(*one) for one in ((1920, 1080), (720, 1280), (100, 96), (8000, 8000))] == [
        "1080p",
        "720p",
        "360p",
        "2160p",
    ]


def test_a_price_that_rises_later_in_the_day_is_reckoned_with() -> None:
    cheap, dear = figures(gpu="*=1"), figures(gpu="*=1@13-14:10")
    assert dear.money(10) == cheap.money(10)
    assert dear.money(10, ahead_s=2 * 3600) == pytest.approx(10 * cheap.money(10), abs=10)
