"""Why a project refers to a blob, which says how long it is kept. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

import msgspec

from libs.contracts.artifacts import Blob
from libs.contracts.characters import Character
from libs.contracts.facts import SourceFetched, StillRendered, TakeRendered, VideoComposed
from services.ingest.brief import Basis, Brief, Wanted

Reason = Literal["take", "work", "source", "still", "output"]
"""A take's clip; a document or sound that the project is made of, a script among them; what a person sent; a
reference still; a finished file. The one that keeps longest first: it counts for a blob that has several."""

REASONS: tuple[Reason, ...] = get_args(Reason)

_REASONS: MappingProxyType[type, Reason] = MappingProxyType(
    {
        SourceFetched: "source",
        StillRendered: "still",
        TakeRendered: "take",
        VideoComposed: "output",
        Wanted: "source",
        Character: "source",
    }
)
"""Of all blobs within such a struct."""
_OF_FIELDS: MappingProxyType[tuple[type, str], Reason] = MappingProxyType(
    {
        (Brief, "song"): "source",
        (Brief, "lyrics"): "source",
        (Brief, "image"): "source",
        (Basis, "song"): "source",
    }
)


class Noted(NamedTuple):
    """A blob that is referred to."""

    sha256: str
    size: int
    reason: Reason


def noted_in(value: object, reason: Reason = "work") -> list[Noted]:
    """Every blob that a value refers to, at any depth, once, by digest. reason: where nothing else is known."""
    found: dict[str, Noted] = {}
    for blob, why in _walk(value, reason):
        new = Noted(blob.sha256, blob.size, why)
        found[blob.sha256] = min(found.get(blob.sha256, new), new, key=lambda one: REASONS.index(one.reason))
    return [found[digest] for digest in sorted(found)]


def _walk(value: object, reason: Reason) -> Iterator[tuple[Blob, Reason]]:
    if isinstance(value, Blob):
        yield value, reason
    elif isinstance(value, msgspec.Struct):
        kind = type(value)
        reason = _REASONS.get(kind, reason)
        for name in value.__struct_fields__:
            yield from _walk(getattr(value, name), _OF_FIELDS.get((kind, name), reason))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _walk(item, reason)
    elif isinstance(value, dict):
        yield from _walk(tuple(value.values()), reason)
