"""Named requests: one claim at a time, answers kept for a day, claims of the dead taken over, nothing readable in the store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graph.control import Claim, Control, KeptAnswer, Refused, sqlite_url
from graph.control.idempotency import KEPT, LEASE

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ANSWER = KeptAnswer(201, {"location": "/v1/audiences/aud-1"}, b"{}")
A, B = b"a" * 32, b"b" * 32


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        for tenant in ("acme", "umbrella"):
            opened.tenants.ensure(tenant, now=NOW)
        yield opened


def claimed(control: Control, name: str = "n", request: bytes = A, now: datetime = NOW) -> Claim:
    claim = control.named_requests.claim("acme", name, request, now=now)
    assert isinstance(claim, Claim)
    return claim


def test_the_first_answer_is_given_again_for_a_day(control: Control) -> None:
    named = control.named_requests
    claim = claimed(control)
    assert named.claim("acme", "n", A, now=NOW) is Refused.IN_FLIGHT
    assert named.claim("acme", "n", B, now=NOW) is Refused.ANOTHER
    assert named.answer(claim, ANSWER)
    nearly = NOW + KEPT - timedelta(seconds=1)
    assert named.claim("acme", "n", A, now=nearly) == ANSWER
    assert named.claim("acme", "n", B, now=nearly) is Refused.ANOTHER
    assert isinstance(named.claim("umbrella", "n", A, now=nearly), Claim)
    assert isinstance(named.claim("acme", "n", B, now=NOW + KEPT), Claim)


def test_what_was_given_up_may_be_asked_anew(control: Control) -> None:
    named = control.named_requests
    named.give_up(claimed(control))
    second = claimed(control, request=B)
    assert named.answer(second, ANSWER)
    named.give_up(second)  # an answer stays
    assert named.claim("acme", "n", B, now=NOW) == ANSWER


def test_a_claim_that_was_taken_over_counts_no_more(control: Control) -> None:
    named = control.named_requests
    slow = claimed(control)
    later = NOW + LEASE
    quick = claimed(control, now=later)
    assert not named.answer(slow, KeptAnswer(201, {}, b"slow"))
    named.give_up(slow)
    assert named.claim("acme", "n", A, now=later) is Refused.IN_FLIGHT
    assert named.answer(quick, ANSWER)
    assert named.claim("acme", "n", A, now=later) == ANSWER


_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from graph.control import Control, KeptAnswer
control = Control(sys.argv[1])
now = datetime(2026, 6, 1, tzinfo=UTC)
done = control.named_requests.claim("acme", "done", b"a" * 32, now=now)
control.named_requests.answer(done, KeptAnswer(201, {}, b"done"))
control.named_requests.claim("acme", "half", b"a" * 32, now=now)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_no_answer_and_blocks_nobody_for_longer_than_a_lease(control: Control, tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", _KILLED, sqlite_url(tmp_path)], check=False)
    assert dead.returncode == -9
    named = control.named_requests
    assert named.claim("acme", "done", A, now=NOW) == KeptAnswer(201, {}, b"done")
    assert named.claim("acme", "half", A, now=NOW + LEASE - timedelta(seconds=1)) is Refused.IN_FLIGHT
    assert isinstance(named.claim("acme", "half", A, now=NOW + LEASE), Claim)


def test_of_many_at_once_one_is_done(control: Control) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: control.named_requests.claim("acme", "n", A, now=NOW), range(24)))
    assert sum(isinstance(one, Claim) for one in found) == 1
    assert found.count(Refused.IN_FLIGHT) == 23


def test_no_name_is_in_the_files(control: Control, tmp_path: Path) -> None:
    claimed(control, name="somebody@example.org")
    assert not any(b"somebody" in file.read_bytes() for file in tmp_path.iterdir())
