"""Trusted publishers of the local Hub: an id token of a CI provider for a token of one repo.

The exchange is RFC 8693; id tokens are JWTs signed with RS256 (RFC 7518, 3.3), checked
against the keys that their issuer publishes (OpenID Connect Discovery 1.0).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import time
import urllib.request
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from hubtool.localhub.refusal import Refusal

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
LEEWAY_SECONDS = 60  # between the clocks of issuer and Hub
KEYS_TIMEOUT_SECONDS = 5.0
# DER of a SHA-256 DigestInfo, RFC 8017, 9.2, note 1
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


@dataclasses.dataclass(frozen=True)
class Publisher:
    """Who may publish to a repo without a stored token: the claims that an id token must hold."""

    issuer: str  # its address
    claims: dict[str, str]  # such as repository and workflow_ref's file


def claims_of(token: str) -> dict[str, Any]:
    """The claims of an id token, unchecked. Raises Refusal (400) if it is no JWT."""
    try:
        _, body, _ = token.split(".")
        claims = json.loads(_decoded(body))
    except ValueError as error:
        raise _bad("subject_token is not a JWT") from error
    if not isinstance(claims, dict):
        raise _bad("subject_token holds no claims")
    return claims


def verified_claims(token: str, issuer: str, audience: str) -> dict[str, Any]:
    """The claims of an id token of ``issuer`` for ``audience``.

    Raises Refusal (400) for another algorithm, a wrong signature, another
    audience, and a token that is not valid yet or any more.
    """
    claims = claims_of(token)
    try:
        head, body, signature = token.split(".")
        header = json.loads(_decoded(head))
        key = _key_of(issuer, str(header.get("kid")))
        signed_well = header.get("alg") == "RS256" and _signed_by(
            key, f"{head}.{body}".encode(), _decoded(signature)
        )
    except (ValueError, KeyError, AttributeError) as error:
        raise _bad("subject_token cannot be read") from error
    if not signed_well:
        raise _bad("subject_token is not signed by its issuer")
    if claims.get("aud") != audience:
        raise _bad(f"subject_token is for {claims.get('aud')!r}, this is {audience!r}")
    now = time.time()
    if not float(claims.get("nbf", 0)) - LEEWAY_SECONDS <= now <= float(claims["exp"]):
        raise _bad("subject_token has expired, or is not valid yet")
    return claims


def _key_of(issuer: str, kid: str) -> dict[str, str]:
    """A public key of the issuer by its id."""
    if urlsplit(issuer).scheme not in ("http", "https"):
        raise _bad(f"{issuer!r} is no issuer's address")
    try:
        found = _fetch(f"{issuer}/.well-known/openid-configuration")
        keys = _fetch(str(found["jwks_uri"]))["keys"]
    except URLError as error:
        raise _bad(f"the keys of {issuer} cannot be read: {error.reason}") from error
    found_key = [key for key in keys if key.get("kid") == kid and key.get("kty") == "RSA"]
    if not found_key:
        raise _bad(f"{issuer} has no key {kid!r}")
    return dict(found_key[0])


def _fetch(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(address, timeout=KEYS_TIMEOUT_SECONDS) as answer:
        data: dict[str, Any] = json.loads(answer.read())
    return data


def _signed_by(key: dict[str, str], message: bytes, signature: bytes) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2)."""
    modulus, exponent = (int.from_bytes(_decoded(key[part])) for part in ("n", "e"))
    length = (modulus.bit_length() + 7) // 8
    if len(signature) != length:
        return False
    found = pow(int.from_bytes(signature), exponent, modulus).to_bytes(length)
    digest = _SHA256_PREFIX + hashlib.sha256(message).digest()
    return found == b"\0\1" + b"\xff" * (length - len(digest) - 3) + b"\0" + digest


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _bad(why: str) -> Refusal:
    return Refusal(400, why, body={"error": "invalid_grant", "error_description": why})
