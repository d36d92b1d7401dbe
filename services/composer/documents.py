"""The documents that a video is put together by."""

from __future__ import annotations

import msgspec

from libs.contracts.analysis import Analysis
from libs.contracts.scripts import Narration
from libs.contracts.storyboard import Storyboard
from libs.contracts.tasks import Compose, Conform
from libs.media.encoding import CAPTIONED, USUAL, Encoding
from services.composer.suite import Suite


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """Of one video."""

    board: Storyboard
    """As it is encoded: a preview is smaller than planned."""
    encoding: Encoding
    analysis: Analysis
    """Of the song, or of the voice."""
    narration: Narration | None
    """None: nothing is narrated."""


async def read_documents(suite: Suite, order: Compose | Conform) -> Documents:
    """What the order names. Raises InputMissing."""
    planned = await suite.document(order.storyboard, Storyboard)
    encoding = suite.encoding(planned, preview=order.options.preview)
    narrated = order.narrated
    if narrated is not None and order.options.captions and encoding.quality == USUAL:
        encoding = encoding._replace(quality=CAPTIONED)
    return Documents(
        board=msgspec.structs.replace(planned, width=encoding.width, height=encoding.height),
        encoding=encoding,
        analysis=await suite.document(order.analysis, Analysis),
        narration=None if narrated is None else await suite.document(narrated.narration, Narration),
    )
