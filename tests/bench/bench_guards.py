"""What a kiosk, an office, junk values and family tablets do to identities: the synthetic population with and without them.

    python -m tests.bench.bench_guards [--people 3000] [--seed 0]

Into the population's source come: kiosks on which hundreds sign in; an office address on which the devices of two hundred people
are seen; `null`, `N/A` and `0000000` as e-mail addresses and telephone numbers of a third of the accounts; a tablet in every
eighth household of several people, on which all sign in often; one advertising id for a thousand new devices. Pairs of the
old devices and accounts are compared between the two runs: pairs of different people that are together only with the injection
are merged by it. The same with the guards off is the peer. The models' parameters are those of the plain population, or fitted
anew with the injection in it: then pairs near the threshold cross it by chance, in both directions, as the last column shows.
Exits with 1 where the injection merges anybody while parameters are kept, or a point of recall is lost.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from graph.clean import Cleaner
from graph.files import write_table
from graph.home import Home
from graph.ingest import ingest
from graph.lake import Lake
from graph.resolve import ResolveSettings, resolve
from graph.resolve.guards import Limits
from graph.synth import Population, generate
from tests.bench.harness import machine, show

MANY = 10**6
OFF = Limits(
    email_holders=MANY,
    phone_holders=MANY,
    advertising_id_holders=MANY,
    network_devices=MANY,
    people_per_device=MANY,
    even_people=float(MANY),
    second_user_share=2.0,
    conflicting_share=2.0,
    devices_at_once=MANY,
)


def inject(source: Path, truth: pd.DataFrame, households: pd.DataFrame, target: Path, seed: int) -> None:
    """Write the source with everything that must merge nobody."""
    rng = np.random.default_rng(seed)
    accounts = pq.read_table(source / "accounts.parquet").to_pandas()
    devices = pq.read_table(source / "devices.parquet").to_pandas()
    events = pq.read_table(source / "events.parquet")
    owners = truth[truth.kind == "account"].merge(households, on="person")
    times = events["at"].to_pandas()

    def sign_ins(device: str, ids: np.ndarray, network: str, times_each: int) -> list[dict[str, object]]:
        at = times.sample(len(ids) * times_each, random_state=int(rng.integers(1 << 30)), replace=True).to_numpy()
        rows = zip(np.repeat(ids, times_each), at, strict=True)
        return [
            {"event_id": f"{device}-{n}", "at": t, "device_id": device, "account_id": a, "ip": network}
            for n, (a, t) in enumerate(rows)
        ]

    added = []
    for kiosk in range(3):
        visitors = rng.choice(accounts.account_id, min(400, len(accounts)), replace=False)
        added += sign_ins(f"kiosk{kiosk}", visitors, "192.0.2.1", 2)
    several = owners.groupby("household").person.nunique()
    for number, household in enumerate(several[several >= 2].index[::8]):
        members = owners[owners.household == household].drop_duplicates("person").id.to_numpy()
        added += sign_ins(f"tablet{number}", members, f"198.51.100.{number % 250}", 12)
    staff = rng.choice(truth[truth.kind == "device"].id, min(400, len(devices)), replace=False)
    for day in range(5):
        at = times.sample(len(staff), random_state=day, replace=True).to_numpy()
        added += [
            {"event_id": f"nat-{day}-{n}", "at": t, "device_id": d, "account_id": None, "ip": "192.0.2.99"}
            for n, (d, t) in enumerate(zip(staff, at, strict=True))
        ]
    junk = rng.random(len(accounts)) < 1 / 3
    accounts.loc[junk & accounts.email.isna(), "email"] = "null"
    accounts.loc[junk & accounts.phone.isna(), "phone"] = np.resize(
        ["0000000", "null", "N/A"], int((junk & accounts.phone.isna()).sum())
    )
    clones = pd.DataFrame(
        {"device_id": [f"clone{n}" for n in range(1000)], "advertising_id": "38400000-8cf0-11bd-b23e-10b96e40000d"}
    )
    for path in source.glob("*.parquet"):
        (target / path.name).write_bytes(path.read_bytes())
    more = pa.Table.from_pandas(pd.DataFrame(added), preserve_index=False)
    columns = [
        more[f.name].cast(f.type) if f.name in more.column_names else pa.nulls(more.num_rows, f.type) for f in events.schema
    ]
    write_table(pa.concat_tables([events, pa.table(columns, schema=events.schema)]), target / "events.parquet")
    schema = pq.read_schema(source / "accounts.parquet")
    write_table(pa.Table.from_pandas(accounts, schema=schema, preserve_index=False), target / "accounts.parquet")
    devices = pd.concat([devices, clones])
    schema = pq.read_schema(source / "devices.parquet")
    write_table(pa.Table.from_pandas(devices, schema=schema, preserve_index=False), target / "devices.parquet")


def people(lake: Lake, home: Path, limits: Limits, refit: bool = False) -> pd.DataFrame:
    """kind, id, person_id."""
    with lake.connect() as connection:
        found = resolve(connection, Home.open(home), key=b"k" * 32, settings=ResolveSettings(limits=limits), refit=refit)
    return found.members.select(["kind", "id", "person_id"]).to_pandas()


def pairs(counts: pd.Series) -> int:
    return int((counts * (counts - 1) // 2).sum())


def compare(before: pd.DataFrame, after: pd.DataFrame, truth: pd.DataFrame) -> tuple[int, int, int, int]:
    """True pairs, those found before, those found after, and people merged: the owners of a cluster that the injection put
    together from clusters none of which had all of these owners before."""
    joined = truth.merge(before, on=["kind", "id"]).merge(after, on=["kind", "id"], suffixes=("_before", "_after"))
    true = pairs(joined.value_counts("person"))
    hit = [pairs(joined.value_counts(["person", f"person_id_{when}"])) for when in ("before", "after")]
    merged: set[str] = set()
    for _, cluster in joined.groupby("person_id_after"):
        owners = set(cluster.person)
        if len(owners) > 1 and all(set(part) != owners for _, part in cluster.groupby("person_id_before").person):
            merged |= owners
    return true, hit[0], hit[1], len(merged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine())
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        made = generate(
            root,
            Population(people=options.people, devices=3 * options.people, events=15 * options.people, seed=options.seed),
        )
        classes = pd.read_parquet(made.truth / "classes.parquet")
        truth = pd.read_parquet(made.truth / "identities.parquet").merge(classes[classes["class"] == "person"], on=["kind", "id"])
        households = pd.read_parquet(made.truth / "households.parquet")
        strange = root / "strange"
        strange.mkdir()
        inject(made.source, truth, households, strange, options.seed)
        lakes = []
        for name, source in (("plain", made.source), ("strange", strange)):
            lake = Lake(Home.open(root / f"lake-{name}").lake)
            ingest(source, lake, Cleaner())
            lakes.append(lake)
        for name, limits in (("on", Limits()), ("off", OFF)):
            home = root / f"home-{name}"
            before = people(lakes[0], home, limits)
            for parameters in ("kept", "fitted anew"):
                after = people(lakes[1], shutil.copytree(home, root / f"{home.name}-{parameters}"), limits, parameters != "kept")
                true, found, still, merged = compare(before, after, truth)
                rows.append(
                    {
                        "guards": name,
                        "parameters": parameters,
                        "true pairs": true,
                        "recall before": f"{found / true:.4f}",
                        "recall after": f"{still / true:.4f}",
                        "points lost": f"{100 * (found - still) / true:.2f}",
                        "people merged": merged,
                        "merged before, no longer": compare(after, before, truth)[3],
                    }
                )
    show("The population with and without what must merge nobody", rows)
    if rows[0]["people merged"] or float(str(rows[0]["points lost"])) >= 1:
        sys.exit(1)


if __name__ == "__main__":
    main()
