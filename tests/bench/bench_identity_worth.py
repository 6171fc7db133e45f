"""What identity is worth: tags of people in pieces, with and without sign-ins that put them together.

    python -m tests.bench.bench_identity_worth SOURCE [--seeds 5]

Each account of SOURCE becomes two devices: its events, relations and labels go to one of them at random, tags of an account
together. Every second account signs in on both of its devices. 30 % of the labelled accounts are hidden, with their tagging
events; the truth of a data set is never read. Judged are the hidden accounts' tags, each by one of its two devices, drawn, having
learned from single devices (without the sign-ins), from resolved people (with them), and where every account signs in.
The tables give mAP with the 95 % interval of the mean over seeds, and the paired difference to single devices, once for those
who signed in and once for all; within a seed intervals are those of a bootstrap over persons.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gnn.evaluate.paired import PairedDifference, paired_difference
from gnn.features.population import Population
from gnn.training.options import TrainingOptions
from tests.bench.bench_interests import interval
from tests.bench.harness import machine, show
from tests.bench.populations import Floats, resolved_population, tagged

Strings = npt.NDArray[np.str_]
_SINGLE, _RESOLVED, _WHOLE = "single devices", "every second signs in", "everybody signs in"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    print(machine())
    found: dict[tuple[str, str], list[PairedDifference]] = {}
    for seed in range(arguments.seeds):
        for key, difference in one(arguments.source, seed).items():
            found.setdefault(key, []).append(difference)
            told = f"{difference.first:.4f} to {difference.second:.4f}"
            print(
                f"seed {seed}, {key[0]}, {key[1]}: {told}, {difference.low:+.4f} to {difference.high:+.4f}, "
                f"{difference.persons} persons",
                flush=True,
            )
    show(
        f"mAP of hidden people's tags, {arguments.seeds} seeds",
        [
            {
                "people": key[0],
                "judged": key[1],
                "mAP": interval([d.second for d in rows]),
                _SINGLE: interval([d.first for d in rows]),
                "difference": interval([d.difference for d in rows]),
            }
            for key, rows in found.items()
        ],
    )


def one(source: Path, seed: int) -> dict[tuple[str, str], PairedDifference]:
    """(world, who is judged) → difference of mAP to single devices."""
    generator = np.random.default_rng([seed, 41])
    accounts = np.array(sorted(pq.read_table(source / "accounts.parquet")["account_id"].to_pylist()))
    signed_in = np.zeros(len(accounts), np.bool_)
    signed_in[generator.permutation(len(accounts))[::2]] = True
    labelled = np.unique(pq.read_table(source / "labels.parquet")["subject_id"].to_numpy(zero_copy_only=False).astype(str))
    hidden = np.sort(generator.permutation(labelled)[: int(0.3 * len(labelled))])
    judged = np.array([f"{account}/{generator.integers(2)}" for account in hidden])
    scores: dict[str, tuple[list[str], Floats]] = {}
    for world, joined in ((_SINGLE, np.zeros_like(signed_in)), (_RESOLVED, signed_in), (_WHOLE, np.ones_like(signed_in))):
        with tempfile.TemporaryDirectory(prefix="tessera-worth-") as folder:
            split(source, Path(folder), hidden, accounts[joined], seed)
            data, person_of = resolved_population(Path(folder))
        values = tagged(data, TrainingOptions(seed=seed), np.flatnonzero(data.labelled))
        scores[world] = data.tags, values[rows_of(data, person_of, judged)]
    common = sorted(set.intersection(*(set(tags) for tags, _ in scores.values())))
    truth = truth_of(source, hidden, common)
    aligned = {world: values[:, [tags.index(t) for t in common]] for world, (tags, values) in scores.items()}
    of_signed_in = np.isin(hidden, accounts[signed_in])
    parts = [
        (_RESOLVED, "who signed in", of_signed_in),
        (_RESOLVED, "all", np.ones_like(of_signed_in)),
        (_WHOLE, "all", np.ones_like(of_signed_in)),
    ]
    return {
        (world, who): paired_difference(truth[rows], aligned[_SINGLE][rows], aligned[world][rows], seed=seed)
        for world, who, rows in parts
    }


def split(source: Path, folder: Path, hidden: Strings, joined: Strings, seed: int) -> None:
    """Write the source as one of devices; the same seed deals alike, whoever is joined."""
    generator = np.random.default_rng([seed, 43])

    def dealt(ids: pa.ChunkedArray, together: pa.ChunkedArray | None = None) -> pa.Array:
        """One of the two devices for each row, or for all rows of an account."""
        if together is None:
            side = generator.integers(0, 2, len(ids))
        else:
            _, place = np.unique(together.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
            side = generator.integers(0, 2, place.max() + 1)[place]
        return pc.binary_join_element_wise(ids, pa.array(side.astype(str)), "/")

    events = pq.read_table(source / "events.parquet")
    spoken = pc.and_(pc.equal(events["type"], "tag"), pc.is_in(events["account_id"], pa.array(hidden)))
    events = events.filter(pc.invert(spoken))
    events = events.append_column("device_id", dealt(events["account_id"])).drop_columns(["account_id"])
    at = pc.max(events["at"])
    signs = [
        {"event_id": f"sign-in {account}/{side}", "at": at.as_py(), "type": "sign_in", "device_id": f"{account}/{side}"}
        | {"account_id": account}
        for account in joined
        for side in (0, 1)
    ]
    if signs:
        events = pa.concat_tables([events, pa.Table.from_pylist(signs)], promote_options="permissive")
    pq.write_table(events, folder / "events.parquet")
    labels = pq.read_table(source / "labels.parquet")
    devices = dealt(labels["subject_id"], labels["subject_id"])
    kept = pc.invert(pc.is_in(labels["subject_id"], pa.array(hidden)))
    labels = labels.set_column(labels.schema.get_field_index("subject_id"), "subject_id", devices)
    labels = labels.set_column(labels.schema.get_field_index("subject_kind"), "subject_kind", _devices(labels.num_rows))
    pq.write_table(labels.filter(kept), folder / "labels.parquet")
    relations = pq.read_table(source / "relations.parquet")
    for end in ("from", "to"):
        place = relations.schema.get_field_index(f"{end}_id")
        relations = relations.set_column(place, f"{end}_id", dealt(relations[f"{end}_id"]))
        place = relations.schema.get_field_index(f"{end}_kind")
        relations = relations.set_column(place, f"{end}_kind", _devices(relations.num_rows))
    pq.write_table(relations, folder / "relations.parquet")
    accounts = pq.read_table(source / "accounts.parquet")["account_id"].to_pylist()
    both = [f"{account}/{side}" for account in accounts for side in (0, 1)]
    pq.write_table(pa.table({"device_id": both}), folder / "devices.parquet")
    shutil.copy(source / "contents.parquet", folder / "contents.parquet")


def _devices(count: int) -> pa.Array:
    return pa.array(["device"] * count)


def rows_of(data: Population, person_of: dict[str, str], devices: Strings) -> npt.NDArray[np.int64]:
    """The person's row of each device."""
    place = {person: i for i, person in enumerate(data.person_ids.to_pylist())}
    return np.array([place[person_of[device]] for device in devices], np.int64)


def truth_of(source: Path, hidden: Strings, tags: list[str]) -> Floats:
    """(h, t): the labels that were hidden."""
    row = {account: i for i, account in enumerate(hidden)}
    column = {tag: i for i, tag in enumerate(tags)}
    out = np.zeros((len(hidden), len(tags)), np.float32)
    told: list[dict[str, Any]] = pq.read_table(source / "labels.parquet", columns=["subject_id", "tag", "value"]).to_pylist()
    for label in told:
        if label["subject_id"] in row and label["tag"] in column:
            out[row[label["subject_id"]], column[label["tag"]]] = label["value"]
    return out


if __name__ == "__main__":
    main()
