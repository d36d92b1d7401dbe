"""What the planner has to know of the generator's workflows: how long their clips are, and with what they begin."""

from __future__ import annotations

from collections.abc import Mapping

CLIP_SECONDS: Mapping[str, float] = {
    "wan22-5b": 5.0,
    "wan22-i2v": 5.0,
    "wan22-t2v": 5.0,
    "ltx23-i2v": 10.0,
    "wan22-s2v": 4.75,
    "ltx23-ia2v": 10.0,
}
"""From the first frame of the longest clip to its last, by workflow. First those that are tried when the settings
name none, in that order."""

WITHOUT_PICTURE = frozenset({"builtin", "wan22-t2v"})
"""What makes clips, and has no use for a reference still."""


def begins_with_picture(chain: str) -> bool:
    """Whether anything in a chain could begin with a reference still: names as in a setting, "" for the usual ones.

    True where there is a graph of the user's own, which only the generator can read.
    """
    names = [name.strip() for name in chain.split(",") if name.strip()]
    return not names or not WITHOUT_PICTURE.issuperset(names)


def clip_seconds(chain: str) -> float:
    """That of the workflow that a chain begins with: names as in a setting, separated by commas, "" for the usual.

    0 for a graph of the user's own, and for the builtin renderer: of any length.
    """
    first = chain.partition(",")[0].strip() or next(iter(CLIP_SECONDS))
    return CLIP_SECONDS.get(first, 0.0)
