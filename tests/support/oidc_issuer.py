"""A CI provider's issuer of id tokens on this machine, as GitHub's is to a job.

A job asks ``GET REQUEST_URL&audience=HUB`` with its request token and gets a JWT
signed with RS256; whoever gets that finds the public key through the issuer's address.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REQUEST_TOKEN = "request-token-of-a-job-0123456789"
KEY_BITS = 1024  # enough to be a signature; generated in a moment
_EXPONENT = 65537
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


class Issuer:
    """``claims`` are what it says of the job that asks; change them between requests."""

    def __init__(self, address: str, claims: dict[str, Any]) -> None:
        self.address, self.claims = address, claims
        self.modulus, self._private = _key()

    @property
    def environment(self) -> dict[str, str]:
        """What a job with ``id-token: write`` finds in its environment."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.address}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": REQUEST_TOKEN,
        }

    def token(self, audience: str, **changed: Any) -> str:
        """A signed id token; ``changed`` replaces claims."""
        now = int(time.time())
        own = {"iss": self.address, "aud": audience, "nbf": now - 5, "exp": now + 300}
        head = _encoded(json.dumps({"alg": "RS256", "kid": "one", "typ": "JWT"}).encode())
        body = _encoded(json.dumps({**own, **self.claims, **changed}).encode())
        return f"{head}.{body}.{_encoded(self._signature(f'{head}.{body}'.encode()))}"

    def _signature(self, message: bytes) -> bytes:
        length = (self.modulus.bit_length() + 7) // 8
        digest = _SHA256_PREFIX + hashlib.sha256(message).digest()
        padded = b"\0\1" + b"\xff" * (length - len(digest) - 3) + b"\0" + digest
        return pow(int.from_bytes(padded), self._private, self.modulus).to_bytes(length)

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and body for a GET."""
        parts = urlsplit(path)
        if parts.path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.address, "jwks_uri": f"{self.address}/keys"}
        if parts.path == "/keys":
            number = self.modulus.to_bytes((self.modulus.bit_length() + 7) // 8)
            key = {"kty": "RSA", "kid": "one", "n": _encoded(number), "e": _encoded(b"\1\0\1")}
            return 200, {"keys": [key]}
        if parts.path == "/token" and authorization == f"Bearer {REQUEST_TOKEN}":
            return 200, {"value": self.token(parse_qs(parts.query)["audience"][0])}
        return 401, {"error": "no"}


@contextmanager
def running_issuer(claims: dict[str, Any]) -> Iterator[Issuer]:
    """An issuer that answers on 127.0.0.1 while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = issuer.answer(self.path, self.headers.get("Authorization", ""))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = Issuer(f"http://127.0.0.1:{server.server_port}", claims)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _key() -> tuple[int, int]:
    """(modulus, private exponent) of a new RSA key."""
    while True:
        first, second = _prime(KEY_BITS // 2), _prime(KEY_BITS // 2)
        order = math.lcm(first - 1, second - 1)
        if first != second and math.gcd(order, _EXPONENT) == 1:
            return first * second, pow(_EXPONENT, -1, order)


def _prime(bits: int) -> int:
    draw = random.SystemRandom()
    while True:
        number = draw.getrandbits(bits) | (3 << (bits - 2)) | 1
        if all(number % small for small in (3, 5, 7, 11, 13, 17, 19, 23)) and all(
            _is_prime_to(draw.randrange(2, number - 1), number) for _ in range(12)
        ):
            return number


def _is_prime_to(base: int, number: int) -> bool:
    """One round of Miller and Rabin's test."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % number
        if power == number - 1:
            return True
    return False
