"""Bearer tokens of an OpenID Connect provider: a signed JWT in; the subject, tenant and scopes that it states, out.

The provider's keys come by discovery (OpenID Connect Discovery 1.0) and are kept: the provider need not answer when the API
starts, nor later as long as its keys are known. Checked are signature, issuer, audience and times (RFC 7519), after the advice
of RFC 8725: asymmetric algorithms only, named here and not by the token, and a key of the kind that the algorithm takes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from api.settings import LOOPBACK
from graph.errors import MissingExtra

if TYPE_CHECKING:
    from joserfc.jwk import Key

__all__ = ["IssuerUnavailable", "Provider", "Stated"]

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
_KEY_TYPES = ("RSA", "EC", "OKP")
_LEEWAY_SECONDS = 30
"""Threat: a token used after its end. Unit: seconds that the clocks of two machines may differ."""
_REMEMBERED_SECONDS = 60
"""Threat: a token signed by a key that the provider has withdrawn. Unit: seconds for which a good token is not checked anew."""
_KEYS_SECONDS = 600
"""Threat: as above. Unit: seconds after which the keys are asked for again; while the provider does not answer, those known
hold on."""
_PAUSE_SECONDS = 10
"""Threat: tokens with made-up key ids make this server ask the provider without end. Unit: seconds between two questions."""
_TIMEOUT_SECONDS = 3.0
_MOST_BYTES = 1_048_576
_MOST_TOKEN_BYTES = 16_384
_REMEMBERED = 4096


class IssuerUnavailable(Exception):
    """The provider does not answer, and the token's key is not known here. Worth another try after `retry_after_seconds`."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__("the identity provider does not answer")


@dataclass(frozen=True)
class Stated:
    """What a valid token states; `subject` is a hash of issuer and subject."""

    subject: str
    tenant: str
    scopes: frozenset[str]
    until: float


def _allowed(url: str) -> bool:
    """Whether an address may be asked for keys: by TLS, or on this machine. Without TLS whoever is in between gives the keys."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A provider that is moved is to be set anew: keys come from where the operator said."""

    def redirect_request(self, *_: Any) -> None:
        """Follow nothing."""
        return


def _fetch_json(url: str) -> Any:
    """A JSON document of the provider. Raises OSError, ValueError."""
    if not _allowed(url):
        raise ValueError("keys come by https only")
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as answer:
        content = answer.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError("the document is too large")
    return json.loads(content)


class Provider:
    """One OpenID Connect provider. Thread-safe; checking may wait for the provider, so it belongs into a thread."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        tenant_claim: str,
        scope_claim: str,
        fetch: Callable[[str], Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Asks nothing yet. Raises MissingExtra."""
        try:
            import joserfc.jwt  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtra("tokens of an OpenID Connect provider", "oidc") from error
        self._issuer, self._audience = issuer, audience
        self._tenant_claim, self._scope_claim = tenant_claim, scope_claim
        self._fetch, self._clock = fetch or _fetch_json, clock
        self._keys: dict[str | None, list[Key]] = {}
        self._fetched = self._asked = -float("inf")
        self._answered = False
        self._asking = Lock()
        self._checked: OrderedDict[bytes, Stated] = OrderedDict()
        self._lock = Lock()

    def known(self, token: str) -> Stated | None:
        """What a token states that was found valid lately. Takes microseconds."""
        with self._lock:
            found = self._checked.get(_digest(token))
        return found if found is not None and self._clock() < found.until else None

    def check(self, token: str) -> Stated | None:
        """What a token states; None for one that is not valid here. Raises IssuerUnavailable."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        header = _header(token)
        if header is None or header.get("alg") not in ALGORITHMS:
            return None
        kid = header.get("kid")
        if kid is not None and not isinstance(kid, str):
            return None
        now = self._clock()
        rules = jwt.JWTClaimsRegistry(
            now=int(now),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        for key in self._keys_for(kid):
            try:
                claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
                rules.validate(claims)
            except (JoseError, ValueError, TypeError):  # a malformed token raises some of each, depending on the key
                continue
            return self._remember(token, claims, now)
        return None

    def _remember(self, token: str, claims: Mapping[str, Any], now: float) -> Stated | None:
        tenant, scopes = claims.get(self._tenant_claim), claims.get(self._scope_claim, "")
        if isinstance(scopes, str):
            scopes = scopes.split()
        if not isinstance(tenant, str) or not isinstance(scopes, list):
            return None
        subject = hashlib.sha256(f"{self._issuer}\n{claims['sub']}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
        until = float(min(claims["exp"] + _LEEWAY_SECONDS, now + _REMEMBERED_SECONDS))
        stated = Stated(f"oidc-{subject}", tenant, frozenset(s for s in scopes if isinstance(s, str)), until)
        with self._lock:
            self._checked[_digest(token)] = stated
            if len(self._checked) > _REMEMBERED:
                self._checked.popitem(last=False)
        return stated

    def _keys_for(self, kid: str | None) -> list[Key]:
        """The keys that a token may be signed by, asked for where they are not known or old. Raises IssuerUnavailable."""
        with self._asking:
            now = self._clock()
            known = self._named(kid)
            old = now - self._fetched > _KEYS_SECONDS
            if (not known or old) and now - self._asked >= _PAUSE_SECONDS:
                self._asked = now
                self._answered = self._ask()
                if self._answered:
                    self._fetched = now
                known = self._named(kid)
            if not known and not self._answered:
                raise IssuerUnavailable(max(1, round(self._asked + _PAUSE_SECONDS - now)))
            return known

    def _named(self, kid: str | None) -> list[Key]:
        if kid is None:
            return [key for keys in self._keys.values() for key in keys]
        return self._keys.get(kid, [])

    def _ask(self) -> bool:
        """Take the provider's keys anew; those known stay where it does not answer as it should."""
        from joserfc.errors import JoseError
        from joserfc.jwk import JWKRegistry

        try:
            about = self._fetch(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            if about["issuer"] != self._issuer:
                return False
            given = self._fetch(about["jwks_uri"])["keys"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        found: dict[str | None, list[Key]] = {}
        for one in given if isinstance(given, list) else []:
            if not isinstance(one, dict) or one.get("kty") not in _KEY_TYPES or one.get("use", "sig") != "sig":
                continue
            try:
                found.setdefault(one.get("kid"), []).append(JWKRegistry.import_key(one))
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # a kind of key that is not known here is none of a token's that is
        self._keys = found
        return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _header(token: str) -> dict[str, Any] | None:
    """The header of a signed token; None for anything else."""
    first, _, rest = token.partition(".")
    if not token.isascii() or len(token) > _MOST_TOKEN_BYTES or rest.count(".") != 1:
        return None
    try:
        header = json.loads(base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, dict) else None
