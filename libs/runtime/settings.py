"""Settings: the environment into one frozen struct a service, loaded in `__main__` and nowhere else.

Shared names (`BEATLOOM_NATS_URL`) are one table, `Shared`. `BEATLOOM_<SERVICE>_*` belongs to that service,
which refuses unknown ones by name and ignores those of others.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from libs.contracts.errors import Permanent
from libs.money.prices import Prices, prices_of

PREFIX = "BEATLOOM_"
SHARED_FIELD = "shared"

LogLevel = Literal["debug", "info", "warning", "error"]
Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower"]

Port = Annotated[int, Meta(ge=0, le=65535)]
"""A TCP port; 0 lets the system choose."""


def secret(description: str) -> Meta:
    """The annotation of a field whose value is never shown: not in a repr, not in a log."""
    return Meta(description=description, extra={"secret": True})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of settings structs whose `repr` hides the fields annotated with `secret`."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in public_values(self).items())
        return f"{type(self).__name__}({shown})"


class Shared(Settings, frozen=True, kw_only=True):
    """What every service reads."""

    nats_url: Annotated[
        str,
        Meta(description="Where nats-server listens. Its `max_payload` must be 8 MB: a plan is one message."),
    ] = "nats://127.0.0.1:4222"
    nats_token: Annotated[str, secret("Token for nats-server; empty: none.")] = ""
    artifacts_url: Annotated[
        str,
        secret(
            "Artifact store: `file:///folder`, or `s3://KEY:SECRET@host:port/bucket?secure=0` for any S3 server."
        ),
    ] = "file:.beatloom/artifacts"
    redis_url: Annotated[
        str,
        secret(
            "Redis for what may be lost, shared by all replicas: `redis://[:PASSWORD@]host:port/0`; "
            "empty: each process keeps its own."
        ),
    ] = ""
    secret_key: Annotated[
        tuple[str, ...],
        secret(
            "Keys that secrets are sealed with and addresses are signed with: each 32 random bytes in base64 "
            "(`openssl rand -base64 32`), the same for every service. The first one is used, the others are still "
            "understood. Empty: no webhook endpoints, no signed addresses."
        ),
    ] = ()
    scratch_dir: Annotated[
        str, Meta(description="Folder for files in work; best on a local disk. Made when it is missing.")
    ] = ".beatloom/scratch"
    ffmpeg: Annotated[
        str, Meta(description="Path of an ffmpeg to use; empty: the one that was installed along.")
    ] = ""
    workers: Annotated[
        int, Meta(ge=0, le=256, description="Child processes for CPU work; 0: as many as there are cores.")
    ] = 0
    preset: Annotated[
        Preset,
        Meta(description="Preset of x264: slower gives smaller files. The same in generator and composer."),
    ] = "veryfast"
    crf: Annotated[
        int,
        Meta(
            ge=0,
            le=40,
            description="Quality of x264: lower is better and larger. The same in generator and composer.",
        ),
    ] = 18
    currency: Annotated[
        str,
        Meta(pattern=r"^[A-Z]{3}$", description="What prices, costs and caps are in; only told, never converted."),
    ] = "USD"
    gpu_prices: Annotated[
        str,
        Meta(
            description="Price of a GPU hour by the name of the device, as in `NVIDIA L40S=1.20,*=0.80@22-6:0.40`; "
            "* stands for all others, which cost nothing without it, and @22-6 for hours of the day with another "
            "price."
        ),
    ] = ""
    speech_price: Annotated[
        float, Meta(ge=0, le=1_000_000, description="Price of a million characters that a speech server speaks.")
    ] = 0.0
    token_price: Annotated[
        float,
        Meta(ge=0, le=1_000_000, description="Price of a million tokens of a language model, where one is asked."),
    ] = 0.0
    price_zone: Annotated[
        str, Meta(description="The clock that hours of prices are told by, as in `Europe/Berlin`.")
    ] = "UTC"
    log_level: Annotated[LogLevel, Meta(description="The least level that is logged.")] = "info"
    ack_wait_s: Annotated[
        float,
        Meta(
            ge=1, le=3600, description="Seconds without a heartbeat after which a task is given to another worker."
        ),
    ] = 15.0
    shutdown_grace_s: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that work in flight gets to finish at a stop.")
    ] = 20.0

    def prices(self) -> Prices:
        """What work costs. Raises Permanent("bad_setting")."""
        return prices_of(
            self.gpu_prices, characters=self.speech_price, tokens=self.token_price, zone=self.price_zone
        )


T = TypeVar("T", bound=msgspec.Struct)


def load(kind: type[T], service: str, environ: Mapping[str, str]) -> T:
    """The settings of `service` from `environ`.

    kind: a frozen struct with a field `shared: Shared` and fields of its own, each with a default or required.
    Raises one `Permanent` that names everything that is wrong: `unknown_setting` when a name of this service is
    not known, `bad_setting` when only values are wrong. Values are not repeated in it, since they may be secret.
    """
    problems: list[str] = []
    shared = _read(Shared, PREFIX, environ, problems)
    prefix = f"{PREFIX}{service.upper()}_"
    own = _read(kind, prefix, environ, problems)
    known = {variable_of(prefix, field.name) for field in _fields(kind)}
    unknown = sorted(name for name in environ if name.startswith(prefix) and name not in known)
    for name in unknown:
        near = difflib.get_close_matches(
            name.removeprefix(prefix), [other.removeprefix(prefix) for other in known], 1
        )
        problems.append(f"{name} is not a setting" + (f"; did you mean {prefix}{near[0]}?" if near else "."))
    if problems:
        raise Permanent("unknown_setting" if unknown else "bad_setting", " ".join(problems))
    if any(field.name == SHARED_FIELD for field in msgspec.structs.fields(kind)):
        own[SHARED_FIELD] = Shared(**shared)
    return kind(**own)


def variable_of(prefix: str, field: str) -> str:
    """The environment variable of a field."""
    return prefix + field.upper()


def public_values(settings: msgspec.Struct) -> dict[str, Any]:
    """Field by field, with secrets replaced by `***` (or left empty, when they are)."""
    hidden = secret_fields(type(settings))
    values = {}
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        values[field.name] = "***" if field.name in hidden and value else value
    return values


def secret_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """Names of the fields that are annotated with `secret`."""
    return frozenset(
        field.name for field in msgspec.structs.fields(kind) if (meta_of(field).extra or {}).get("secret")
    )


def meta_of(field: msgspec.structs.FieldInfo) -> Meta:
    """All of a field's annotations as one: description, extra; empty when it has none."""
    description, extra = None, None
    for meta in _metas(field.type):
        description = meta.description or description
        extra = meta.extra or extra
    return Meta(description=description, extra=extra)


def _metas(kind: Any) -> list[Meta]:
    """The annotations of a type, the outermost last (an alias may bring its own)."""
    if get_origin(kind) is not Annotated:
        return []
    inner, *rest = get_args(kind)
    return [*_metas(inner), *(meta for meta in rest if isinstance(meta, Meta))]


def _fields(kind: type[msgspec.Struct]) -> list[msgspec.structs.FieldInfo]:
    return [field for field in msgspec.structs.fields(kind) if field.name != SHARED_FIELD]


def _read(
    kind: type[msgspec.Struct], prefix: str, environ: Mapping[str, str], problems: list[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    hints = get_type_hints(kind, include_extras=True)
    hidden = secret_fields(kind)
    for field in _fields(kind):
        name = variable_of(prefix, field.name)
        if name not in environ:
            if field.required:
                problems.append(f"{name} is not set.")
            continue
        try:
            values[field.name] = _convert(environ[name].strip(), hints[field.name])
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {'not valid' if field.name in hidden else error}.")
    return values


def _convert(text: str, kind: Any) -> Any:
    """A variable's text as a field's type. Lists are written with commas; an empty text is an empty list."""
    bare = kind
    while get_origin(bare) is Annotated:
        bare = get_args(bare)[0]
    if get_origin(bare) in (tuple, list, frozenset):
        return msgspec.convert([part.strip() for part in text.split(",") if part.strip()], kind, strict=False)
    return msgspec.convert(text, kind, strict=False)
