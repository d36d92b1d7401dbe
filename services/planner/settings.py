"""The planner's settings: `BEATLOOM_PLANNER_*`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared


class PlannerSettings(Settings, frozen=True, kw_only=True):
    """How the planner runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of health and metrics.")] = 8082
    concurrency: Annotated[int, Meta(ge=1, le=64, description="Songs in work at once.")] = 4
    stills: Annotated[
        int,
        Meta(
            ge=0,
            le=4,
            description="Reference stills that a song may have, when GPU servers make its clips; `beatloom up` and "
            "`render` set it to 4 where servers are named and a workflow of the chain takes a picture. 0: none.",
        ),
    ] = 0
    clip_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Seconds of a clip that GPU servers make at once, which scenes then rather keep to; "
            "`beatloom up` and `render` set it by their first workflow. 0: of any length.",
        ),
    ] = 0.0
    plan_timeout_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds that one plan may take.")] = 60.0
