"""Ingest's settings: `BEATLOOM_INGEST_*`."""

from __future__ import annotations

from typing import Annotated, Literal

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
    webhook_url: Annotated[
        str,
        secret(
            "Webhook endpoint that is told of the end of every job, besides those that users register; signed with"
            " BEATLOOM_NOTIFIER_SECRET. Empty: none."
        ),
    ] = ""
    webhook_strict: Annotated[
        bool, Meta(description='Of that endpoint only the answer `{"received": true}` counts as taken.')
    ] = False
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^\s?#]+$",
            description="Address of the API as clients reach it: signed addresses begin with it.",
        ),
    ] = "http://127.0.0.1:8080"
    s3_public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s/?#]+/?)?$",
            description="Address of the S3 server as clients reach it, as in `https://s3.example.com`: signed"
            " addresses then lead there. Empty: files go through the API.",
        ),
    ] = ""
    download_s: Annotated[
        int, Meta(ge=60, le=604_800, description="Seconds that a signed address of a job's files is good.")
    ] = 3600
    upload_kept_s: Annotated[
        int,
        Meta(
            ge=3600,
            le=604_800,
            description="Seconds that an upload waits for its job or project, and that its signed address is good.",
        ),
    ] = 86_400
    fetch_allow: Annotated[
        tuple[str, ...],
        Meta(description="Hosts and addresses that files may be fetched from although they are private."),
    ] = ()
    fetch_s: Annotated[
        float, Meta(gt=0, le=600, description="Seconds that fetching one file of an order may take.")
    ] = 30.0
    scanner: Annotated[
        str,
        Meta(
            description="A clamd that looks at every file first: `tcp://host:port` or `unix:///path`; while it does"
            " not answer, no file is taken. Empty: none."
        ),
    ] = ""
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Origins whose web pages may call the API, as in `https://app.example.com`; `*` means every"
            " page. Empty: none."
        ),
    ] = ()
    registration: Annotated[
        Literal["open", "closed"],
        Meta(description="`open`: whoever reaches the API may register. `closed`: operators make users."),
    ] = "closed"
    token_s: Annotated[
        int, Meta(ge=60, le=604_800, description="Seconds that an access token is good; 24 hours.")
    ] = 86_400
    login_s: Annotated[
        int,
        Meta(
            ge=3600, le=31_536_000, description="Seconds after which a login ends that is not refreshed; 30 days."
        ),
    ] = 2_592_000
    token_issuer: Annotated[
        str, Meta(min_length=1, description="Who issues the tokens, as they say it; another for each installation.")
    ] = "beatloom"
    token_key: Annotated[
        str,
        Meta(
            description="File of an RSA private key in PEM: tokens are then signed with RS256. Empty: HS256, with a key"
            " made from BEATLOOM_SECRET_KEY."
        ),
    ] = ""
    token_old_keys: Annotated[
        tuple[str, ...],
        Meta(
            description="Files of RSA public keys in PEM whose tokens are still understood, after a change of key."
        ),
    ] = ()
    smtp_url: Annotated[
        str,
        secret(
            "Mail server for password resets: `smtp://user:password@host:587` (STARTTLS; `?tls=0` without), or"
            " `smtps://host:465`. Empty: no mail."
        ),
    ] = ""
    mail_from: Annotated[str, Meta(description="Sender of mails.")] = "beatloom@localhost"
    reset_page: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s?#]+)?$",
            description="Web page where a new password is set: mails lead to it, with `#token=...` at the end. Empty:"
            " the mail says how it goes with curl.",
        ),
    ] = ""
    sweep_every_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds between two looks for lost tasks and old artifacts.")
    ] = 60.0
