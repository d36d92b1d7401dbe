"""Access and refresh tokens: forged, swapped, expired, stolen, revoked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from libs.contracts.errors import BeatloomError, Permanent
from libs.seal import Keyring
from services.ingest.access.callers import MACHINE
from services.ingest.accounts.tokens import AUDIENCE, PURPOSE, Signer, rsa_signer, shared_signer
from tests.security.accounts import BOB, KEY, PASSWORD, House, house_at, nobody

OTHER_KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def rsa_key() -> RSAPrivateKey:
    """A key pair."""
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def rsa_file(rsa_key: RSAPrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its private key, as the settings name it."""
    path = tmp_path_factory.mktemp("keys") / "private.pem"
    path.write_bytes(rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture(params=["HS256", "RS256"])
async def house(request: pytest.FixtureRequest, tmp_path: Path, rsa_file: Path) -> AsyncIterator[House]:
    """Accounts with tokens of either kind."""
    settings: dict[str, Any] = {"jwt_key": str(rsa_file)} if request.param == "RS256" else {}
    async with house_at(tmp_path, **settings) as made:
        yield made


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[House]:
    """Accounts with tokens of the usual kind."""
    async with house_at(tmp_path) as made:
        yield made


async def refused(house: House, token: str) -> str:
    """The code with which a token is refused."""
    with pytest.raises(Permanent) as caught:
        await house.accounts.authenticate(token)
    assert caught.value.entry.status == 401
    return caught.value.code


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=").decode()


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Header, claims and signature."""
    header, claims, signature = token.split(".")

    def read(part: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(part + "=="))
        return found

    return read(header), read(claims), signature


def _hs256(header: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """A token signed by hand: the library refuses to misuse keys."""
    signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
    mac = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


async def test_a_login_gives_a_token_that_says_who_asks(house: House) -> None:
    user = await house.user()
    login = await house.login()
    caller = await house.accounts.authenticate(login.access_token)
    assert (caller.owner, caller.role, caller.means) == (user.id, "user", "token")
    assert caller.scopes == {"read", "write", "account"}
    header, claims, _ = _parts(login.access_token)
    assert claims["exp"] - claims["iat"] == login.expires_in == 24 * 3600
    assert {"iss", "aud", "jti", "sub"} <= set(claims)
    assert header["kid"]
    assert (await house.login()).access_token != login.access_token


async def test_forged_tokens_are_refused(house: House) -> None:
    await house.user()
    good = (await house.login()).access_token
    header, claims, signature = _parts(good)
    body = good.split(".")[1]
    bob = await house.user(BOB)
    forged = [
        *(
            f"{_part({**header, 'alg': none})}.{body}.{rest}"
            for none in ("none", "None", "NONE")
            for rest in ("", signature)
        ),
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        _hs256(header, claims, bytes(32)),
        _hs256(header, claims, b""),
        _hs256({"typ": "JWT"}, claims, bytes(32)),
        _hs256({**header, "kid": "../../dev/null"}, claims, b""),
        _hs256({**header, "kid": None}, claims, b""),
        _hs256({**header, "kid": ["a"]}, claims, b""),
        f"{good.split('.')[0]}.{_part({**claims, 'sub': bob.id})}.{signature}",
        f"{good.split('.')[0]}.{_part({**claims, 'exp': claims['exp'] + 9})}.{signature}",
        f"{good.rpartition('.')[0]}.{'A' + signature[1:] if signature[0] != 'A' else 'B' + signature[1:]}",
        f"{good.rpartition('.')[0]}.",
        good.rpartition(".")[0],
        good + "x" * 5000,
        "",
        ".",
        "..",
        "a.b.c",
        "e30.e30.e30",
        "\udcff",
    ]
    for token in forged:
        assert await refused(house, token) == "bad_token", token
    assert (await house.accounts.authenticate(good)).owner == claims["sub"]


async def test_the_public_key_is_no_secret_key(tmp_path: Path, rsa_file: Path, rsa_key: RSAPrivateKey) -> None:
    async with house_at(tmp_path, jwt_key=str(rsa_file)) as house:
        await house.user()
        header, claims, _ = _parts((await house.login()).access_token)
        public = rsa_key.public_key()
        spki = PublicFormat.SubjectPublicKeyInfo
        for key in (
            public.public_bytes(Encoding.PEM, spki),
            public.public_bytes(Encoding.PEM, spki).strip(),
            public.public_bytes(Encoding.DER, spki),
            public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        ):
            assert await refused(house, _hs256(header, claims, key)) == "bad_token"


def _claims(claims: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody else"},
        {"aud": "another API"},
        {"aud": None},
        {"iss": None},
        {"exp": None},
        {"exp": "soon"},
        {"sid": None},
        {"sid": "0" * 32},
        {"sub": None},
        {"sub": "0" * 32},
        {"sub": 7},
    ],
    ids=str,
)
async def test_signed_tokens_that_say_something_else_are_refused(plain: House, changes: dict[str, object]) -> None:
    await plain.user()
    _, claims, _ = _parts((await plain.login()).access_token)
    signer = shared_signer(Keyring([KEY]))

    def signed(told: dict[str, Any]) -> str:
        return jwt.encode(told, signer.signing, "HS256", headers={"kid": signer.kid})

    assert (await plain.accounts.authenticate(signed(claims))).owner == claims["sub"]
    assert await refused(plain, signed(_claims(claims, **changes))) == "bad_token"


async def test_one_users_token_is_no_good_with_anothers_login(plain: House) -> None:
    await plain.user()
    bob = await plain.user(BOB)
    _, claims, _ = _parts((await plain.login()).access_token)
    signer = shared_signer(Keyring([KEY]))
    mixed = jwt.encode({**claims, "sub": bob.id}, signer.signing, "HS256", headers={"kid": signer.kid})
    assert await refused(plain, mixed) == "bad_token"


async def test_tokens_expire_to_the_second(house: House) -> None:
    await house.user()
    token = (await house.login()).access_token
    house.clock.forward(seconds=24 * 3600 - 1)
    await house.accounts.authenticate(token)
    house.clock.forward(seconds=1)
    assert await refused(house, token) == "token_expired"


async def test_keys_are_changed_without_logging_anybody_out(tmp_path: Path) -> None:
    async with house_at(tmp_path) as before:
        await before.user()
        login = await before.login()
    async with house_at(tmp_path, keys=(OTHER_KEY, KEY)) as between:
        await between.accounts.authenticate(login.access_token)
        newer = await between.accounts.logins.refresh(nobody(), login.refresh_token)
    async with house_at(tmp_path, keys=(OTHER_KEY,)) as after:
        await after.accounts.authenticate(newer.access_token)
        assert await refused(after, login.access_token) == "bad_token"


def test_an_older_rsa_key_is_still_understood(tmp_path: Path, rsa_file: Path, rsa_key: RSAPrivateKey) -> None:
    newer, former = tmp_path / "new.pem", tmp_path / "old.pub"
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    newer.write_bytes(pem)
    former.write_bytes(rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    old, new = rsa_signer(rsa_file), rsa_signer(newer, [former])
    assert set(new.verifying) == {old.kid, new.kid}
    assert new.kid != old.kid


@pytest.mark.parametrize("content", [b"", b"nonsense", b"weak", b"public"])
def test_keys_that_are_none_stop_the_start(tmp_path: Path, rsa_key: RSAPrivateKey, content: bytes) -> None:
    path = tmp_path / "key.pem"
    if content == b"weak":
        weak = generate_private_key(65537, 1024)
        content = weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    elif content == b"public":
        content = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(content)
    with pytest.raises(Permanent, match="bad_setting"):
        rsa_signer(path)


async def test_without_a_key_nobody_logs_in(tmp_path: Path) -> None:
    async with house_at(tmp_path, keys=()) as house:
        await house.user()
        with pytest.raises(Permanent, match="no_secret_key"):
            await house.login()
        assert await refused(house, jwt.encode({"sub": "x"}, "k" * 32, "HS256", headers={"kid": ""})) == "bad_token"


def test_the_keys_of_tokens_are_of_their_own() -> None:
    signer: Signer = shared_signer(Keyring([KEY]))
    assert signer.signing == Keyring([KEY]).subkey(PURPOSE) != base64.b64decode(KEY)
    assert AUDIENCE not in signer.kid


# Revoked.


async def _logout(house: House, user_id: str, token: str) -> None:
    await house.accounts.logins.logout(await house.accounts.authenticate(token))


async def _logout_everywhere(house: House, user_id: str, token: str) -> None:
    elsewhere = await house.caller()
    await house.accounts.logins.logout(elsewhere, everywhere=True)


async def _disable(house: House, user_id: str, token: str) -> None:
    await house.accounts.change_user(MACHINE, user_id, enabled=False)


async def _end_sessions(house: House, user_id: str, token: str) -> None:
    await house.accounts.end_sessions(MACHINE, user_id)


async def _change_password(house: House, user_id: str, token: str) -> None:
    elsewhere = await house.caller()
    await house.accounts.logins.change_password(elsewhere, PASSWORD, "eight badgers hum at noon")


Revoke = Callable[[House, str, str], Any]


@pytest.mark.parametrize("revoke", [_logout, _logout_everywhere, _disable, _end_sessions, _change_password])
async def test_what_was_revoked_is_refused_at_once(plain: House, revoke: Revoke) -> None:
    user = await plain.user()
    await plain.user(BOB)
    login, bobs = await plain.login(), await plain.login(BOB)
    await plain.accounts.authenticate(login.access_token)
    await revoke(plain, user.id, login.access_token)
    assert await refused(plain, login.access_token) == "bad_token"
    with pytest.raises(Permanent, match="bad_token"):
        await plain.accounts.logins.refresh(nobody(), login.refresh_token)
    await plain.accounts.authenticate(bobs.access_token)


async def test_a_logout_leaves_other_logins(plain: House) -> None:
    await plain.user()
    one, other = await plain.login(), await plain.login()
    await plain.accounts.logins.logout(await plain.accounts.authenticate(one.access_token))
    await plain.accounts.authenticate(other.access_token)


async def test_another_role_counts_at_once(plain: House) -> None:
    await plain.user(BOB, "operator")
    user = await plain.user()
    token = (await plain.login()).access_token
    assert "admin" not in (await plain.accounts.authenticate(token)).scopes
    await plain.accounts.change_user(MACHINE, user.id, role="operator")
    assert "admin" in (await plain.accounts.authenticate(token)).scopes
    await plain.accounts.change_user(MACHINE, user.id, role="user")
    assert (await plain.accounts.authenticate(token)).role == "user"


# Refreshed.


async def test_a_refresh_token_is_good_once_and_a_second_use_ends_its_login(plain: House) -> None:
    await plain.user()
    other, first = await plain.login(), await plain.login()
    second = await plain.accounts.logins.refresh(nobody(), first.refresh_token)
    await plain.accounts.authenticate(second.access_token)
    with pytest.raises(Permanent, match="bad_token"):
        await plain.accounts.logins.refresh(nobody("198.51.100.7"), first.refresh_token)
    for login in (first, second):
        assert await refused(plain, login.access_token) == "bad_token"
        with pytest.raises(Permanent, match="bad_token"):
            await plain.accounts.logins.refresh(nobody(), login.refresh_token)
    await plain.accounts.authenticate(other.access_token)


async def test_a_login_ends_that_nobody_carries_on(plain: House) -> None:
    await plain.user()
    login = await plain.login()
    plain.clock.forward(days=29)
    login = await plain.accounts.logins.refresh(nobody(), login.refresh_token)
    plain.clock.forward(days=30)
    with pytest.raises(Permanent, match="bad_token"):
        await plain.accounts.logins.refresh(nobody(), login.refresh_token)


async def test_refresh_tokens_can_t_be_made_up(plain: House) -> None:
    await plain.user()
    login = await plain.login()
    session, _, mac = login.refresh_token.split(".")
    for guess in (
        f"{session}.1.{mac}",
        f"{session}.0.",
        f"{session}.0",
        "",
        "..",
        f"{session}.-1.{mac}",
        f"{session}.²." + mac,
        login.access_token,
    ):
        with pytest.raises(Permanent, match="bad_token"):
            await plain.accounts.logins.refresh(nobody(), guess)
    assert await refused(plain, login.refresh_token) == "bad_token"
    await plain.accounts.logins.refresh(nobody(), login.refresh_token)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_of_two_refreshes_at_once_one_wins_and_then_none(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    async with house_at(tmp_path if kind == "sqlite" else request.getfixturevalue("postgres_url")) as house:
        await house.user()
        login = await house.login()
        answers = await asyncio.gather(
            *(house.accounts.logins.refresh(nobody(), login.refresh_token) for _ in range(4)),
            return_exceptions=True,
        )
        won = [answer for answer in answers if not isinstance(answer, BaseException)]
        lost = {answer.code for answer in answers if isinstance(answer, BeatloomError)}
        assert len(won) == 1
        assert lost == {"bad_token"}
        assert await refused(house, won[0].access_token) == "bad_token"
