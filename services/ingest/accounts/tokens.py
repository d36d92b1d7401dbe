"""Access tokens: JWTs that this installation signs, of one algorithm that nobody else chooses."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from libs.contracts.errors import Permanent
from libs.seal import Keyring

PURPOSE = "access tokens"
AUDIENCE = "beatloom-api"
LEAST_RSA_BITS = 2048
LONGEST = 4096
"""Characters of a token that are looked at: ours have about 500."""
KNOWN = 1024
"""Tokens whose signatures are not checked again: those that were seen last."""


class Signer(msgspec.Struct, frozen=True, kw_only=True):
    """What tokens are signed and checked with. `signing`: None when the settings name no key."""

    algorithm: str
    kid: str = ""
    signing: Any = None
    verifying: dict[str, Any] = {}
    """Every key that is understood, by its `kid`."""

    def __repr__(self) -> str:
        return f"Signer({self.algorithm}, {self.kid})"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says, once it is known to be ours."""

    sub: str
    """The user's id."""
    sid: str
    """The login that it belongs to."""
    jti: str
    iat: int
    exp: int


class Tokens:
    """Issues access tokens and reads them. Whether the login behind one still stands is asked elsewhere."""

    def __init__(self, signer: Signer, *, issuer: str, lasts: timedelta) -> None:
        self._signer = signer
        self._issuer = issuer
        self._known = lru_cache(KNOWN)(self._verified)
        self.lasts = lasts

    def issue(self, user: str, session: str, now: datetime) -> str:
        """A token for a login. Raises Permanent("no_secret_key")."""
        if self._signer.signing is None:
            raise Permanent("no_secret_key")
        at = int(now.timestamp())
        claims = Claims(
            sub=user,
            sid=session,
            jti=secrets.token_urlsafe(16),
            iat=at,
            exp=at + int(self.lasts.total_seconds()),
        )
        return jwt.encode(
            {**msgspec.structs.asdict(claims), "iss": self._issuer, "aud": AUDIENCE},
            self._signer.signing,
            algorithm=self._signer.algorithm,
            headers={"kid": self._signer.kid},
        )

    def read(self, token: str, now: datetime) -> Claims:
        """What a token says. Raises Permanent: bad_token, token_expired."""
        claims = self._known(token)
        if claims.exp <= now.timestamp():
            raise Permanent("token_expired")
        return claims

    def _verified(self, token: str) -> Claims:
        """Of a token that was signed here, whether it has ended or not. Raises Permanent("bad_token")."""
        if len(token) > LONGEST:
            raise Permanent("bad_token")
        try:
            key = self._signer.verifying.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Permanent("bad_token")
            told = jwt.decode(
                token,
                key,
                algorithms=[self._signer.algorithm],
                audience=AUDIENCE,
                issuer=self._issuer,
                # `read` compares the times, with the clock of its caller.
                options={"require": ["exp", "iat"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            return msgspec.convert(told, Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, RecursionError) as error:
            raise Permanent("bad_token") from error


def shared_signer(keyring: Keyring) -> Signer:
    """HS256 with keys made from BEATLOOM_SECRET_KEY: the newest signs, all of them are understood."""
    keys = {_kid(key): key for key in keyring.subkeys(PURPOSE)}
    first = next(iter(keys), "")
    return Signer(algorithm="HS256", kid=first, signing=keys.get(first), verifying=keys)


def rsa_signer(private: Path, former: Collection[Path] = ()) -> Signer:
    """RS256 with a private key in PEM. former: public keys of others that are still understood.

    Raises Permanent("bad_setting").
    """
    signing = _loaded(private, lambda pem: load_pem_private_key(pem, None), RSAPrivateKey)
    known = [
        signing.public_key(),
        *(_loaded(path, load_pem_public_key, RSAPublicKey) for path in former),
    ]
    verifying = {_kid(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)): key for key in known}
    return Signer(algorithm="RS256", kid=next(iter(verifying)), signing=signing, verifying=verifying)


def _loaded(path: Path, load: Any, kind: type[Any]) -> Any:
    try:
        key = load(path.read_bytes())
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Permanent("bad_setting", f"{path} holds no key in PEM without a password.") from error
    if not isinstance(key, kind) or key.key_size < LEAST_RSA_BITS:
        raise Permanent("bad_setting", f"{path} must hold an RSA key of {LEAST_RSA_BITS} bits at least.")
    return key


def _kid(key: bytes) -> str:
    """The name of a key: it tells nothing of it."""
    return hashlib.sha256(b"beatloom/kid/" + key).hexdigest()[:16]
