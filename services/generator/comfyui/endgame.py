"""The last clips: shared out as a whole, so that all servers are done at about the same time. Pure.

Each clip, the longest first, goes into the bag of the server that would then be done with its bag soonest, loading
counted once for each set of models in it. Age counts like length, so that a short clip doesn't wait for ever behind
long ones that keep coming. Only the first clip of an idle server is acted on; every event plans anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from services.generator.comfyui.fleet import Server
from services.generator.comfyui.waiting import ModelSet, Waiting

PAYS_AFTER = 8.0
"""A load pays for itself after so many times its seconds; so much older others have to be to push in."""

OTHERS_S = 60.0
"""What is left of a clip of another replica, for all we know."""


class _Bag(msgspec.Struct, eq=False):
    """What is planned for one server."""

    server: Server
    speed: float
    done: float
    clips: dict[ModelSet, list[Waiting]]


def share_out(
    clips: Iterable[Waiting],
    servers: Iterable[Server],
    now: float,
    *,
    speed: Callable[[str], float],
    switch: Callable[[ModelSet], float],
) -> dict[str, Waiting]:
    """The clip that each server should take next, by name of the server; it may still be busy, or get none."""
    bags = [
        _Bag(server, speed(server.kind.cls), _free(server, now), {server.models: []} if server.models else {})
        for server in servers
    ]
    for clip in sorted(clips, key=lambda each: each.since - each.seconds):
        load = switch(clip.models)
        chosen, done = None, 0.0
        for bag in bags:
            server = bag.server
            if not server.kind.can(clip.need) or server.name in clip.excluded:
                continue
            would = bag.done + clip.seconds / bag.speed + (0.0 if clip.models in bag.clips else load)
            if chosen is None or would < done:
                chosen, done = bag, would
        if chosen:
            chosen.done = done
            chosen.clips.setdefault(clip.models, []).append(clip)
    return {bag.server.name: first for bag in bags if (first := _first(bag, switch))}


def _free(server: Server, now: float) -> float:
    """When it is expected to be done with what it has. Who is late by so much will need as much again."""
    if not server.clips:
        return now + OTHERS_S * server.others
    return max(server.ends, 2 * now - server.ends) + OTHERS_S * server.others


def _first(bag: _Bag, switch: Callable[[ModelSet], float]) -> Waiting | None:
    """Its own models first, unless others wait for too long; then those with the most work. The longest of them."""
    own = bag.clips.get(bag.server.models) if bag.server.models is not None else None
    lines = [clips for clips in bag.clips.values() if clips and clips is not own]
    if own:
        since = _oldest(own)
        late = [clips for clips in lines if _oldest(clips) + PAYS_AFTER * switch(clips[0].models) < since]
        return min(late, key=_oldest)[0] if late else own[0]
    return max(lines, key=lambda clips: sum(clip.seconds for clip in clips))[0] if lines else None


def _oldest(clips: list[Waiting]) -> float:
    return min(clip.since for clip in clips)
