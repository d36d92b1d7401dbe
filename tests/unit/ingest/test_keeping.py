"""When what users have goes: rules alone."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from libs.contracts.artifacts import Blob
from libs.contracts.characters import Bible, Character
from libs.runtime.settings import load
from services.ingest.app import keeping_of, quota_of
from services.ingest.brief import Basis, Given, Wanted
from services.ingest.keeping.reasons import Reason, noted_in
from services.ingest.keeping.rules import Due, Keeping, Standing, due
from services.ingest.settings import IngestSettings
from tests.storyboards import shot
from tests.unit.ingest.story import SONG, blob, brief, result, spoken

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEEPING = Keeping(uploads=timedelta(days=14), outputs=timedelta(days=14))
NOTHING = Due(warn={}, let_go=frozenset())


def standing(reason: Reason, age: float, warned: float | None = None) -> Standing:
    """A reference that is so many days old, and whose owner was warned so many days ago."""
    warned_at = None if warned is None else NOW - timedelta(days=warned)
    return Standing(sha256="a", reason=reason, created_at=NOW - timedelta(days=age), warned_at=warned_at)


@pytest.mark.parametrize(
    ("reason", "age", "warned", "outcome"),
    [
        ("output", 11.9, None, ""),
        ("output", 12, None, "warn"),
        ("output", 13.9, 1.9, ""),
        ("output", 14, 2, "go"),
        ("output", 90, None, "warn"),  # the machine was off: it is told first
        ("output", 90, 1.9, ""),
        ("output", -3, None, ""),  # the clock was set back
        ("output", 20, -1, ""),
        ("source", 13.9, None, ""),
        ("source", 14, None, "go"),
        ("still", 14, None, "go"),
        ("take", 9999, None, ""),
        ("work", 9999, None, ""),
    ],
)
def test_each_thing_goes_in_its_time(reason: Reason, age: float, warned: float | None, outcome: str) -> None:
    last_used = NOW - timedelta(days=age)
    found = due([standing(reason, age, warned)], last_used, KEEPING, NOW)
    end = max(NOW - timedelta(days=age - 14), NOW + timedelta(days=2))
    told = {"": NOTHING, "warn": Due(warn={"a": end}, let_go=frozenset())}
    assert found == told.get(outcome, Due(warn={}, let_go=frozenset({"a"})))
    assert due([standing(reason, age, warned)], last_used, Keeping(), NOW) == NOTHING, "without a setting it stays"


def test_files_of_a_project_in_use_stay() -> None:
    assert due([standing("source", 300)], NOW - timedelta(days=13), KEEPING, NOW) == NOTHING


def test_settings_say_days_and_zero_is_for_ever() -> None:
    assert Keeping.of(uploads=None, outputs=0, clips=3, usual=14) == Keeping(
        uploads=timedelta(days=14), clips=timedelta(days=3)
    )
    assert Keeping.of(uploads=None, outputs=None, clips=7, usual=0) == Keeping()


def test_a_blob_has_the_reason_that_keeps_it_longest() -> None:
    picture, own, face = blob("picture"), blob("own"), blob("face")
    script = blob("script")
    given = Given(
        made={
            "analyze": result("analyze"),
            "animate.s001": result("animate.s001"),
            "imagine.p1": result("imagine.p1"),
        },
        takes={"animate.s002.1": Wanted(shot=shot(2), image=own, clip=blob("clip s001"))},
        characters=(Character(id="c", name="Ada", description="", bible=Bible(), picture=face, primary=True),),
        script=script,
        basis=Basis(song=SONG, storyboard=blob("board")),
    )
    order = msgspec.structs.replace(brief(), image=picture, given=given)
    told: dict[Reason, set[Blob]] = {
        "source": {SONG, picture, own, face},
        "work": {blob("analysis"), blob("board"), script},
        "take": {blob("clip s001")},
        "still": {blob("still p1")},
    }
    expected = {one.sha256: reason for reason, blobs in told.items() for one in blobs}
    assert {one.sha256: one.reason for one in noted_in(order)} == expected
    assert {one.reason for one in noted_in(result("compose"))} == {"output"}
    assert {one.reason for one in noted_in(spoken())} == {"work"}
    assert [one.size for one in noted_in(result("analyze"))] == [len("analysis")]


def test_an_owner_of_a_machine_loses_nothing_by_default() -> None:
    silent = load(IngestSettings, "ingest", {})
    assert keeping_of(silent, login=False) == Keeping()
    assert keeping_of(silent, login=True) == KEEPING
    assert (quota_of(silent, login=False).most, quota_of(silent, login=True).most) == (None, 10_000_000_000)
    said = {"KEEP_UPLOADS_DAYS": "30", "KEEP_OUTPUTS_DAYS": "0", "KEEP_CLIPS_DAYS": "2", "QUOTA_GB": "0.5"}
    chosen = load(IngestSettings, "ingest", {f"BEATLOOM_INGEST_{name}": text for name, text in said.items()})
    for login in (False, True):
        assert keeping_of(chosen, login=login) == Keeping(uploads=timedelta(days=30), clips=timedelta(days=2))
        assert quota_of(chosen, login=login).most == 500_000_000
