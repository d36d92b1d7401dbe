"""The generator's settings: `BEATLOOM_GENERATOR_*`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared


class GeneratorSettings(Settings, frozen=True, kw_only=True):
    """How the generator runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of health and metrics.")] = 8083
    concurrency: Annotated[
        int, Meta(ge=0, le=64, description="Shots in work at once; 0: as many as there are worker processes.")
    ] = 0
    shot_timeout_s: Annotated[
        float, Meta(gt=0, le=86400, description="Seconds that the rendering of one shot may take.")
    ] = 900.0
