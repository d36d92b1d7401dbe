"""Accounts from the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from libs.seal import Keyring
from services.ingest.access.accounts import Accounts
from services.ingest.access.passwords import Passwords
from services.ingest.access.tokens import Signer, Tokens, rsa_signer, shared_signer
from services.ingest.database import Database
from services.ingest.settings import IngestSettings


def open_accounts(
    settings: IngestSettings, database: Database, keyring: Keyring, *, clock: Callable[[], datetime]
) -> Accounts:
    """The accounts of an installation. Reads the key files. Raises Permanent("bad_setting")."""
    tokens = Tokens(
        signer_of(settings, keyring), issuer=settings.jwt_issuer, lasts=timedelta(seconds=settings.jwt_s)
    )
    return Accounts(database, tokens, Passwords(), clock=clock)


def signer_of(settings: IngestSettings, keyring: Keyring) -> Signer:
    """What the settings want tokens to be signed with. Raises Permanent("bad_setting")."""
    if settings.jwt_key:
        return rsa_signer(Path(settings.jwt_key), [Path(name) for name in settings.jwt_old_keys])
    return shared_signer(keyring)
