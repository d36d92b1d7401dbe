"""The analyzer's settings: `BEATLOOM_ANALYZER_*`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared


class AnalyzerSettings(Settings, frozen=True, kw_only=True):
    """How the analyzer runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of health and metrics.")] = 8081
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Songs in work at once.")] = 2
    song_timeout_s: Annotated[
        float, Meta(gt=0, le=86400, description="Seconds that the analysis of one song may take.")
    ] = 300.0
