"""Lookalikes by every part alone and by what Tessera does, on hidden segments, each judged by a referee of its own.

    python -m tests.bench.bench_lookalike CASES --referee score.py [--simple FOLDER]

CASES is what the referee's `lookalike-cases` wrote: `input` (a source without labels), `seeds/NAME.csv`, `members.json`, which is
copied to it one segment at a time and not read. `--simple` holds a folder of predictions for each plain method, NAME.parquet as
the referee takes them. Differences are to the best plain method by AUC; intervals are over the segments, 95 %, normal.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from api import pipeline
from api.settings import Settings
from api.workspace import Workspace
from gnn import registry
from gnn.lookalike import Positions, positions_of
from gnn.lookalike.feedback import Feedback
from gnn.lookalike.ranking import PARTS
from gnn.lookalike.seeds import Prepared, prepare
from graph.files import read_table
from graph.progress import ignore_progress
from graph.resolve import load
from tests.bench.harness import machine, show

Figures = npt.NDArray[np.float64]
_AUC, _LIFT = 0, 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("--referee", type=Path, required=True)
    parser.add_argument("--simple", type=Path)
    arguments = parser.parse_args()
    print(machine(), flush=True)
    cases: Path = arguments.cases
    segments = sorted(f.stem for f in (cases / "seeds").glob("*.csv"))
    judge = _judge(arguments.referee, cases)
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
        predicted = Path(folder) / "predicted"
        _predict(Workspace.open(Settings(home=Path(folder) / "home")), cases, segments, predicted)
        found = {method.name: judge(method, segments) for method in sorted(predicted.iterdir())}
    simple = {}
    if arguments.simple is not None:
        simple = {f.name: judge(f, segments) for f in sorted(arguments.simple.iterdir()) if f.is_dir()}
    best = max(simple, key=lambda name: simple[name][:, _AUC].mean(), default=None)
    rows = []
    for name, figures in [*simple.items(), *found.items()]:
        row = {"method": name, "AUC": _interval(figures[:, _AUC]), "lift at 1 %": _interval(figures[:, _LIFT], 2)}
        if best is not None:
            row[f"AUC over {best}"] = _interval((figures - simple[best])[:, _AUC], signed=True)
            row[f"lift over {best}"] = _interval((figures - simple[best])[:, _LIFT], 2, signed=True)
        rows.append(row)
    show(f"{len(segments)} hidden segments", rows)


def _predict(workspace: Workspace, cases: Path, segments: list[str], out: Path) -> None:
    """Train on the cases' input; scores of everybody for each segment, by each part and by the product, in folders."""
    pipeline.run(workspace, [cases / "input"], seed=0, replace_graph=False, progress=ignore_progress)
    identities = load(workspace.home).members.select(["kind", "id", "person_id"])
    ids, positions = positions_of(registry.current(workspace.home.models))
    members = {(r["kind"], r["id"]): r["person_id"] for r in identities.to_pylist()}
    for segment in segments:
        listed = read_table(cases / "seeds" / f"{segment}.csv").to_pylist()
        seeds = pa.array([members[r["kind"], str(r["id"])] for r in listed])
        prepared = prepare(positions, ids, seeds, seed=0)
        for name, scores in _scores(prepared, positions).items():
            folder = out / name
            folder.mkdir(parents=True, exist_ok=True)
            kept = np.setdiff1d(np.arange(len(ids)), prepared.places)
            table = pa.table({"person_id": ids.take(pa.array(kept)), "score": scores[kept].astype(np.float64)})
            pq.write_table(table, folder / f"{segment}.parquet")
    for folder in out.iterdir():
        pq.write_table(identities, folder / "identities.parquet")


def _scores(prepared: Prepared, positions: Positions) -> dict[str, npt.NDArray[np.float32]]:
    found = {name: prepared.ranking(name).everybody(positions) for name in PARTS}
    blend = prepared.ranking("blend")
    assert isinstance(blend, Feedback)
    found["blend without feedback"] = blend.first.everybody(positions)
    found["Tessera"] = prepared.ranking(prepared.trial.method).everybody(positions)
    return found


def _judge(referee: Path, cases: Path) -> Callable[[Path, list[str]], Figures]:
    """What the referee says of a folder of predictions, a segment at a time: (segments, 2) AUC and lift at 1 %."""
    spec = importlib.util.spec_from_file_location("referee", referee)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    truth = json.loads((cases / "members.json").read_text())

    def judge(predicted: Path, segments: list[str]) -> Figures:
        figures = []
        with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
            one = Path(folder)
            for name in ("input", "seeds"):
                (one / name).symlink_to((cases / name).absolute())
            for segment in segments:
                (one / "members.json").write_text(json.dumps({segment: truth[segment]}))
                said = module.lookalike(argparse.Namespace(cases=str(one), predicted=str(predicted)))
                figures.append((said["auc"], said["lift_at_1_percent"]))
        return np.array(figures)

    return judge


def _interval(values: Figures, digits: int = 4, *, signed: bool = False) -> str:
    half = 1.96 * float(values.std(ddof=1)) / len(values) ** 0.5
    return f"{values.mean():{'+' if signed else ''}.{digits}f} ± {half:.{digits}f}"


if __name__ == "__main__":
    main()
