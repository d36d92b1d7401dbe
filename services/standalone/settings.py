"""The stack's own settings: `BEATLOOM_STANDALONE_*`. What the services read is set by the stack where it must be,
and taken from the environment otherwise."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared


class StandaloneSettings(Settings, frozen=True, kw_only=True):
    """How the one-machine stack runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Where the API listens.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of the API; 0: a free one.")] = 8080
    data_dir: Annotated[
        str, Meta(description="Where everything is kept; empty: `beatloom` in the user's data folder.")
    ] = ""
    nats_server: Annotated[
        str, Meta(description="Path of a nats-server to use; empty: the one that was installed along.")
    ] = ""
    nats_store_mb: Annotated[
        int, Meta(ge=8, le=1_000_000, description="Megabytes that the bus may keep on disk.")
    ] = 2048
