"""`tessera evaluate identity` on a home of its own: every metric, the stability against an earlier export, bad files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.command_line import Tessera

EMAILS = ["ann@post.example.com", "ann@post.example.com", "bob@post.example.com", "cy@post.example.com"]


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "shop").mkdir()
    ids = [f"a{i}" for i in range(len(EMAILS))]
    pq.write_table(pa.table({"account_id": ids, "email": EMAILS}), folder / "shop" / "accounts.parquet")
    pq.write_table(pa.table({"kind": ["account"] * 4, "id": ids, "person": ["x", "x", "y", "z"]}), folder / "truth.parquet")
    tessera = Tessera(folder / "home")
    tessera("ingest", folder / "shop", "--quiet")
    tessera("resolve", "--quiet")
    tessera("export", "identities", "--out", folder / "identities.parquet")
    return tessera


def test_every_metric_is_given(resolved: Tessera) -> None:
    folder = resolved.home.parent
    found = resolved.json("evaluate", "identity", "--truth", folder / "truth.parquet")
    assert (found["records"], found["missing"], found["pair_f1"], found["b3_f1"], found["ari"]) == (4, 0, 1, 1, 1)
    assert (found["pair_f1_low"], found["pair_f1_high"]) == (1, 1)
    assert found["candidate_pairs"] >= 1
    assert 0 <= found["calibration_error"] < 0.1
    assert "changed" not in found
    assert "brier_skill" in resolved("evaluate", "identity", "--truth", folder / "truth.parquet").out


def test_an_earlier_export_gives_the_churn(resolved: Tessera, tmp_path: Path) -> None:
    folder = resolved.home.parent
    call = ("evaluate", "identity", "--truth", folder / "truth.parquet", "--before")
    same = resolved.json(*call, folder / "identities.parquet")
    assert (same["old_records"], same["changed"], same["unresolved"], same["retired_ids"]) == (4, 0, 0, 0)
    earlier = pq.read_table(folder / "identities.parquet").to_pylist()
    earlier[0]["person_id"] = "pnobody"
    pq.write_table(pa.Table.from_pylist(earlier), tmp_path / "earlier.parquet")
    other = resolved.json(*call, tmp_path / "earlier.parquet")
    assert (other["changed"], other["unresolved"], other["unresolved_ids"]) == (0.25, 0.25, 1)


def test_bad_files_are_said_in_one_line(resolved: Tessera, tmp_path: Path) -> None:
    truth = resolved.home.parent / "truth.parquet"
    (tmp_path / "truth.csv").write_text("kind,id,person\naccount,a0,\n")
    (tmp_path / "before.csv").write_text("kind,id\naccount,a0\n")
    assert "no person in row 1" in resolved.refuses("evaluate", "identity", "--truth", tmp_path / "truth.csv")
    assert "person_id" in resolved.refuses("evaluate", "identity", "--truth", truth, "--before", tmp_path / "before.csv")
    assert "absent.csv" in resolved.refuses("evaluate", "identity", "--truth", truth, "--before", tmp_path / "absent.csv")
