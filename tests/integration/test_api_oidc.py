"""Tokens of an identity provider, over real HTTP: what counts, what does not, rotated keys, a provider that is down."""

from __future__ import annotations

import hashlib
import hmac
import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_home import bearer
from identity_provider import AUDIENCE, IdentityProvider, by_hand, identity_provider
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.testclient import TestClient

from api.http.app import create_app
from api.http.oidc import IssuerUnavailable, Provider
from api.settings import Settings, load_settings
from graph.errors import SettingsError


class Clock:
    """Now, and how much later it is made to be."""

    later = 0.0

    def __call__(self) -> float:
        return time.time() + self.later


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(idp: IdentityProvider, clock: Clock) -> Provider:
    return Provider(idp.issuer, AUDIENCE, tenant_claim="tenant", scope_claim="scope", clock=clock)


def test_a_token_states_subject_tenant_and_scopes(idp: IdentityProvider, provider: Provider) -> None:
    stated = provider.check(idp.token())
    assert stated is not None
    assert (stated.tenant, stated.scopes) == ("acme", {"openid", "audiences:read"})
    assert stated.subject.startswith("oidc-")
    assert "somebody" not in stated.subject
    assert provider.check(idp.token(scope=["tags:read", 3])).scopes == {"tags:read"}  # type: ignore[union-attr]
    assert provider.known(idp.token(jti="another")) is None
    assert idp.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256", "ES256", "ES384"])
def test_asymmetric_algorithms_count(idp: IdentityProvider, provider: Provider, algorithm: str) -> None:
    curve = {"ES256": "P-256", "ES384": "P-384"}.get(algorithm)
    if curve:
        idp.keys["first"] = ECKey.generate_key(curve, {"kid": "first"})
    assert provider.check(idp.token(algorithm=algorithm)) is not None


def test_what_is_wrong_is_no_token(idp: IdentityProvider, provider: Provider) -> None:
    now = int(time.time())
    stranger = RSAKey.generate_key(2048, {"kid": "first"})
    claims = {"iss": idp.issuer, "aud": AUDIENCE, "sub": "x", "exp": now + 300, "tenant": "acme", "scope": "admin"}
    public = idp.keys["first"].as_pem(private=False)
    unsigned = by_hand({"alg": "HS256", "kid": "first"}, claims).rpartition(".")[0]
    forged = by_hand({"alg": "HS256", "kid": "first"}, claims, hmac.digest(public, unsigned.encode(), hashlib.sha256))
    good = idp.token()
    wrong = {
        "expired": idp.token(exp=now - 31),
        "not yet": idp.token(nbf=now + 60),
        "without an end": idp.token(exp=None),
        "an end that is no number": idp.token(exp="never"),
        "another audience": idp.token(aud="another"),
        "no audience": idp.token(aud=None),
        "another issuer": idp.token(iss="https://evil.example"),
        "no subject": idp.token(sub=None),
        "no tenant": idp.token(tenant=None),
        "a tenant that is no text": idp.token(tenant=["acme"]),
        "scopes that are no text": idp.token(scope={"a": 1}),
        "another key": idp.token(key=stranger),
        "alg none": by_hand({"alg": "none", "kid": "first"}, claims),
        "alg None": by_hand({"alg": None}, claims),
        "the public key as a secret": forged,
        "no alg": by_hand({"kid": "first"}, claims),
        "another alg than the key's": by_hand({"alg": "ES256", "kid": "first"}, claims, b"x" * 64),
        "kid no text": by_hand({"alg": "RS256", "kid": ["first"]}, claims),
        "changed": good[:-6] + ("AAAAAA" if good[-6:] != "AAAAAA" else "BBBBBB"),
        "without signature": good.rpartition(".")[0] + ".",
        "cut": good[:40] + "..",
        "not ascii": "ä" + good,
        "huge": good + "A" * 20_000,
        "no JSON": "AAAA.BBBB.CCCC",
    }
    assert [name for name, token in wrong.items() if provider.check(token) is not None] == []
    assert provider.check(good) is not None


def test_times_have_a_small_leeway_and_are_looked_at_again(idp: IdentityProvider, provider: Provider, clock: Clock) -> None:
    now = int(time.time())
    assert provider.check(idp.token(exp=now - 10, nbf=now + 10)) is not None
    token = idp.token(exp=now + 20)
    assert provider.check(token) is not None
    assert provider.known(token) is not None
    clock.later = 55
    assert provider.known(token) is None
    assert provider.check(token) is None
    assert provider.check(idp.token(exp=10**400)) is not None


def test_keys_that_do_not_sign_are_left_alone(idp: IdentityProvider, provider: Provider) -> None:
    secret = OctKey.generate_key(256, {"kid": "secret"})
    idp.others = [secret.as_dict(private=True), {"kty": "odd"}, {"kty": "RSA", "n": 3}, "text", None]
    idp.keys["for encryption"] = RSAKey.generate_key(2048, {"kid": "for encryption", "use": "enc"})
    assert provider.check(idp.token()) is not None
    assert provider.check(idp.token(None)) is not None
    signing = RSAKey.import_key({k: v for k, v in idp.keys["for encryption"].as_dict(private=True).items() if k != "use"})
    assert provider.check(idp.token("for encryption", key=signing)) is None


def test_rotated_keys_are_found_and_withdrawn_ones_forgotten(idp: IdentityProvider, provider: Provider, clock: Clock) -> None:
    old = idp.token()
    assert provider.check(old) is not None
    idp.keys = {"second": ECKey.generate_key("P-256", {"kid": "second"})}
    assert provider.check(idp.token("second", algorithm="ES256")) is None  # asked a moment ago
    asked = len(idp.asked)
    clock.later = 11
    assert provider.check(idp.token("second", algorithm="ES256")) is not None
    assert len(idp.asked) == asked + 2
    assert provider.check(old) is None


def test_made_up_key_ids_do_not_make_it_ask_without_end(idp: IdentityProvider, provider: Provider) -> None:
    for n in range(30):
        assert provider.check(by_hand({"alg": "RS256", "kid": f"made-up-{n}"}, {}, b"x" * 256)) is None
    assert len(idp.asked) == 2


def test_without_the_provider_known_keys_hold_and_unknown_ones_are_to_be_tried_again(
    idp: IdentityProvider, provider: Provider, clock: Clock
) -> None:
    idp.down = True
    with pytest.raises(IssuerUnavailable) as raised:
        provider.check(idp.token())
    assert 1 <= raised.value.retry_after_seconds <= 10
    idp.down = False
    clock.later = 11
    assert provider.check(idp.token()) is not None
    idp.down = True
    clock.later = 700  # the keys are old now, and hold on
    assert provider.check(idp.token(exp=int(time.time()) + 1000)) is not None
    idp.keys["new"] = RSAKey.generate_key(2048, {"kid": "new"})
    clock.later = 720
    with pytest.raises(IssuerUnavailable):
        provider.check(idp.token("new", exp=int(time.time()) + 1000))


def test_a_provider_that_says_it_is_another_gives_no_keys(idp: IdentityProvider, provider: Provider) -> None:
    idp.announced = "https://evil.example"
    with pytest.raises(IssuerUnavailable):
        provider.check(idp.token())


def test_over_the_api(idp: IdentityProvider, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", oidc_issuer=idp.issuer, oidc_audience=AUDIENCE)
    idp.down = True
    with TestClient(create_app(settings, log_stream=io.StringIO())) as client:  # starts without its provider
        client.app.state.resources.control.tenants.ensure("acme", now=datetime.now(UTC))  # type: ignore[attr-defined]
        answer = client.get("/v1/audiences", headers=bearer(idp.token()))
        assert answer.status_code == 503
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert answer.json()["type"] == "urn:tessera:problem:unavailable"
    idp.down = False
    log = io.StringIO()
    with TestClient(create_app(settings, log_stream=log)) as client:
        assert client.get("/v1/audiences", headers=bearer(idp.token())).status_code == 200
        assert client.get("/v1/audiences", headers=bearer(idp.token())).status_code == 200
        assert client.get("/v1/tags", headers=bearer(idp.token())).status_code == 403
        for tenant in ("umbrella", "ACME", "a" * 100, "../acme", "acme\n"):
            refused = client.get("/v1/audiences", headers=bearer(idp.token(tenant=tenant)))
            assert (refused.status_code, refused.json()["type"]) == (401, "urn:tessera:problem:no-key")
        assert client.get("/v1/audiences", headers=bearer(idp.token(aud="another"))).status_code == 401
        assert client.post("/v1/track", json={}, auth=(idp.token(), "")).status_code == 403
    assert "somebody" not in log.getvalue()


def test_an_issuer_needs_an_audience_and_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_OIDC_ISSUER", "https://login.example.org")
    with pytest.raises(SettingsError, match="TESSERA_OIDC_AUDIENCE"):
        load_settings()
    monkeypatch.setenv("TESSERA_OIDC_AUDIENCE", AUDIENCE)
    assert load_settings().oidc_tenant_claim == "tenant"
    monkeypatch.setenv("TESSERA_OIDC_ISSUER", "http://login.example.org")
    with pytest.raises(SettingsError, match=r"TESSERA_OIDC_ISSUER: .*https"):
        load_settings()
