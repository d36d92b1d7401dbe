"""Accounts from the settings."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from libs.seal import Keyring
from services.ingest.accounts.accounts import Accounts
from services.ingest.accounts.api_keys import ApiKeys
from services.ingest.accounts.logins import Logins
from services.ingest.accounts.macs import Macs
from services.ingest.accounts.mailing import Mail, mail_server
from services.ingest.accounts.passwords import Passwords
from services.ingest.accounts.reset_mails import ResetMails
from services.ingest.accounts.resets import Resets
from services.ingest.accounts.tokens import Signer, Tokens, rsa_signer, shared_signer
from services.ingest.database import Database
from services.ingest.settings import IngestSettings


def open_accounts(
    settings: IngestSettings,
    database: Database,
    keyring: Keyring,
    *,
    clock: Callable[[], datetime],
    passwords: Passwords | None = None,
    tls: ssl.SSLContext | None = None,
) -> Accounts:
    """The accounts of an installation. Reads the key files.

    passwords: None: hashes as they should be. tls: of the mail server; None: what the system trusts.
    Raises Permanent("bad_setting").
    """
    tokens = Tokens(
        signer_of(settings, keyring), issuer=settings.jwt_issuer, lasts=timedelta(seconds=settings.jwt_s)
    )
    passwords = passwords or Passwords()
    reset_macs = Macs(keyring, "password resets")
    mails = None
    if settings.smtp_url and keyring.has_key:
        mails = ResetMails(
            database,
            Mail(mail_server(settings.smtp_url), settings.mail_from, tls=tls),
            reset_macs,
            page=settings.reset_page,
            public_url=settings.public_url,
            clock=clock,
        )
    logins = Logins(
        database,
        tokens,
        passwords,
        Macs(keyring, "refresh tokens"),
        lasts=timedelta(seconds=settings.login_s),
        registration=settings.registration,
        clock=clock,
    )
    resets = Resets(database, passwords, reset_macs, wake=mails.wake if mails else None, clock=clock)
    return Accounts(
        database,
        tokens,
        passwords,
        logins=logins,
        keys=ApiKeys(database, clock=clock),
        resets=resets,
        mails=mails,
        clock=clock,
    )


def signer_of(settings: IngestSettings, keyring: Keyring) -> Signer:
    """What the settings want tokens to be signed with. Raises Permanent("bad_setting")."""
    if settings.jwt_key:
        return rsa_signer(Path(settings.jwt_key), [Path(name) for name in settings.jwt_old_keys])
    return shared_signer(keyring)
