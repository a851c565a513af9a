"""Whether STS takes a token of an OpenID Connect provider: read it, ask its audience, signature and time. Pure.

Sources: the IAM user guide's "Create an OpenID Connect identity provider" (algorithms, `azp` before `aud`) and "OIDC
federation" (five minutes after the end); botocore's model of STS (codes); the messages are those that users of AWS
report: aws-actions/configure-aws-credentials#280, awslabs/amazon-eks-irsa-cfn#18, awslabs/aws-orbit-workbench#771,
aws/aws-sdk-js-v3#3052. Words of faults of which no report is known are ours.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopback.core.errors import ServiceError

SKEW_SECONDS = 300  # by which clocks may differ
NO_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity "
    "documentation for requirements"
)
UNSUPPORTED = ("https://aws.amazon.com/tags", "https://aws.amazon.com/source_identity")


class InvalidIdentityToken(ServiceError):
    """The token is none, or is not one of the provider's for this account."""


class ExpiredTokenException(ServiceError):
    """The token's time is over."""


class IDPCommunicationError(ServiceError):
    """The provider's keys can't be fetched."""


@dataclass(frozen=True)
class IdentityToken:
    """A token as it says of itself, before anything of it has been checked."""

    issuer: str
    subject: str
    audience: str
    expires: float
    begins: float
    algorithm: str
    key_id: str | None
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    @property
    def host(self) -> str:
        """The issuer without its scheme, as ARNs of providers and condition keys have it."""
        return self.issuer.partition("://")[2].rstrip("/")

    def condition_keys(self) -> dict[str, Any]:
        """What a role's trust policy can ask of it."""
        found = {f"{self.host}:aud": self.audience, f"{self.host}:sub": self.subject}
        if "amr" in self.claims:
            found[f"{self.host}:amr"] = self.claims["amr"]
        return {key.lower(): value for key, value in found.items()}


def read_token(text: str) -> IdentityToken:
    """The token of a text. Raises InvalidIdentityToken."""
    parts = text.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        head, claims = (json.loads(decode(part)) for part in parts[:2])
        signature = decode(parts[2])
    except (ValueError, RecursionError):
        raise InvalidIdentityToken(NO_JWT) from None
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise InvalidIdentityToken(NO_JWT)
    for claim in ("iss", "sub", "aud", "exp", "iat"):
        if claim not in claims:
            raise InvalidIdentityToken(f"Missing a required claim: {claim}")
    if refused := [claim for claim in UNSUPPORTED if claim in claims]:
        raise InvalidIdentityToken(f"loopback does not carry out the claim {refused[0]}")
    try:
        expires, begins = float(claims["exp"]), float(claims.get("nbf", 0))
    except (TypeError, ValueError):
        raise InvalidIdentityToken(NO_JWT) from None
    return IdentityToken(
        str(claims["iss"]),
        str(claims["sub"]),
        _audience(claims),
        expires,
        begins,
        str(head.get("alg")),
        head.get("kid"),
        claims,
        f"{parts[0]}.{parts[1]}".encode(),
        signature,
    )


def decode(text: str) -> bytes:
    """What stands in base64url without its padding. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _audience(claims: Mapping[str, Any]) -> str:
    """For whom it was made: `azp` where it has one, else the one entry of `aud`."""
    audience = claims.get("azp") or claims["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str):
        raise InvalidIdentityToken("Incorrect token audience")
    return audience


def require_audience(token: IdentityToken, client_ids: Sequence[str]) -> None:
    """Raises InvalidIdentityToken where it was made for nobody whom the provider of the account has."""
    if token.audience not in client_ids:
        raise InvalidIdentityToken("Incorrect token audience")


def require_current(token: IdentityToken, now: float) -> None:
    """Raises ExpiredTokenException, and InvalidIdentityToken for one whose time has not come."""
    if now >= token.expires + SKEW_SECONDS:
        raise ExpiredTokenException(
            f"Token expired: current date/time {int(now)} must be before the expiration date/time {int(token.expires)}"
        )
    if now < token.begins - SKEW_SECONDS:
        raise InvalidIdentityToken(
            f"Token is not valid yet: current date/time {int(now)}, not before {int(token.begins)}"
        )


def require_signature(token: IdentityToken, keys: Any) -> None:
    """Raises InvalidIdentityToken where none of the keys, a JSON Web Key Set, has signed it."""
    from cryptography.exceptions import InvalidSignature

    listed = keys.get("keys") if isinstance(keys, Mapping) else None
    found = [
        key
        for key in listed or ()
        if isinstance(key, Mapping)
        and key.get("use", "sig") == "sig"
        and (token.key_id is None or key.get("kid") == token.key_id)
        and key.get("alg", token.algorithm) == token.algorithm
    ]
    if not found:
        raise InvalidIdentityToken(NO_KEY)
    for key in found:
        try:
            _verify(token, key)
        except (InvalidSignature, ValueError, KeyError, TypeError):
            continue
        return
    raise InvalidIdentityToken("The signature of the token is not one of the identity provider's keys")


def _verify(token: IdentityToken, key: Mapping[str, Any]) -> None:
    """Raises InvalidSignature, and ValueError for a key that does not go with the token's algorithm."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    def number(member: str) -> int:
        return int.from_bytes(decode(key[member]))

    family, size = token.algorithm[:2], token.algorithm[2:]
    digest: hashes.HashAlgorithm = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[size]
    if (family, key["kty"]) == ("RS", "RSA"):
        public = rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
        public.verify(token.signature, token.signed, padding.PKCS1v15(), digest)
        return
    if (family, key["kty"]) != ("ES", "EC"):
        raise ValueError(token.algorithm)
    name, curve = {"256": ("P-256", ec.SECP256R1), "384": ("P-384", ec.SECP384R1), "512": ("P-521", ec.SECP521R1)}[size]
    half = len(token.signature) // 2
    if key["crv"] != name:
        raise ValueError(token.algorithm)
    signature = encode_dss_signature(int.from_bytes(token.signature[:half]), int.from_bytes(token.signature[half:]))
    point = ec.EllipticCurvePublicNumbers(number("x"), number("y"), curve()).public_key()
    point.verify(signature, token.signed, ec.ECDSA(digest))
