"""The environment of the six services in one process: what the stack decides, over what the user set. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from libs.contracts.clips import begins_with_picture, clip_seconds
from services.ingest.money.figures import CLIP_GPU_S

ACK_WAIT_S = 5.0
"""Shorter than between machines: what died in here has died with all the rest, and nobody waits for it."""

STILLS = 4
"""Reference stills that a song may have when GPU servers make its clips, and begin them with a picture."""

WITHOUT_SERVERS = {"BEATLOOM_PLANNER_STILLS": "0", "BEATLOOM_PLANNER_CLIP_S": "0"}
"""What the planner is told, whatever the user says, where all is drawn on this machine."""

SERVICES = ("ingest", "analyzer", "planner", "generator", "composer", "notifier")


def environment(
    user: Mapping[str, str],
    *,
    nats_url: str,
    nats_token: str,
    ledger: Path,
    artifacts: Path,
    scratch: Path,
    webhook_secret: str,
    secret_key: str,
    public_url: str,
    host: str,
) -> dict[str, str]:
    """Variables for `libs.runtime.settings.load` of each service.

    Where parts are is the stack's to say; the webhook secret, the key that secrets are sealed with, the public
    address, the patience with a silent worker, and what planner and ingest are told of GPU servers are the user's,
    when set. `host`, where the API listens, decides with the user's BEATLOOM_INGEST_LOGIN whether users log in.
    What the notifier would not call is refused with the order.
    """
    servers = bool(user.get("BEATLOOM_GENERATOR_COMFYUI_URLS"))
    return {
        "BEATLOOM_INGEST_CALLBACK_ALLOW": user.get("BEATLOOM_NOTIFIER_ALLOW_HOSTS", ""),
        "BEATLOOM_NOTIFIER_SECRET": webhook_secret,
        "BEATLOOM_INGEST_PUBLIC_URL": public_url,
        "BEATLOOM_NOTIFIER_PUBLIC_URL": public_url,
        "BEATLOOM_SECRET_KEY": secret_key,
        "BEATLOOM_ACK_WAIT_S": str(ACK_WAIT_S),
        **(_for_servers(user) if servers else {}),
        **{name: value for name, value in user.items() if name.startswith("BEATLOOM_")},
        **({} if servers else WITHOUT_SERVERS),
        "BEATLOOM_NATS_URL": nats_url,
        "BEATLOOM_NATS_TOKEN": nats_token,
        "BEATLOOM_ARTIFACTS_URL": artifacts.as_uri(),
        "BEATLOOM_SCRATCH_DIR": str(scratch),
        "BEATLOOM_INGEST_DATABASE_URL": f"sqlite+aiosqlite:///{ledger}",
        "BEATLOOM_INGEST_HOST": host,
    }


def _for_servers(user: Mapping[str, str]) -> dict[str, str]:
    """What the planner, and estimates, have to know where GPU servers make the clips."""
    chain = user.get("BEATLOOM_GENERATOR_ANIMATE", "")
    return {
        "BEATLOOM_PLANNER_STILLS": str(STILLS if begins_with_picture(chain) else 0),
        "BEATLOOM_PLANNER_CLIP_S": str(clip_seconds(chain)),
        "BEATLOOM_INGEST_CLIP_GPU_S": str(CLIP_GPU_S),
    }
