"""API keys: shown once, hashed, revoked at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.control import Control, Scope, sqlite_url

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path_factory.mktemp("control"))) as opened:
        opened.tenants.ensure("acme", now=NOW)
        opened.tenants.ensure("other", now=NOW)
        yield opened


def test_a_token_gives_its_key_back(control: Control) -> None:
    key, token = control.keys.create("acme", [Scope.TAGS, Scope.IDENTITIES, Scope.TAGS], now=NOW, name="web")
    assert token.startswith(f"tessera_{key.key_id}_")
    assert control.keys.verify(token, now=NOW) == key
    assert (key.tenant_id, key.name, key.scopes) == ("acme", "web", {Scope.TAGS, Scope.IDENTITIES})
    assert key.may(Scope.TAGS)
    assert not key.may(Scope.ADMIN)
    assert key in control.keys.all("acme")
    assert key not in control.keys.all("other")


def test_another_secret_under_the_same_id_is_no_key(control: Control) -> None:
    key, token = control.keys.create("acme", [Scope.TAGS], now=NOW)
    _, other = control.keys.create("acme", [Scope.TAGS], now=NOW)
    assert control.keys.verify(token, now=NOW) == key  # remembered from here on
    assert control.keys.verify(token[:-1] + ("A" if token[-1] != "A" else "B"), now=NOW) is None
    assert control.keys.verify(f"tessera_{key.key_id}_{other.split('_', 2)[2]}", now=NOW) is None


def test_a_revoked_key_stops_at_once_in_every_process(control: Control, tmp_path: Path) -> None:
    key, token = control.keys.create("acme", [Scope.TAGS], now=NOW)
    with Control("sqlite:///" + control.address) as elsewhere:
        assert elsewhere.keys.verify(token, now=NOW) == control.keys.verify(token, now=NOW) == key
        assert control.keys.revoke(key.key_id, now=NOW)
        assert control.keys.verify(token, now=NOW) is None
        assert elsewhere.keys.verify(token, now=NOW) is None
    assert not control.keys.revoke(key.key_id, now=NOW)
    assert not control.keys.revoke("unknown", now=NOW)
    assert next(k for k in control.keys.all() if k.key_id == key.key_id).revoked_at == NOW


def test_a_remembered_token_skips_the_hash_until_its_time_is_up(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    key, token = control.keys.create("acme", [Scope.TAGS], now=NOW)
    hashed: list[str | bytes] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            hashed.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(control.keys, "_hasher", Counting())
    for seconds, hashes in [(0, 1), (59, 1), (60, 2), (61, 2)]:
        assert control.keys.verify(token, now=NOW + timedelta(seconds=seconds)) == key
        assert len(hashed) == hashes


def test_the_secret_is_nowhere_in_the_files(control: Control) -> None:
    _, token = control.keys.create("acme", [Scope.TAGS], now=NOW)
    control.keys.verify(token, now=NOW)
    secret = token.split("_", 2)[2].encode()
    for file in Path(control.address).parent.iterdir():
        assert secret not in file.read_bytes()


def test_an_unknown_scope_is_a_mistake_of_the_caller(control: Control) -> None:
    with pytest.raises(ValueError, match="everything"):
        control.keys.create("acme", ["everything"], now=NOW)  # type: ignore[list-item]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(),
        st.text().map(lambda t: f"tessera_{t}"),
        st.tuples(st.text(), st.text()).map(lambda t: f"tessera_{t[0]}_{t[1]}"),
    )
)
def test_any_other_text_is_no_key(control: Control, token: str) -> None:
    assert control.keys.verify(token, now=NOW) is None
    assert control.keys.verify(token + "\ud800", now=NOW) is None
