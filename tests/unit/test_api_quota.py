"""Quotas: never more than the limit, days apart, written in groups, nothing lost by a store that fails for a while."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.http.principal import Principal
from api.http.quota import QuotaMeter
from graph.control import Control, ControlUnavailable, Quota, QuotaUse, Scope, sqlite_url

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path_factory.mktemp("control"))) as opened:
        opened.tenants.ensure("acme", now=NOON)
        yield opened


def principal(control: Control, quota: Quota) -> Principal:
    key, token = control.keys.create("acme", [Scope.TAGS], now=NOON, quota=quota)
    assert control.keys.verify(token, now=NOON) == key
    assert key in control.keys.all()
    return Principal(key.key_id, key.tenant_id, key.scopes, key.quota)


def test_a_day_ends_at_midnight_of_utc(control: Control) -> None:
    meter, who = QuotaMeter(control.quotas), principal(control, Quota(requests_per_day=2))
    assert [meter.take_request(who, NOON).left for _ in range(3)] == [1, 0, -1]  # type: ignore[union-attr]
    refused = meter.take_request(who, NOON)
    assert refused is not None
    assert refused.reset_seconds == 12 * 3600
    midnight = datetime(2026, 6, 2, tzinfo=UTC)
    before = meter.take_request(who, midnight - timedelta(microseconds=1))
    assert before is not None
    assert (before.left, before.reset_seconds) == (-1, 1)
    assert meter.take_request(who, midnight).left == 1  # type: ignore[union-attr]


def test_keys_without_a_quota_cost_nothing(control: Control) -> None:
    meter, who = QuotaMeter(control.quotas), principal(control, Quota())
    assert meter.knows(who, NOON)
    assert meter.take_request(who, NOON) is None
    assert meter.take_rows(who, 10**9, NOON) is None


def test_what_is_written_is_known_to_the_next(control: Control) -> None:
    who = principal(control, Quota(requests_per_day=10, rows_per_day=100))
    first = QuotaMeter(control.quotas)
    for _ in range(3):
        first.take_request(who, NOON)
    first.take_rows(who, 40, NOON)
    assert control.quotas.used(who.key_id, NOON.date()) == QuotaUse()
    first.flush()
    first.flush()
    assert control.quotas.used(who.key_id, NOON.date()) == QuotaUse(3, 40)
    second = QuotaMeter(control.quotas)
    assert second.take_request(who, NOON).left == 6  # type: ignore[union-attr]
    assert second.take_rows(who, 61, NOON).left == -1  # type: ignore[union-attr]
    assert second.take_rows(who, 60, NOON).left == 0  # type: ignore[union-attr]


def test_a_store_that_fails_for_a_while_loses_nothing(control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    meter, who = QuotaMeter(control.quotas), principal(control, Quota(requests_per_day=10))
    meter.take_request(who, NOON)
    with monkeypatch.context() as patched:

        def fails(_: object) -> None:
            raise ControlUnavailable("nowhere", "busy")

        patched.setattr(control.quotas, "add", fails)
        with pytest.raises(ControlUnavailable):
            meter.flush()
    meter.take_request(who, NOON)
    meter.flush()
    assert control.quotas.used(who.key_id, NOON.date()) == QuotaUse(requests=2)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 50), st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=20))
def test_never_more_rows_than_the_limit(control: Control, limit: int, asked: list[tuple[int, bool]]) -> None:
    who = principal(control, Quota(rows_per_day=limit))
    meter, given_out = QuotaMeter(control.quotas), 0
    for rows, restart in asked:
        allowance = meter.take_rows(who, rows, NOON)
        assert allowance is not None
        if allowance.left >= 0:
            given_out += rows
            assert allowance.left == limit - given_out
        else:
            assert given_out + rows > limit
        if restart:
            meter.flush()
            meter = QuotaMeter(control.quotas)
    assert given_out <= limit
