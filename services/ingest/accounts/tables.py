"""Tables of users, their logins and their keys. No secret stands in them: digests and hashes only."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from services.ingest.accounts.records import KeyScope
from services.ingest.columns import DIGEST, JOB, KEY, SHORT, Document, Moment
from services.ingest.tables import metadata

EMAIL = String(254)

users = Table(
    "users",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("email", EMAIL, nullable=False, unique=True),
    Column("password", Text, nullable=False),
    Column("role", SHORT, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_login_at", Moment),
    Index(None, "role"),
)
"""`password` is an Argon2id hash; "": nobody can log in with one until it is reset."""


def _of_user() -> Column[str]:
    return Column("owner", KEY, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


sessions = Table(
    "sessions",
    metadata,
    Column("id", JOB, primary_key=True),
    _of_user(),
    Column("turn", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)
"""A login. It is over when its row is gone. `turn` counts its refreshes: the one refresh token that is good."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", JOB, primary_key=True),
    _of_user(),
    Column("name", Text, nullable=False),
    Column("digest", DIGEST, nullable=False, unique=True),
    Column("prefix", SHORT, nullable=False),
    Column("scopes", Document[tuple[KeyScope, ...]](tuple[KeyScope, ...]), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
)
"""`digest` is the SHA-256 of the key, `prefix` its beginning, for people."""

reset_requests = Table(
    "reset_requests",
    metadata,
    Column("id", JOB, primary_key=True),
    Column("email", EMAIL, nullable=False),
    Column("owner", KEY, nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
    Column("not_before", Moment, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("sent_at", Moment, index=True),
)
"""`owner` is "" at first: nothing looks whether the address is anybody's before the mail is written. `email` is ""
once it is sent. The token of a request is a MAC of its id."""

login_tries = Table(
    "login_tries",
    metadata,
    Column("key", KEY, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("until", Moment, nullable=False, index=True),
)
"""How often a login was tried since `until` minus the window; `key` holds the digest of an account's or network's
address."""
