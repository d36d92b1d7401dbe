"""The notifier's settings: `BEATLOOM_NOTIFIER_*`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared, secret


class NotifierSettings(Settings, frozen=True, kw_only=True):
    """How the notifier runs."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of health and metrics.")] = 8085
    concurrency: Annotated[int, Meta(ge=1, le=512, description="Webhooks under way or in line at once.")] = 64
    per_host: Annotated[
        int,
        Meta(ge=1, le=512, description="Webhooks that one host gets at once; an eighth of all may wait for it."),
    ] = 4
    secret: Annotated[
        str,
        secret(
            "Key that webhooks are signed with, as `whsec_` and base64 (Standard Webhooks). Empty: they are sent"
            " without a signature."
        ),
    ] = ""
    public_url: Annotated[
        str, Meta(description="Address of the API as receivers reach it, for the video's link.")
    ] = "http://127.0.0.1:8080"
    download_s: Annotated[
        float,
        Meta(gt=0, le=604_800, description="Seconds for which the addresses of files in a webhook are good."),
    ] = 3600.0
    allow_hosts: Annotated[
        tuple[str, ...],
        Meta(description="Hosts and addresses that may be called although they are private; `*` allows all."),
    ] = ()
    timeout_s: Annotated[float, Meta(gt=0, le=300, description="Seconds that one webhook may take in all.")] = 10.0
