"""How many records change their person when the data grow: 90 % of the records resolved, then all of them, rows shuffled and
parameters fitted anew, in the same home. Splink, whose cluster ids are made anew by every run, is the yardstick.

    python -m tests.bench.bench_churn [--only febrl3,synthetic] [--records 50000] [--seed 0] [--peers splink]
        [--peer-python PYTHON] [--without-tessera] [--keep FOLDER]

Changed: share of the records of the first run that have another person id after the second, no alias followed. Every retired id
of Tessera must lead to a living person by its identity log. Exit code 1 where a tool fails or an id leads nowhere.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from graph.evaluation_churn import evaluate_churn
from graph.home import Home
from graph.resolve import IdentityLog
from tests.bench.bench_identity import SETS, sources
from tests.bench.harness import machine, show
from tests.bench.peers.runs import ToolFailed, run_peer, run_tessera, tessera_command

FIRST = 0.9
"""Share of the records in the first run."""


def halves(source: Path, folder: Path, seed: int) -> tuple[Path, Path]:
    """Two source folders of one name: the first run's records in their order, and all of them shuffled."""
    accounts = pq.read_table(source / "accounts.parquet")
    rng = np.random.default_rng([seed, 90])
    first = np.sort(rng.permutation(accounts.num_rows)[: round(FIRST * accounts.num_rows)])
    found = []
    for step, rows in (("first", first), ("second", rng.permutation(accounts.num_rows))):
        path = folder / step / "records"
        path.mkdir(parents=True, exist_ok=True)
        pq.write_table(accounts.take(pa.array(rows)), path / "accounts.parquet")
        found.append(path)
    return found[0], found[1]


def row(tool: str, before: pa.Table, after: pa.Table, aliases: Mapping[str, str] | None) -> dict[str, object]:
    """One row of the table."""
    found = evaluate_churn(before, after, aliases)
    return {
        "tool": tool,
        "old records": f"{found['old_records']:,.0f}",
        "changed": f"{found['changed']:.4%}",
        "retired ids": f"{found['retired_ids']:,.0f}",
        "of which lead nowhere": f"{found['unresolved_ids']:,.0f}",
        "old records whose id leads nowhere": f"{found['unresolved']:.4%}",
    }


def tessera_churn(first: Path, second: Path, folder: Path) -> tuple[dict[str, object], int]:
    """The row, and how many retired ids lead nowhere by the identity log."""
    help_text, _ = tessera_command(folder / "home", "resolve", "--help")
    refit = ("resolve", "--refit") if "--refit" in help_text.output else ("resolve",)
    before = run_tessera(first, folder).identities
    after = run_tessera(second, folder, refit).identities
    with IdentityLog(Home.open(folder / "home").identity, create=False) as log:
        nowhere = sum(log.current(person) is None for person in before["person_id"].unique().to_pylist())
        return row(f"tessera {' '.join(refit)}", before, after, log.aliases()), nowhere


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="febrl3,synthetic", help=f"of {', '.join(SETS)}")
    parser.add_argument("--records", type=int, default=50_000, help="size of the synthetic set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", default="splink", help="splink, goldenmatch or goldenmatch-probabilistic; empty for none")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers installed")
    parser.add_argument("--without-tessera", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    options = parser.parse_args()
    print(machine())
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        for name, source, _ in sources(options.only.split(","), options.records, options.seed, folder):
            work = folder / f"churn-{name.split(',')[0]}"
            first, second = halves(source, work, options.seed)
            rows = []
            try:
                if not options.without_tessera:
                    found, nowhere = tessera_churn(first, second, work)
                    rows.append(found)
                    failures += nowhere
                for peer in (p for p in options.peers.split(",") if p):
                    runs = [
                        run_peer(peer, part, work / step, options.peer_python) for step, part in (("1", first), ("2", second))
                    ]
                    rows.append(row(runs[0].tool, runs[0].identities, runs[1].identities, None))
            except ToolFailed as error:
                failures += 1
                print(error, file=sys.stderr)
            if rows:
                show(name, rows)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
