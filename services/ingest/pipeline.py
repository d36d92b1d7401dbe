"""The pipeline of a run: every task whose inputs are there, with what it is told. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from libs.contracts.artifacts import Blob
from libs.contracts.facts import StillRendered, StoryboardPlanned, VoiceRendered
from libs.contracts.jobs import COMPOSING
from libs.contracts.storyboard import Scene
from libs.contracts.tasks import Analyze, Animate, Compose, Fetch, Imagine, Mix, Plan, Score, TaskBody, Voice
from services.ingest.ahead import conforms
from services.ingest.brief import Brief, Wanted
from services.ingest.state import Heard, RunState
from services.ingest.usage import usage_of

Due = tuple[str, TaskBody]
"""A task's key, and what it says."""

SCORE_STEP_S = 15
"""Music is made in whole steps of it: a voice that takes a little longer than before finds the same."""


def pipeline(state: RunState, now: datetime) -> Iterator[Due]:
    """Every task whose inputs are there, in order."""
    brief, given = state.order, state.brief.given
    if given.script is not None:
        yield "voice", Voice(script=given.script, options=brief.options)
    voice = state.result("voice", VoiceRendered)
    if state.scored and voice is not None:
        yield "score", _score(brief, voice)
    if given.source is not None and _lacks_files(brief, given.source):
        yield "fetch", given.source
        return
    if brief.song is not None:
        yield "analyze", Analyze(song=brief.song, lyrics=brief.lyrics)
    heard, board = state.heard, state.result("plan", StoryboardPlanned)
    if brief.kind in COMPOSING:
        yield from _mix(brief, heard)
    if heard is None:
        return
    yield "plan", _plan(brief, heard)
    if board is not None and brief.kind != "storyboard":
        yield from _pictures(state, heard, board, now)


def _pictures(state: RunState, heard: Heard, board: StoryboardPlanned, now: datetime) -> Iterator[Due]:
    """What follows the plan: stills, clips, and the video of them."""
    brief = state.order
    wanted = _wanted(state, board)
    named = {take.shot.scene.still for key, take in wanted.items() if key not in brief.given.made}
    stills = () if brief.options.preview else tuple(still for still in board.stills if still.id in named)
    for still in stills:
        pictures = {character.id: character.picture for character in brief.given.characters}
        yield f"imagine.{still.id}", Imagine(still=still, image=pictures.get(still.character or "") or brief.image)
    awaited = {still.id for still in stills if not state.concluded(f"imagine.{still.id}")}
    for key, take in wanted.items():
        if take.shot.scene.still not in awaited:
            yield key, _animate(state, heard, board, take)
    if brief.kind not in COMPOSING:
        return
    takes = state.takes
    if any(shot.scene.id not in takes for shot in board.shots):
        yield from conforms(brief, heard, board, takes)
    else:
        yield (
            "compose",
            Compose(
                song=heard.sound,
                analysis=heard.analysis,
                storyboard=board.storyboard,
                clips=tuple(takes[shot.scene.id].clip for shot in board.shots),
                options=brief.options,
                usage=usage_of(state, now),
                narrated=heard.narrated,
            ),
        )


def _score(brief: Brief, voice: VoiceRendered) -> Score:
    seconds = SCORE_STEP_S * math.ceil(voice.duration / SCORE_STEP_S)
    return Score(prompt=brief.options.music, seconds=seconds, seed=brief.options.seed or 0)


def _lacks_files(brief: Brief, source: Fetch) -> bool:
    """Whether the files at these addresses are still to be fetched."""
    return brief.song is None if source.audio_url else brief.image is None


def _mix(brief: Brief, heard: Heard | None) -> Iterator[Due]:
    """The soundtrack: of a song at once, of a voice as soon as it has spoken."""
    if heard is not None:
        yield "mix", Mix(song=heard.sound, options=brief.options, narrated=heard.narrated)
    elif brief.given.script is None and brief.song is not None:
        yield "mix", Mix(song=brief.song, options=brief.options)


def _plan(brief: Brief, heard: Heard) -> Plan:
    narrated = heard.narrated
    return Plan(
        analysis=heard.analysis,
        options=brief.options,
        seed=brief.options.seed or 0,
        image=brief.image,
        characters=brief.given.characters,
        narration=narrated.narration if narrated is not None else None,
        script=brief.given.script,
        bed=narrated.bed_analysis if narrated is not None else None,
    )


def _wanted(state: RunState, board: StoryboardPlanned) -> dict[str, Wanted]:
    """The takes to be made, by task: those that were asked for, or one of each shot.

    The longest first, so that no worker has a long one left at the end while the others wait for it.
    """
    if state.brief.kind == "takes":
        return state.brief.given.takes
    shots = sorted(board.shots, key=lambda shot: -shot.frames)
    usual = {f"animate.{shot.scene.id}": Wanted(shot=shot) for shot in shots}
    return usual | {key: take for key, take in state.brief.given.takes.items() if key in usual}


def _animate(state: RunState, heard: Heard, board: StoryboardPlanned, take: Wanted) -> Animate:
    brief = state.order
    return Animate(
        shot=take.shot,
        analysis=heard.analysis,
        fps=board.fps,
        width=board.width,
        height=board.height,
        image=take.image or brief.image,
        preview=brief.options.preview,
        still=_still_of(state, take.shot.scene),
        song=heard.sound,
        fill=brief.options.fill,
        clip=take.clip,
        own_clock=heard.narrated is not None,
        interim=heard.narrated is not None and brief.options.captions and take.shot.scene.lyrics == "captions",
    )


def _still_of(state: RunState, scene: Scene) -> Blob | None:
    made = state.result(f"imagine.{scene.still}", StillRendered) if scene.still else None
    return made.blob if made is not None else None
