"""An OpenID Connect provider on loopback: discovery and keys over HTTP, and tokens signed by real RSA and elliptic-curve keys."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "tessera-api"


class IdentityProvider:
    """Signs tokens; what it serves can be changed while it runs."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self._server = server
        self.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        self.announced = self.issuer
        self.keys: dict[str, RSAKey | ECKey] = {"first": RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})}
        self.others: list[Any] = []
        self.down = False
        self.asked: list[str] = []

    def document(self, path: str) -> Any:
        """What is answered at an address; None for nothing."""
        self.asked.append(path)
        if self.down:
            return None
        return {
            "/.well-known/openid-configuration": {"issuer": self.announced, "jwks_uri": f"{self.issuer}/keys"},
            "/keys": {"keys": [*self.others, *(key.as_dict(private=False) for key in self.keys.values())]},
        }.get(path)

    def token(
        self, kid: str | None = "first", *, algorithm: str = "RS256", key: RSAKey | ECKey | None = None, **claims: Any
    ) -> str:
        """A token; claims given replace the usual ones, None takes one away."""
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "somebody@example.org",
            "exp": now + 300,
            "iat": now,
            "tenant": "acme",
            "scope": "openid audiences:read",
        }
        said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
        header = {"alg": algorithm} | ({} if kid is None else {"kid": kid})
        return jwt.encode(header, said, key or self.keys[kid or "first"], algorithms=[algorithm])


def by_hand(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """A token as an attacker puts it together."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """A provider that runs inside the block."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = provider.document(self.path)
            content = json.dumps(found).encode()
            self.send_response(503 if found is None else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        provider = IdentityProvider(server)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
