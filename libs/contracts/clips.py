"""How long a clip a GPU server makes at once: what the planner has to know of the generator's workflows."""

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


def clip_seconds(chain: str) -> float:
    """That of the workflow that a chain begins with: names as in a setting, separated by commas, "" for the usual.

    0 for a graph of the user's own, and for the builtin renderer: of any length.
    """
    first = chain.partition(",")[0].strip() or next(iter(CLIP_SECONDS))
    return CLIP_SECONDS.get(first, 0.0)
