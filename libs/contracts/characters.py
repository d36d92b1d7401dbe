"""The people of a video: who they are, and what must stay the same of them."""

from __future__ import annotations

from typing import Annotated

import msgspec

from libs.contracts.artifacts import Blob

Text = Annotated[str, msgspec.Meta(max_length=500)]


class Bible(msgspec.Struct, frozen=True, kw_only=True):
    """What a character always looks like. It goes into the prompts."""

    face: Text = ""
    signature: Text = ""
    """What people know the character by."""
    wardrobe_lock: Text = ""
    """What the character always wears."""
    dos: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()
    donts: Annotated[tuple[Text, ...], msgspec.Meta(max_length=20)] = ()


class Character(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is seen in the video."""

    id: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    description: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    bible: Bible = Bible()
    picture: Blob | None = None
    """What the character looks like: goes to workflows that take references."""
    primary: bool = False
    """Who is meant where nobody is named. At most one of a project."""
