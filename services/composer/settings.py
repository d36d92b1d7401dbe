"""The composer's settings: `BEATLOOM_COMPOSER_*`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared


class ComposerSettings(Settings, frozen=True, kw_only=True):
    """How the composer runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of health and metrics.")] = 8084
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Videos in work at once.")] = 1
    encoders: Annotated[
        int, Meta(ge=0, le=256, description="Segments that are encoded at once, over all videos; 0: one a core.")
    ] = 0
    segment_timeout_s: Annotated[
        float, Meta(gt=0, le=86400, description="Seconds that the encoding of one segment may take.")
    ] = 600.0
    measure_timeout_s: Annotated[
        float, Meta(gt=0, le=86400, description="Seconds that joining or measuring one video may take.")
    ] = 1800.0
