"""Tokens that PyJWT has signed, and key sets as it writes them."""

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from loopback.engines.sts.identity_tokens import (
    NO_JWT,
    NO_KEY,
    ExpiredTokenException,
    InvalidIdentityToken,
    read_token,
    require_audience,
    require_current,
    require_signature,
)

NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": "https://issuer.example/path/",
    "sub": "repo:acme/churn:ref:refs/heads/main",
    "aud": "sts.amazonaws.com",
    "exp": NOW + 300,
    "iat": NOW,
}
RSA = rsa.generate_private_key(65537, 2048)
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}


def key_of(algorithm: str) -> Any:
    return ec.generate_private_key(CURVES[algorithm]) if algorithm in CURVES else RSA


def published(algorithm: str, key: Any, **more: Any) -> dict[str, Any]:
    kind = ECAlgorithm if algorithm in CURVES else RSAAlgorithm
    found: dict[str, Any] = json.loads(kind.to_jwk(key.public_key()))
    found.pop("key_ops", None)
    return {**found, "kid": "k1", "use": "sig", "alg": algorithm, **more}


def signed(algorithm: str = "RS256", key: Any = RSA, kid: str | None = "k1", **claims: Any) -> str:
    given = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(given, key, algorithm, headers={"kid": kid} if kid else None)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", *CURVES])
def test_a_signature_of_the_provider_is_taken(algorithm: str) -> None:
    key, other = key_of(algorithm), key_of(algorithm)
    require_signature(read_token(signed(algorithm, key)), {"keys": [published(algorithm, key)]})
    if algorithm in CURVES:
        with pytest.raises(InvalidIdentityToken, match="signature"):
            require_signature(read_token(signed(algorithm, other)), {"keys": [published(algorithm, key)]})


@pytest.mark.parametrize(
    ("token", "keys"),
    [
        (signed(kid=None), [published("ES256", key_of("ES256")), published("RS256", RSA)]),  # tried one by one
        (signed(), [published("RS256", RSA, alg="RS256")]),
    ],
)
def test_the_key_is_found(token: str, keys: list[dict[str, Any]]) -> None:
    require_signature(read_token(token), {"keys": keys})


FOREIGN = published("RS256", rsa.generate_private_key(65537, 2048))
HEAD, BODY, SIGNATURE = signed().split(".")
OTHER_BODY = signed(sub="repo:evil/churn:ref:refs/heads/main").split(".")[1]


@pytest.mark.parametrize(
    ("token", "keys", "why"),
    [
        (signed(), {"keys": [FOREIGN]}, "signature"),
        (f"{HEAD}.{OTHER_BODY}.{SIGNATURE}", {"keys": [published("RS256", RSA)]}, "signature"),
        (signed(), {"keys": [published("RS256", RSA, kid="k2")]}, NO_KEY),
        (signed(), {"keys": [published("RS256", RSA, use="enc")]}, NO_KEY),
        (signed(), {"keys": [published("RS256", RSA, alg="RS512")]}, NO_KEY),
        (signed(), {"keys": [{"kid": "k1", "kty": "RSA"}, "text", None]}, "signature"),
        (signed(), {"keys": []}, NO_KEY),
        (signed(), ["keys"], NO_KEY),
        (jwt.encode(CLAIMS, None, "none", headers={"kid": "k1"}), {"keys": [{"kid": "k1", "kty": "RSA"}]}, "signature"),
        # an asymmetric key's text as the secret of a symmetric signature
        (
            jwt.encode(CLAIMS, "n" * 32, "HS256", headers={"kid": "k1"}),
            {"keys": [{"kid": "k1", "kty": "oct"}]},
            "signature",
        ),
    ],
)
def test_any_other_is_refused(token: str, keys: Any, why: str) -> None:
    with pytest.raises(InvalidIdentityToken, match=why):
        require_signature(read_token(token), keys)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", NO_JWT),
        ("a.b", NO_JWT),
        ("a.b.c", NO_JWT),
        ("é.é.é", NO_JWT),
        (jwt.encode({}, RSA, "RS256"), "Missing a required claim: iss"),
        (signed(sub=None), "Missing a required claim: sub"),
        (signed(exp="soon"), NO_JWT),
        (signed(aud=["a", "b"]), "Incorrect token audience"),
        (signed(**{"https://aws.amazon.com/tags": {}}), "does not carry out the claim https://aws.amazon.com/tags"),
    ],
)
def test_what_is_no_token(text: str, why: str) -> None:
    with pytest.raises(InvalidIdentityToken) as refused:
        read_token(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("claims", "audience"),
    [
        ({}, "sts.amazonaws.com"),
        ({"aud": ["sts.amazonaws.com"]}, "sts.amazonaws.com"),
        ({"aud": ["a", "b"], "azp": "client"}, "client"),
    ],
)
def test_for_whom_it_is(claims: dict[str, Any], audience: str) -> None:
    token = read_token(signed(**claims))
    require_audience(token, ["x", audience])
    with pytest.raises(InvalidIdentityToken, match=r"^Incorrect token audience$"):
        require_audience(token, ["x"])
    assert token.condition_keys() == {"issuer.example/path:aud": audience, "issuer.example/path:sub": CLAIMS["sub"]}


def test_clocks_may_differ_by_five_minutes() -> None:
    token = read_token(signed(nbf=NOW))
    for now in (NOW - 299, NOW, NOW + 599):
        require_current(token, now)
    with pytest.raises(ExpiredTokenException) as expired:
        require_current(token, NOW + 600)
    assert str(expired.value) == (
        f"Token expired: current date/time {NOW + 600} must be before the expiration date/time {NOW + 300}"
    )
    with pytest.raises(InvalidIdentityToken, match="not valid yet"):
        require_current(token, NOW - 301)
