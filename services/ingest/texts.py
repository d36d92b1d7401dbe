"""Texts that users send: what may stand in them."""

from __future__ import annotations

import re

from libs.contracts.errors import Permanent

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def check_text(name: str, text: str) -> None:
    """Raises Permanent("bad_options") for control characters; `name` says where they stand."""
    if _CONTROLS.search(text):
        raise Permanent("bad_options", f"`{name}` holds control characters.")
