"""What is true of a prompt, from what its server says of it. Pure.

A server says little: its history holds a prompt only after the end, its queue only before, and between the two,
for a moment, neither may. A prompt that is nowhere may be about to appear in the history, may never have arrived,
may have been deleted by a person, or the server was started anew and has lost everything. Events of the websocket
are no evidence: they come early, late, twice or never.

Ask for the queue first and for the history after it: then a prompt that ends between the two is seen.
"""

from __future__ import annotations

from msgspec import Struct

from services.generator.comfyui.answers import HistoryEntry, Job, Queue
from services.generator.comfyui.errors import ComfyError, Interrupted, PromptLost, failure

GRACE_S = 10.0
"""Seconds for which a prompt may be nowhere before it counts as lost."""


class Queued(Struct, frozen=True):
    """It waits; `ahead` others have their turn before it."""

    ahead: int


class Running(Struct, frozen=True):
    """It runs."""


class Done(Struct, frozen=True):
    """It has ended well."""

    entry: HistoryEntry


class Failed(Struct, frozen=True):
    """It has ended with an error, or was stopped."""

    error: ComfyError
    entry: HistoryEntry | None = None


class Unknown(Struct, frozen=True):
    """It is nowhere, yet."""


class Lost(Struct, frozen=True):
    """It is nowhere, and won't come any more."""

    error: PromptLost


Standing = Queued | Running | Done | Failed | Unknown | Lost


class Sighting(Struct, frozen=True, kw_only=True):
    """What a server said of one prompt at one time. `job` is for newer servers; None: not asked, or not known."""

    queue: Queue
    history: HistoryEntry | None
    job: Job | None = None


def standing(
    prompt_id: str,
    sighting: Sighting,
    *,
    same_epoch: bool,
    seen_before: bool,
    absent_s: float,
    grace_s: float = GRACE_S,
) -> Standing:
    """What is true of the prompt.

    same_epoch: the server is the one that the prompt was given to, not started anew since. seen_before: it was seen
    in the queue, or the server said that it took it. absent_s: for how many seconds it has been nowhere; 0 the
    first time.
    """
    job = sighting.job
    entry = sighting.history or (job.entry if job is not None else None)
    if entry is not None:
        return ended(entry)
    return _waiting(prompt_id, sighting.queue, job) or _nowhere(
        same_epoch=same_epoch, seen_before=seen_before, over=absent_s >= grace_s
    )


def _waiting(prompt_id: str, queue: Queue, job: Job | None) -> Running | Queued | None:
    if prompt_id in queue.running or (job is not None and job.status == "in_progress"):
        return Running()
    if prompt_id in queue.pending:
        return Queued(ahead=len(queue.running) + queue.pending.index(prompt_id))
    if job is not None and job.status == "pending":
        return Queued(ahead=len(queue.running) + len(queue.pending))
    return None


def _nowhere(*, same_epoch: bool, seen_before: bool, over: bool) -> Unknown | Lost:
    if not same_epoch:
        return Lost(PromptLost("restarted"))
    if not over:
        return Unknown()
    return Lost(PromptLost("vanished" if seen_before else "never_arrived"))


def entry_of(standing: Standing) -> HistoryEntry | None:
    """What the history says of a prompt that has ended."""
    return standing.entry if isinstance(standing, Done | Failed) else None


def ended(entry: HistoryEntry) -> Done | Failed:
    """What an entry of the history means."""
    if entry.status == "success":
        return Done(entry)
    if entry.status == "interrupted":
        return Failed(Interrupted(entry.stopped_at), entry)
    error = entry.error
    if error is None:
        return Failed(failure(node_id="", class_type="", kind="unknown", message="no reason was given"), entry)
    return Failed(
        failure(node_id=error.node_id, class_type=error.class_type, kind=error.kind, message=error.message), entry
    )
