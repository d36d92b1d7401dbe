"""What an order would cost, and whether it may: before anything of it runs."""

from __future__ import annotations

from fractions import Fraction

import msgspec

from libs.contracts.errors import BudgetExceeded
from libs.contracts.facts import StoryboardPlanned
from libs.contracts.storyboard import Shot
from libs.media.frames import parse_fps
from libs.money.amounts import Micros, micros_of, text_of
from services.ingest.brief import Brief, Given
from services.ingest.money.estimates import JobEstimate, estimate_job
from services.ingest.money.figures import Figures
from services.ingest.records import NewJob


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What an order will take, and may."""

    estimate: JobEstimate
    cap: Micros | None
    """None: there is no cap."""

    @property
    def fits(self) -> bool:
        """Whether it may be ordered."""
        return self.cap is None or self.estimate.total.cost <= self.cap


def quote(order: NewJob, figures: Figures) -> JobEstimate:
    """What the order will take: what it is given isn't made again. Pure.

    Of a song that is still to be fetched nobody knows the length: it takes nothing yet.
    """
    given = order.given
    spoken = 0 if "voice" in given.made else order.characters
    board = given.made.get("plan")
    if order.kind == "storyboard":
        drawn, stills, size = 0.0, 0, None
    elif isinstance(board, StoryboardPlanned):
        missing = _missing(given, board)
        drawn = float(sum(_seconds(shot, board) for shot in missing))
        stills = len({shot.scene.still for shot in missing if shot.scene.still})
        size = (board.width, board.height)
    else:
        drawn, stills, size = order.duration, None, None
    options = order.options
    if order.song is not None or "score" in given.made:
        options = msgspec.structs.replace(options, music="")
    return estimate_job(
        drawn,
        options,
        figures,
        characters=spoken,
        score_s=order.duration,
        size=size,
        stills=stills,
    )


def cap_of(order: NewJob, usual: Micros | None) -> Micros | None:
    """What the job may cost: as the order says, or else as usual; None: there is no cap."""
    own = order.options.budget_cap_usd
    return usual if own is None else micros_of(own)


def refuse_too_dear(order: NewJob, figures: Figures, usual: Micros | None) -> None:
    """Raises BudgetExceeded for an order that will cost more than it may, as far as can be told now."""
    found = Quote(estimate=quote(order, figures), cap=cap_of(order, usual))
    if found.cap is not None and not found.fits:
        cost, cap = text_of(found.estimate.total.cost), text_of(found.cap)
        raise BudgetExceeded(f"It is estimated to cost {cost} and may cost {cap}.")


def refuse_fetched(brief: Brief, figures: Figures, usual: Micros | None) -> None:
    """As `refuse_too_dear`, once the song is fetched and its length known; of a script it was known before."""
    if brief.given.script is None:
        order = NewJob(
            owner=brief.owner,
            kind=brief.kind,
            options=brief.options,
            given=brief.given,
            song=brief.song,
            song_name="",
            duration=brief.duration,
        )
        refuse_too_dear(order, figures, usual)


def _missing(given: Given, board: StoryboardPlanned) -> list[Shot]:
    """The shots that servers would make."""
    usual = {f"animate.{shot.scene.id}": shot for shot in board.shots}
    wanted = {key: take.shot for key, take in given.takes.items()}
    if any(key not in usual for key in wanted):
        usual = {}  # takes that were asked for by themselves
    own = {key for key, take in given.takes.items() if take.clip is not None}
    found = {**usual, **wanted}
    return [shot for key, shot in found.items() if key not in given.made and key not in own]


def _seconds(shot: Shot, board: StoryboardPlanned) -> Fraction:
    return (shot.scene.end_frame - shot.scene.start_frame) / parse_fps(board.fps)
