"""Ingest's settings: `BEATLOOM_INGEST_*`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared, secret


class IngestSettings(Settings, frozen=True, kw_only=True):
    """How the front door and the ledger run."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of the API, health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of the API, health and metrics.")] = 8080
    database_url: Annotated[
        str,
        secret(
            "The ledger: `sqlite+aiosqlite:///path` for one process, or `postgresql+asyncpg://user:password@host/name`."
        ),
    ] = "sqlite+aiosqlite:///.beatloom/ledger.db"
    callback_allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts and addresses that a callback URL may name although they are private; `*` allows"
            " all, since the notifier checks again."
        ),
    ] = ("*",)
    sweep_every_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds between two looks for lost tasks and old artifacts.")
    ] = 60.0
