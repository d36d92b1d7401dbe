"""Projects as clients and the ledger speak of them: what lasts beside the song."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from libs.contracts.artifacts import Blob
from libs.contracts.jobs import MAX_PROMPT_CHARS, Aspect, FrameRate, Height, LyricsStyle

Format = Literal["landscape", "portrait", "square"]

ASPECT_OF: dict[Format, Aspect] = {"landscape": "16:9", "portrait": "9:16", "square": "1:1"}

Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}$")]
Line = Annotated[str, msgspec.Meta(max_length=500)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]


class BrandKit(msgspec.Struct, frozen=True, kw_only=True):
    """How a brand wants to be seen. Kept for the director."""

    colours: Annotated[tuple[Colour, ...], msgspec.Meta(max_length=12)] = ()
    logo: Blob | None = None
    fonts: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=100)], ...], msgspec.Meta(max_length=6)] = ()
    dos: Annotated[tuple[Line, ...], msgspec.Meta(max_length=20)] = ()
    donts: Annotated[tuple[Line, ...], msgspec.Meta(max_length=20)] = ()


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a project's videos are to be like."""

    format: Format = "landscape"
    prompt: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARS)] = ""
    style: Annotated[str, msgspec.Meta(max_length=40)] = "auto"
    """One of `libs.contracts.jobs.STYLES`."""
    category: Annotated[str, msgspec.Meta(max_length=100)] = ""
    clip_seconds: Literal[4, 8, 12] | None = None
    """How long scenes should be; None: as the song asks."""
    performance_density: Fraction = 0.0
    """Share of the scenes in which somebody performs the song."""
    brand_kit: BrandKit = BrandKit()
    budget_cap_usd: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """None: the settings' own."""
    height: Height = 1080
    fps: FrameRate = "30"
    lyrics_style: LyricsStyle = "auto"
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    """None: chosen when the project is made."""
