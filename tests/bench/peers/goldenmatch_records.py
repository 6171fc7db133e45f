"""goldenmatch without any configuration. A process of its own:

    python tests/bench/peers/goldenmatch_records.py ACCOUNTS.parquet CLUSTERS.parquet MODE

MODE `plain` is `dedupe_df(table)`, as its guide starts, on the table as it is; `probabilistic` hands it the configuration that
its own `auto_configure_probabilistic_df` finds for the columns without the account id. CLUSTERS gets id, cluster. Prints JSON:
version, peak_bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def main(accounts: str, clusters: str, mode: str) -> None:
    """Link, write, report."""
    try:
        import goldenmatch
    except ImportError:
        raise SystemExit(
            "goldenmatch is not installed for this interpreter: pip install 'goldenmatch[polars]==3.22.*' into an environment of "
            "its own and name its interpreter with --peer-python"
        ) from None
    table = pq.read_table(accounts)
    records = table.drop_columns(["account_id"]) if mode == "probabilistic" else table
    config = goldenmatch.auto_configure_probabilistic_df(records) if mode == "probabilistic" else None
    found = goldenmatch.dedupe_df(records, config=config)
    ids = table["account_id"].to_pylist()
    rows = [(ids[member], str(name)) for name, cluster in found.clusters.items() for member in cluster["members"]]
    columns = {"id": pa.array([i for i, _ in rows], pa.string()), "cluster": pa.array([c for _, c in rows], pa.string())}
    pq.write_table(pa.table(columns), clusters)
    peak = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(json.dumps({"version": goldenmatch.__version__, "peak_bytes": int(peak[0]) * 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
