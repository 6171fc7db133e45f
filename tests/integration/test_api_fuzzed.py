"""Schemathesis finds nothing: no server error, no answer that the document does not have, valid data taken, invalid data refused.

The seed is fixed and the run short; `python -m tests.integration.api_fuzzing` is the long one.
"""

from __future__ import annotations

from pathlib import Path

from api_fuzzing import fuzz
from api_home import known_values, plant


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    planted = plant(tmp_path / "home")
    found = fuzz(planted.home, planted.full, known_values(planted), examples=3, seed=1, hasty=True)
    assert found.defects == ()
    assert found.code == 0, found.output[-20_000:]
    assert "Tested: " in found.output
