"""Ingest's settings: `BEATLOOM_INGEST_*`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from libs.runtime.settings import Port, Settings, Shared, secret

Rate = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,6}/([1-9][0-9]{0,3} ?)?(second|minute|hour|day)s?)$")]
"""How often, as in `5/hour` or `20/10 minutes`; 0: no limit."""

Days = Annotated[int, Meta(ge=0, le=36_500)]


class IngestSettings(Settings, frozen=True, kw_only=True):
    """How the front door and the ledger run."""

    shared: Shared = Shared()
    host: Annotated[str, Meta(description="Address of the API, health and metrics.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="Port of the API, health and metrics.")] = 8080
    login: Annotated[
        Literal["auto", "required"],
        Meta(
            description="`auto`: users log in unless the address is this machine's own (127.0.0.1) and no proxy is"
            " named in BEATLOOM_INGEST_TRUSTED_PROXIES. `required`: they do in any case."
        ),
    ] = "auto"
    operator_email: Annotated[
        str, Meta(description="Who becomes the first operator, at a start with logins when there is none.")
    ] = ""
    operator_password: Annotated[str, secret("The first operator's password; read only then.")] = ""
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
    jwt_s: Annotated[
        int, Meta(ge=60, le=604_800, description="Seconds that an access token is good; 24 hours.")
    ] = 86_400
    login_s: Annotated[
        int,
        Meta(
            ge=3600, le=31_536_000, description="Seconds after which a login ends that is not refreshed; 30 days."
        ),
    ] = 2_592_000
    jwt_issuer: Annotated[
        str, Meta(min_length=1, description="Who issues the tokens, as they say it; another for each installation.")
    ] = "beatloom"
    jwt_key: Annotated[
        str,
        Meta(
            description="File of an RSA private key in PEM: tokens are then signed with RS256. Empty: HS256, with a"
            " key made from BEATLOOM_SECRET_KEY."
        ),
    ] = ""
    jwt_old_keys: Annotated[
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
    mail_from: Annotated[
        str,
        Meta(
            pattern=r"^[^\x00-\x1f\x7f]*@[^\x00-\x1f\x7f@]+$",
            description="Sender of mails, as in `Beatloom <beatloom@example.com>`.",
        ),
    ] = "beatloom@localhost"
    reset_page: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s?#]+)?$",
            description="Web page where a new password is set: mails lead to it, with `#token=...` at the end."
            " Empty: the mail says how it goes with curl.",
        ),
    ] = ""
    clip_gpu_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="GPU seconds that a second of clip is taken to need before any was made here. 0: 12 where"
            " GPUs have a price, else none.",
        ),
    ] = 0.0
    job_cap: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(
            description="What a job may cost that doesn't say so itself, in BEATLOOM_CURRENCY. 0: no cap."
            " Empty: 20 where there is a login, else no cap.",
        ),
    ] = None
    month_cap: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(
            description="What a user may spend in a month, by UTC. 0: no cap. Empty: 50 where there is a login,"
            " else no cap.",
        ),
    ] = None
    approval: Annotated[
        Literal["user", "operator"],
        Meta(description="Who may approve more than a month's cap: `user`: each for themselves; `operator`."),
    ] = "user"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks of the proxies before the API, as in `10.0.0.0/8`: what they say in"
            " `X-Forwarded-For` is the address that limits count by. Empty: nobody is believed."
        ),
    ] = ()
    sweep_every_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds between two looks for lost tasks and old artifacts.")
    ] = 60.0
    keep_uploads_days: Annotated[
        Days | None,
        Meta(
            description="Days that files which were sent, and reference stills, are kept after the last use of"
            " their project. 0: as long as that. Empty: 14 where there is a login, else as long as the project.",
        ),
    ] = None
    keep_outputs_days: Annotated[
        Days | None,
        Meta(
            description="Days that finished videos are kept; their owner is told two days before. 0: as long as the"
            " project. Empty: 14 where there is a login, else as long as the project.",
        ),
    ] = None
    keep_clips_days: Annotated[
        int, Meta(ge=1, le=36_500, description="Days that clips are kept which no project refers to.")
    ] = 7
    quota_gb: Annotated[
        Annotated[float, Meta(ge=0, le=1_000_000)] | None,
        Meta(
            description="Gigabytes that one user's files may take. 0: as much as there is. Empty: 10 where there is"
            " a login, else as much as there is.",
        ),
    ] = None
    bucket_rules: Annotated[
        bool,
        Meta(
            description="Where artifacts are in a bucket without rules of its own: let its server remove what was"
            " announced and never completed, too."
        ),
    ] = True
    limit_orders: Annotated[
        Rate,
        Meta(
            description="Whole videos that a user may order, as in `5/hour` or `20/10 minutes`; 0: as many as they"
            " like. This and the other limits hold where there is a login; see docs/limits.md.",
        ),
    ] = "5/hour"
    limit_renders: Annotated[
        Rate, Meta(description="Takes, storyboards and exports that a user may order; 0: no limit.")
    ] = "60/hour"
    limit_reads: Annotated[Rate, Meta(description="Requests of a user that only look; 0: no limit.")] = (
        "1200/minute"
    )
    limit_writes: Annotated[
        Rate, Meta(description="Requests of a user that order or change something; 0: no limit.")
    ] = "240/minute"
    limit_uploads: Annotated[Rate, Meta(description="Files that a user may send by themselves; 0: no limit.")] = (
        "120/hour"
    )
    limit_login: Annotated[Rate, Meta(description="Requests from one address about logging in; 0: no limit.")] = (
        "30/minute"
    )
    jobs_at_once: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None,
        Meta(
            description="Jobs of one user that run at once; the others wait for their turn. 0: as many as there"
            " are. Empty: 3 where there is a login, else as many as there are.",
        ),
    ] = None
    jobs_in_all: Annotated[
        int,
        Meta(ge=0, le=100_000, description="Jobs of all users together that run at once; 0: as many as there are."),
    ] = 0
    clips_at_once: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Stills and clips of one user that workers may have before them, where there is a login, so"
            " that those of others come in between. Best twice the number of GPU servers. 0: all.",
        ),
    ] = 32
