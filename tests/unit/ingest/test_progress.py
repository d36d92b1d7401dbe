"""Live percent never falls, whatever the chatter says."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.jobs import STAGE_WEIGHTS, State
from libs.contracts.messages import Progress
from services.ingest.progress import MAX_JOBS, MAX_TASKS, ProgressBoard
from tests.unit.ingest.snapshots import BEGIN, snapshot

NOW = BEGIN + timedelta(minutes=4)


def told(task: str, fraction: float, *, run: int = 1, attempt: int = 1, job: str = "job1") -> Progress:
    return Progress(job_id=job, run=run, task=task, attempt=attempt, fraction=fraction)


def percent(board: ProgressBoard, state: State, *, scenes: int = 0, done: int = 0, run: int = 1) -> float:
    return board.live(snapshot(state, scenes=scenes, done=done, run=run), NOW).percent


def test_stages_follow_the_table_of_weights() -> None:
    board = ProgressBoard()
    analyzing, planning = STAGE_WEIGHTS[State.ANALYZING], STAGE_WEIGHTS[State.PLANNING]
    assert percent(board, State.QUEUED) == 0
    board.take(told("analyze", 0.5))
    assert percent(board, State.ANALYZING) == analyzing / 2
    assert percent(board, State.PLANNING) == analyzing
    board.take(told("animate.s001", 0.5))
    board.take(told("animate.s002", 0.25))
    start = analyzing + planning
    expected = start + STAGE_WEIGHTS[State.GENERATING] * 0.75 / 4
    assert abs(percent(board, State.GENERATING, scenes=4) - expected) <= 0.1
    assert percent(board, State.COMPLETED) == 100


def test_a_finished_scene_is_not_counted_twice() -> None:
    board = ProgressBoard()
    board.take(told("animate.s001", 1.0))
    once = percent(board, State.GENERATING, scenes=4)
    assert percent(board, State.GENERATING, scenes=4, done=1) == once


def test_a_second_attempt_and_a_restart_do_not_make_it_fall() -> None:
    board = ProgressBoard()
    board.take(told("compose", 0.9))
    high = percent(board, State.COMPOSING, scenes=4, done=4)
    board.take(told("compose", 0.1, attempt=2))
    assert percent(board, State.COMPOSING, scenes=4, done=4) == high
    assert percent(board, State.GENERATING, scenes=4, done=3) == high, "a scene is made again"
    board.take(told("compose", 0.95, attempt=1))
    assert percent(board, State.COMPOSING, scenes=4, done=4) == high, "what an older attempt says is ignored"


def test_an_ended_job_keeps_what_it_had_reached_however_often_it_is_asked() -> None:
    board = ProgressBoard()
    board.take(told("compose", 0.9))
    high = percent(board, State.COMPOSING, scenes=4, done=4)
    asked = [percent(board, State.CANCELLED, scenes=4, done=4) for _ in range(3)]
    assert asked == [high] * 3
    board.take(told("compose", 0.95))  # it came late
    assert percent(board, State.CANCELLED, scenes=4, done=4) == high
    assert percent(board, State.QUEUED, run=2) == 0


def test_a_new_run_begins_anew_and_old_chatter_is_ignored() -> None:
    board = ProgressBoard()
    board.take(told("compose", 0.9))
    percent(board, State.COMPOSING)
    assert percent(board, State.QUEUED, run=2) == 0
    board.take(told("analyze", 0.9, run=1))
    assert percent(board, State.ANALYZING, run=2) == 0
    board.take(told("analyze", 0.5, run=3))
    assert percent(board, State.ANALYZING, run=2) == 0, "chatter that is ahead of the ledger"
    assert percent(board, State.ANALYZING, run=3) > 0


def test_an_ended_run_keeps_what_it_reached() -> None:
    board = ProgressBoard()
    board.take(told("compose", 0.5))
    high = percent(board, State.COMPOSING, scenes=4, done=4)
    failed = snapshot(State.FAILED, last=State.COMPOSING, scenes=4, done=4)
    assert board.live(failed, NOW).percent == high
    assert 0 < ProgressBoard().live(failed, NOW).percent < high, "after a restart only the ledger is known"
    assert board.live(failed, NOW).seconds_left is None


def test_what_is_being_made() -> None:
    board = ProgressBoard()

    def words(state: State, done: int = 0) -> str:
        return board.live(snapshot(state, scenes=12, done=done), NOW).doing

    assert words(State.ANALYZING) == "listening to the song"
    assert words(State.GENERATING, done=3) == "scene 4 of 12"
    assert words(State.GENERATING, done=6) == "scene 7 of 12"
    assert words(State.COMPLETED) == ""


def test_time_left_is_silent_early_then_in_proportion() -> None:
    board = ProgressBoard()
    job = snapshot(State.GENERATING, scenes=10, done=5)
    begun = job.stages[1].started_at
    live = board.live(job, begun + timedelta(seconds=60))
    assert live.seconds_left is not None
    assert abs(live.seconds_left - 60 * (100 - live.percent) / live.percent) < 0.1
    assert board.live(job, begun + timedelta(seconds=1)).seconds_left is None
    assert ProgressBoard().live(snapshot(State.ANALYZING), NOW).seconds_left is None


@given(st.floats())
def test_any_fraction_gives_a_percentage(fraction: float) -> None:
    board = ProgressBoard()
    board.take(told("analyze", fraction))
    assert 0 <= percent(board, State.ANALYZING) <= STAGE_WEIGHTS[State.ANALYZING]


@given(st.lists(st.tuples(st.integers(1, 6), st.floats(0, 1), st.integers(0, 6)), max_size=40))
def test_it_never_falls_within_a_run(steps: list[tuple[int, float, int]]) -> None:
    board, before = ProgressBoard(), 0.0
    for scene, fraction, done in steps:
        board.take(told(f"animate.s{scene:03d}", fraction))
        now = percent(board, State.GENERATING, scenes=6, done=done)
        assert before <= now < 100
        before = now


def test_memory_is_bounded() -> None:
    board = ProgressBoard()
    for number in range(MAX_JOBS + 50):
        board.take(told("analyze", 0.1, job=f"job{number}"))
    for number in range(MAX_TASKS + 50):
        board.take(told(f"animate.s{number}", 0.1))
    assert len(board._jobs) == MAX_JOBS
    assert len(board._jobs["job1"].tasks) == MAX_TASKS


def test_what_is_done_ahead_of_composing_counts_when_it_is_composed() -> None:
    board = ProgressBoard()
    board.take(told("animate.s001", 0.5))
    before = percent(board, State.GENERATING, scenes=4)
    board.take(told("mix", 1.0))
    board.take(told("conform.s001", 1.0))
    assert percent(board, State.GENERATING, scenes=4) == before
