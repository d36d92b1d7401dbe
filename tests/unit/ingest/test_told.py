"""Narrated videos in the ledger: what a script orders, in which order, and what comes of it when one fails."""

from collections.abc import Mapping

import msgspec
import pytest

from libs.contracts.facts import Fact, JobCompleted, JobFailed, SceneImage, SourceFetched, VideoComposed
from libs.contracts.jobs import JobKind, JobOptions, State
from libs.contracts.storyboard import SceneLyrics, Shot
from libs.contracts.tasks import (
    Analyze,
    Animate,
    Compose,
    Conform,
    Fetch,
    Mix,
    Narrated,
    Notify,
    Plan,
    Score,
    Task,
    Voice,
)
from services.ingest.apply import apply
from services.ingest.brief import Given, Wanted
from services.ingest.decide import Decision, GiveUp, Order, settle
from services.ingest.state import RunState
from services.ingest.usage import usage_of
from services.ingest.webhooks.records import Target
from tests.storyboards import shot
from tests.unit.ingest.story import NOW, SONG, blob, brief, broke, done, fact, result, spoken

SCRIPT = blob("script")
NARRATED = Narrated(narration=blob("narration"), voiceover=blob("voiceover"))
OVER_MUSIC = msgspec.structs.replace(NARRATED, bed=SONG, bed_analysis=blob("analysis"))
SCENES = ("animate.s001", "animate.s002", "animate.s003")


def told(
    *happened: Fact,
    bed: bool = False,
    kind: JobKind = "full",
    given: Given | None = None,
    title: str = "",
    music: str = "",
    captions: bool = True,
) -> tuple[RunState, list[Decision]]:
    """The state of a script's job after these facts, and all that was decided on the way."""
    order = msgspec.structs.replace(
        brief(),
        kind=kind,
        song=SONG if bed else None,
        given=msgspec.structs.replace(given or Given(), script=SCRIPT),
        options=JobOptions(seed=7, voice="a voice", speed=1.1, title=title, music=music, captions=captions),
    )
    target = Target(task="notify", webhook_id="msg_j1_1", url="https://example.org")
    state, decided = settle(RunState(brief=order, run=1, opened_at=NOW, targets=(target,)), NOW)
    for it in happened:
        state, more = settle(apply(state, it), NOW)
        decided += more
    return state, decided


def tasks(decided: list[Decision]) -> Mapping[str, Task]:
    """What was ordered, by key; the last try of each."""
    return {it.task.task: it.task for it in decided if isinstance(it, Order)}


def composed() -> Fact:
    """A finished video, with what only narrated ones have."""
    video = result("compose")
    assert isinstance(video, VideoComposed)
    images = tuple(SceneImage(scene_id=f"s00{number}", blob=blob(f"image {number}")) for number in (1, 2, 3))
    return fact("compose", msgspec.structs.replace(video, manifest=blob("manifest"), images=images))


def test_a_script_alone_is_spoken_then_planned() -> None:
    state, decided = told()
    assert list(tasks(decided)) == ["voice"]
    assert tasks(decided)["voice"].body == Voice(script=SCRIPT, options=state.brief.options)
    assert state.stage is State.ANALYZING
    state, decided = told(done("voice"))
    assert list(tasks(decided)) == ["voice", "mix", "plan"]
    plan, mix = tasks(decided)["plan"].body, tasks(decided)["mix"].body
    assert isinstance(plan, Plan)
    assert isinstance(mix, Mix)
    assert (plan.analysis, plan.narration, plan.script, plan.bed) == (
        blob("heard voice"),
        blob("narration"),
        SCRIPT,
        None,
    )
    assert (mix.song, mix.narrated) == (blob("voice"), NARRATED)


@pytest.mark.parametrize("first", ["voice", "analyze"])
def test_music_under_the_voice_is_heard_meanwhile(first: str) -> None:
    other = "analyze" if first == "voice" else "voice"
    _, decided = told(bed=True)
    assert list(tasks(decided)) == ["voice", "analyze"]
    _, decided = told(done(first), bed=True)
    assert list(tasks(decided)) == ["voice", "analyze"], "cuts prefer its beats, so the plan waits for both"
    _, decided = told(done(first), done(other), bed=True)
    plan, mix = tasks(decided)["plan"].body, tasks(decided)["mix"].body
    assert isinstance(plan, Plan)
    assert isinstance(mix, Mix)
    assert (plan.analysis, plan.bed) == (blob("heard voice"), blob("analysis"))
    assert mix.narrated == OVER_MUSIC


def test_music_is_made_for_the_voice_and_is_the_song_under_it() -> None:
    _, decided = told(music="calm piano")
    assert list(tasks(decided)) == ["voice"], "its length is the voice's"
    state, decided = told(done("voice"), music="calm piano")
    assert list(tasks(decided)) == ["voice", "score"]
    assert tasks(decided)["score"].body == Score(prompt="calm piano", seconds=15.0, seed=7)
    assert state.stage is State.ANALYZING
    _, decided = told(done("voice"), done("score"), music="calm piano")
    assert list(tasks(decided)) == ["voice", "score", "analyze"]
    assert tasks(decided)["analyze"].body == Analyze(song=blob("score"))
    way = (done("voice"), done("score"), done("analyze"), done("plan"), *(done(key) for key in SCENES))
    _, decided = told(*way, music="calm piano")
    plan, mix, compose = (tasks(decided)[key].body for key in ("plan", "mix", "compose"))
    assert isinstance(plan, Plan)
    assert isinstance(mix, Mix)
    assert isinstance(compose, Compose)
    assert plan.bed == blob("analysis")
    under = msgspec.structs.replace(OVER_MUSIC, bed=blob("score"))
    assert (mix.narrated, compose.narrated) == (under, under)


@pytest.mark.parametrize(("voice_s", "music_s"), [(3.0, 15), (14.9, 15), (15.0, 15), (15.1, 30), (899.0, 900)])
def test_a_voice_of_about_the_same_length_finds_the_same_music(voice_s: float, music_s: int) -> None:
    voice = fact("voice", msgspec.structs.replace(spoken(), duration=voice_s))
    _, decided = told(voice, music="calm piano")
    score = tasks(decided)["score"].body
    assert isinstance(score, Score)
    assert score.seconds == music_s


def test_music_that_is_gone_is_made_again() -> None:
    gone = broke("analyze", code="input_missing", missing=blob("score").sha256)
    _, decided = told(done("voice"), done("score"), gone, music="calm piano")
    assert [(it.task.task, it.task.attempt, it.anew) for it in decided if isinstance(it, Order)][-1] == (
        "score",
        2,
        True,
    )
    _, decided = told(done("voice"), done("score"), gone, done("score", attempt=2, make="2"), music="calm piano")
    assert tasks(decided)["analyze"].body == Analyze(song=blob("score2"))


def test_no_music_is_made_where_it_is_known_or_sent() -> None:
    known = Given(made={"score": result("score"), "analyze": result("analyze")})
    _, decided = told(done("voice"), given=known, music="calm piano")
    assert list(tasks(decided)) == ["voice", "mix", "plan"]
    plan = tasks(decided)["plan"].body
    assert isinstance(plan, Plan)
    assert plan.bed == blob("analysis")
    _, decided = told(done("voice"), bed=True, music="calm piano")
    assert "score" not in tasks(decided)


def test_music_that_can_not_be_made_fails_the_job() -> None:
    cause = broke("score", code="music_unavailable", retryable=False)
    state, _ = told(done("voice"), cause, music="calm piano")
    assert isinstance(state.error, JobFailed)
    assert (state.error.code, state.error.task) == ("music_unavailable", "score")


def test_files_are_fetched_while_the_script_is_spoken() -> None:
    source = Fetch(audio_url="https://a.example/bed.mp3", image_url="https://a.example/a.png")
    fetched = SourceFetched(song=SONG, song_name="bed.mp3", duration=9.0, title="The Bed", image=blob("image"))
    _, decided = told(done("voice"), given=Given(source=source))
    assert list(tasks(decided)) == ["voice", "fetch"]
    _, decided = told(done("voice"), fact("fetch", fetched), done("analyze"), given=Given(source=source))
    plan, mix = tasks(decided)["plan"].body, tasks(decided)["mix"].body
    assert isinstance(plan, Plan)
    assert isinstance(mix, Mix)
    assert (plan.image, plan.options.title) == (blob("image"), ""), "the title of the music is not the video's"
    assert mix.narrated == OVER_MUSIC


def test_a_picture_alone_is_fetched_too() -> None:
    source = Fetch(image_url="https://a.example/a.png")
    _, decided = told(done("voice"), given=Given(source=source))
    assert list(tasks(decided)) == ["voice", "fetch"]
    _, decided = told(done("voice"), fact("fetch", SourceFetched(image=blob("image"))), given=Given(source=source))
    plan = tasks(decided)["plan"].body
    assert isinstance(plan, Plan)
    assert (plan.image, plan.bed) == (blob("image"), None)


def test_clips_have_a_clock_of_their_own_and_the_video_names_the_voice() -> None:
    state, decided = told(done("voice"), done("plan"), *(done(key) for key in SCENES))
    for key in SCENES:
        drawn = tasks(decided)[key].body
        assert isinstance(drawn, Animate)
        assert (drawn.own_clock, drawn.analysis, drawn.song) == (True, blob("heard voice"), blob("voice"))
    compose = tasks(decided)["compose"].body
    assert isinstance(compose, Compose)
    assert (compose.song, compose.analysis, compose.narrated) == (blob("voice"), blob("heard voice"), NARRATED)
    assert [usage.stage for usage in usage_of(state, NOW)] == ["analyzing", "planning", "generating"]
    assert usage_of(state, NOW)[0].cpu_seconds == 0.5


def test_songs_have_the_clock_of_the_song() -> None:
    state, _ = settle(RunState(brief=brief(), run=1, opened_at=NOW), NOW)
    state, _ = settle(apply(state, done("analyze")), NOW)
    _, decided = settle(apply(state, done("plan")), NOW)
    bodies = [task.body for task in tasks(decided).values()]
    assert [body.own_clock for body in bodies if isinstance(body, Animate)] == [False] * 3


def captioned(plain: Shot, lyrics: SceneLyrics = "captions") -> Shot:
    return msgspec.structs.replace(plain, scene=msgspec.structs.replace(plain.scene, lyrics=lyrics))


@pytest.mark.parametrize("captions", [True, False])
def test_only_clips_under_captions_are_interim_ones(captions: bool) -> None:
    shots = (captioned(shot(1), "none"), captioned(shot(2)))
    planned = fact("plan", msgspec.structs.replace(result("plan"), shots=shots))
    _, decided = told(done("voice"), planned, captions=captions)
    bodies = {key: task.body for key, task in tasks(decided).items()}
    interim = {key: body.interim for key, body in bodies.items() if isinstance(body, Animate)}
    assert interim == {"animate.s001": False, "animate.s002": captions}


def test_captions_of_what_is_told_are_made_ahead() -> None:
    shots = tuple(captioned(shot(number)) for number in (1, 2, 3))
    planned = fact("plan", msgspec.structs.replace(result("plan"), shots=shots))
    _, decided = told(done("voice"), planned, done("animate.s002"))
    conform = tasks(decided)["conform.s002"].body
    assert isinstance(conform, Conform)
    assert (conform.narrated, conform.analysis) == (NARRATED, blob("heard voice"))


def test_the_end_names_all_that_was_made() -> None:
    happened = [done("voice"), done("plan"), *(done(key) for key in SCENES), composed()]
    state, decided = told(*happened)
    assert state.ending is not None
    end = state.ending.body
    assert isinstance(end, JobCompleted)
    assert (end.voiceover, end.manifest, len(end.images)) == (blob("voiceover"), blob("manifest"), 3)
    notify = tasks(decided)["notify"].body
    assert isinstance(notify, Notify)
    files = "/api/v1/jobs/j1/files"
    assert notify.video_path == f"{files}/stitched_subtitled.mp4"
    assert notify.voiceover is not None
    assert notify.voiceover.path == f"{files}/voiceover.mp3"
    assert [file.path for file in notify.images] == [f"{files}/images/s00{number}.jpg" for number in (1, 2, 3)]
    assert [file.path for file in notify.videos] == [f"{files}/clips/s00{number}.mp4" for number in (1, 2, 3)]
    assert [notice.code for notice in state.notices] == ["words_unspoken"]


@pytest.mark.parametrize("broken", ["voice", "analyze", "plan", "animate.s002", "compose"])
def test_what_ends_badly_fails_the_job_with_its_cause(broken: str) -> None:
    way = [done("voice"), done("analyze"), done("plan"), *(done(key) for key in SCENES)]
    before = [it for it in way if it.task != broken]
    last = broke(broken, code="voice_failed", retryable=False)
    state, decided = told(*before, last, bed=True)
    assert isinstance(state.error, JobFailed)
    assert (state.error.code, state.error.task, state.stage) == ("voice_failed", broken, State.FAILED)
    assert any(isinstance(it, GiveUp) for it in decided)
    notify = tasks(decided)["notify"].body
    assert isinstance(notify, Notify)
    assert (notify.event, notify.voiceover, notify.video) == ("job_failed", None, None)
    assert set(tasks(told(*before, last, *way, bed=True)[1])) == set(tasks(decided)), "nothing more is begun"


def test_a_soundtrack_that_fails_is_left_to_compose() -> None:
    state, _ = told(done("voice"), broke("mix"), done("plan"), *(done(key) for key in SCENES))
    assert state.stage is State.COMPOSING


def test_a_voice_that_is_away_is_asked_again() -> None:
    tries = [broke("voice", attempt=number, code="voice_unavailable") for number in (1, 2)]
    state, decided = told(*tries)
    assert tasks(decided)["voice"].attempt == 3
    state, _ = told(*tries, broke("voice", attempt=3, code="voice_unavailable"))
    assert state.stage is State.FAILED


def test_a_lost_voice_is_spoken_again() -> None:
    lost = broke("compose", code="input_missing", missing=blob("voice").sha256)
    way = [done("voice"), done("plan"), *(done(key) for key in SCENES), lost]
    _, decided = told(*way)
    assert tasks(decided)["voice"].attempt == 2
    _, decided = told(*way, done("voice", attempt=2, make=" again"))
    compose = tasks(decided)["compose"]
    assert isinstance(compose.body, Compose)
    assert (compose.attempt, compose.body.song) == (2, blob("voice again"))


def test_a_lost_script_can_not_be_made_again() -> None:
    state, decided = told(broke("voice", code="input_missing", missing=SCRIPT.sha256))
    assert state.stage is State.FAILED
    assert len(tasks(decided)) == 2
    assert SCRIPT.sha256 in state.brief.uploads


def test_the_same_facts_twice_or_in_another_order_come_to_the_same() -> None:
    way = [done("voice"), done("plan"), *(done(key) for key in SCENES), composed()]
    state, _ = told(*way)
    again, _ = told(*way, *way)
    assert again.stage is state.stage is State.COMPLETED
    late, decided = told(done("plan"), done("animate.s003"), done("voice"), done("animate.s001"))
    assert late.stage is State.GENERATING
    assert "animate.s002" in tasks(decided)
    assert "animate.s001" in tasks(decided)


GIVEN = {"voice": spoken(), "plan": result("plan")}


def test_new_takes_of_a_told_project() -> None:
    wanted = {"animate.s002.1": Wanted(shot=shot(2))}
    state, decided = told(kind="takes", given=Given(made=GIVEN, takes=wanted))
    assert list(tasks(decided)) == ["animate.s002.1"]
    take = tasks(decided)["animate.s002.1"].body
    assert isinstance(take, Animate)
    assert take.own_clock
    state, _ = told(done("animate.s002.1"), kind="takes", given=Given(made=GIVEN, takes=wanted))
    assert state.stage is State.COMPLETED


def test_an_export_of_a_told_project() -> None:
    made = GIVEN | {"analyze": result("analyze")} | {key: result(key) for key in SCENES}
    _, decided = told(kind="export", bed=True, given=Given(made=made))
    assert set(tasks(decided)) == {"mix", "compose"}
    compose = tasks(decided)["compose"].body
    assert isinstance(compose, Compose)
    assert compose.narrated == OVER_MUSIC
    state, _ = told(composed(), kind="export", bed=True, given=Given(made=made))
    assert state.stage is State.COMPLETED


def test_a_storyboard_of_a_script_ends_with_the_plan() -> None:
    state, decided = told(done("voice"), done("plan"), kind="storyboard")
    assert list(tasks(decided)) == ["voice", "plan", "notify"]
    assert state.stage is State.COMPLETED
