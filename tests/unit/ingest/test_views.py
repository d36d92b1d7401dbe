"""What the API answers is made from snapshots alone."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.codes import CODES
from libs.contracts.errors import Permanent
from libs.contracts.jobs import State
from services.ingest.events_page import STRUCTS, events_page
from services.ingest.progress import Live
from services.ingest.records import Failure
from services.ingest.views import dead_id, dead_token, file_list, files_of, job_view, links
from tests.unit.ingest.snapshots import blob, snapshot

LIVE = Live(percent=42.0, doing="scene 1 of 2", seconds_left=None)


def test_links_offer_only_what_would_work() -> None:
    under_way, done, failed = (links("j", state) for state in (State.PLANNING, State.COMPLETED, State.FAILED))
    assert (under_way.cancel, under_way.retry, under_way.download) == ("/api/v1/jobs/j/cancel", None, None)
    assert (done.cancel, done.retry, done.download) == (None, "/api/v1/jobs/j/retry", "/api/v1/jobs/j/download")
    assert (failed.cancel, failed.retry, failed.download) == (None, "/api/v1/jobs/j/retry", None)
    assert msgspec.to_builtins(done)["self"] == "/api/v1/jobs/j"


def test_a_job_with_its_error_and_stages() -> None:
    job = snapshot(State.FAILED, last=State.GENERATING, error=Failure(code="no_space", message=""))
    view = job_view(job, LIVE)
    assert view.error is not None
    assert (view.error.code, view.error.hint) == ("no_space", CODES["no_space"].hint)
    assert view.error.message
    assert [stage.stage for stage in view.stages] == ["queued", "analyzing", "planning", "generating"]
    assert [stage.seconds for stage in view.stages] == [60.0] * 4
    running = job_view(snapshot(State.PLANNING), LIVE)
    assert running.stages[-1].seconds is None
    assert running.percent == 42.0


def test_files_are_listed_as_they_come() -> None:
    job = snapshot(State.GENERATING, scenes=3, done=2, analysis=blob("a"))
    assert list(files_of(job)) == ["analysis.json", "clips/s001.mp4", "clips/s002.mp4"]
    assert [file.name for file in file_list(job).files] == list(files_of(job))
    whole = file_list(snapshot(State.COMPLETED, video=blob("d", 99)))
    assert (whole.files[-1].link, whole.files[-1].size) == ("/api/v1/jobs/job1/download", 99)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=80))
def test_dead_letter_ids_survive_the_path(letter_id: str) -> None:
    token = dead_token(letter_id)
    assert dead_id(token) == letter_id
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


@pytest.mark.parametrize("token", ["%", "a", "é", "_w", "a b", "x" * 5000, "ab+/"])
def test_what_is_no_token_is_not_found(token: str) -> None:
    with pytest.raises(Permanent, match="dead_letter_not_found"):
        dead_id(token)


def test_the_page_on_events_names_every_field() -> None:
    page = events_page()
    for name, struct in STRUCTS.items():
        section = page.split(f"## `{name}`")[1].split("\n## ")[0]
        for field in msgspec.structs.fields(struct):
            assert f"| `{field.encode_name}` |" in section
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert all(not row.endswith("|  |") for row in rows), "every field has words"
