"""What a speech server's HTTP answers mean: which error each is, and what of it may be shown. Pure.

A server of the kind `POST /v1/audio/speech`, as OpenAI describes it and many free ones answer it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import msgspec

from libs.contracts.errors import BeatloomError, Permanent, Retryable

PATH = "/audio/speech"
SOUND = ("wav", "mp3", "flac", "opus", "aac")
"""What may be asked for; what comes is known by its bytes."""
LONGEST_ASKED_S = 3600.0
"""Seconds that a server may ask us to wait; more is taken as so much."""
_SAID = 160
"""Letters of a server's words that are shown."""
_ALIKE = 6
"""Letters in a row as in the key: words with them are not shown."""
_LOGIN = (401, 403, 407)
_LATER = (408, 409, 423, 425, 429)
_WHERE = "See BEATLOOM_GENERATOR_SPEECH_URL, _SPEECH_KEY and _SPEECH_MODEL."
_HOST = re.compile(r"[a-zA-Z0-9._-]{1,253}|\[[0-9a-fA-F:.]+\]")


class SpeechUrl(msgspec.Struct, frozen=True):
    """Where a speech server is: `speech` to ask for speech, `models` to see whether it answers."""

    base: str

    @property
    def speech(self) -> str:
        """Takes the sentence."""
        return self.base + PATH

    @property
    def models(self) -> str:
        """Lists what it has, if it knows that call."""
        return f"{self.base}/models"

    @property
    def host(self) -> str:
        """With its port, for people."""
        return urlsplit(self.base).netloc


def speech_url(text: str) -> SpeechUrl:
    """The address of a setting, as `http://host:8880/v1`. Raises Permanent("bad_setting"), without repeating it."""
    base = text.strip().rstrip("/").removesuffix(PATH)
    try:
        parts = urlsplit(base)
        good = parts.scheme in ("http", "https") and parts.port != 0 and base.isascii() and base.isprintable()
        host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    except ValueError:
        good, host = False, ""
    if not good or not _HOST.fullmatch(host) or "?" in base or "#" in base or " " in base:
        hint = "Write it as http://host:8880/v1, and what logs us in as BEATLOOM_GENERATOR_SPEECH_KEY."
        raise Permanent("bad_setting", "BEATLOOM_GENERATOR_SPEECH_URL is no address.", hint=hint)
    return SpeechUrl(base)


def problem(host: str, response: httpx.Response, body: bytes, key: str, now: datetime) -> BeatloomError:
    """The error for an answer that is no success. body: its beginning."""
    status = response.status_code
    if status in _LOGIN:
        text = f"{host} refuses our key ({status})." if key else f"{host} wants a key ({status})."
        return Permanent("voice_unavailable", text, hint=_WHERE)
    told = said(body, key)
    text = f"{host} answers {status}{f': {told}' if told else '.'}"
    if status in _LATER or status >= 500:
        return Retryable("voice_unavailable", text, after=asked_wait(response.headers, now))
    if 300 <= status < 400:
        where = f"{host} sends us elsewhere ({status}); name the address that it sends to."
        return Permanent("voice_unavailable", where, hint=_WHERE)
    if status in (402, 404, 405):
        return Permanent("voice_unavailable", text, hint=_WHERE)
    return Permanent("voice_failed", text, hint="The server doesn't take the sentence, the voice or the model.")


def is_text(response: httpx.Response) -> bool:
    """Whether a success is no sound by its head."""
    kind = _kind(response)
    return kind.startswith("text/") or kind.endswith(("json", "xml"))


def no_sound(host: str, response: httpx.Response, body: bytes, key: str) -> Retryable:
    """The error for such a success. body: its beginning."""
    kind = _kind(response)
    if "html" in kind:
        text = f"{host} answers with a web page: is the address that of a speech server?"
        return Retryable("voice_failed", text, hint=_WHERE)
    told = said(body, key)
    return Retryable("voice_failed", f"{host} answers with {kind[:40]}{f': {told}' if told else '.'}")


def _kind(response: httpx.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def asked_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After asks for; None where there is none that can be read."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_ASKED_S) if math.isfinite(seconds) else None


def said(body: bytes, key: str) -> str:
    """A server's own words on one line: an error's message in JSON, else a plain text's beginning; "" for HTML.

    Words that look like a part of the key are left out: some servers repeat it.
    """
    text = _message(body) or body[: 8 * _SAID].decode("utf-8", "replace")
    if text.lstrip().startswith(("<", "{", "[")):
        return ""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    line = " ".join("***" if _like(word, key) else word for word in words)
    return line if len(line) <= _SAID else f"{line[: _SAID - 1]}…"


def _message(body: bytes) -> str:
    """`error.message`, `error`, `detail` or `message` of a JSON object; "" where there is none."""
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    told = next((found[name] for name in ("error", "detail", "message") if found.get(name)), "")
    if isinstance(told, dict):
        told = told.get("message", "")
    return told if isinstance(told, str) else ""


def _like(word: str, key: str) -> bool:
    return any(key[at : at + _ALIKE] in word for at in range(max(len(key) - _ALIKE + 1, min(len(key), 1))))
