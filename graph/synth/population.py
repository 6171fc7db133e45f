"""Writes a population: a source folder with all seven input tables, and apart from it the truth that scores what was found.

folder/input/   events, devices, accounts, contents, relations, labels, consents
folder/truth/   identities (kind, id, person), classes (kind, id, class), labels (hidden tags), households (household, person)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.files import write_table
from graph.progress import Progress, ignore_progress
from graph.synth.accounts import Accounts, make_accounts
from graph.synth.consents import consent_table
from graph.synth.contents import make_contents
from graph.synth.devices import BOT, FAMILY, KIOSK, OWNED, Devices, make_devices, make_streams
from graph.synth.draw import column, data, generator, hex_ids
from graph.synth.events import make_events
from graph.synth.labels import label_tables
from graph.synth.networks import make_networks
from graph.synth.parameters import DEMO, Population
from graph.synth.people import People, make_people, true_tags
from graph.synth.records import make_records
from graph.synth.sessions import make_sessions, make_visits
from graph.synth.tables import device_table, relation_table

__all__ = ["Format", "Truth", "generate"]

Format = Literal["parquet", "csv", "jsonl"]


@dataclass(frozen=True)
class Truth:
    """What was written: folders, and how many of each thing."""

    source: Path
    truth: Path
    people: int
    households: int
    devices: int
    accounts: int
    contents: int
    events: int
    sign_ins: int  # events with a device and an account
    shared_devices: int
    bots: int
    labelled: int  # subjects with labels in the input
    hidden: int  # subjects with labels in the truth alone

    def summary(self) -> dict[str, Any]:
        """The counts, without the folders."""
        return {k: v for k, v in asdict(self).items() if not isinstance(v, Path)}


def generate(
    folder: Path, parameters: Population = DEMO, progress: Progress = ignore_progress, *, format: Format = "parquet"
) -> Truth:
    """Draw a population and write it under `folder`. Raises HomeNotWritable, InputError for another format."""
    words, names = data("topics.json"), data("names.json")
    topics, places = words["topics"], names["places"]
    steps = _Steps(progress, 12)
    people = make_people(parameters, topics, places)
    contents = make_contents(parameters, words)
    steps("people and contents")
    accounts = make_accounts(parameters, people, make_records(parameters, people, names))
    steps("accounts")
    human = parameters.events - int(parameters.events * parameters.bot_event_share)
    human -= parameters.events // 100 if len(accounts) else 0
    streams = make_streams(parameters, people)
    visits = make_visits(parameters, people, streams, places, human - human // 14)
    devices, device_of_visit = make_devices(parameters, people, streams, visits.stream, visits.start)
    networks = make_networks(parameters, people, devices)
    device_ids = hex_ids(generator(parameters.seed, "device ids"), "d", len(devices))
    steps("devices")
    sessions = make_sessions(
        parameters, people, accounts, streams, visits, devices, device_of_visit, networks, places, human // 14
    )
    events, event_table = make_events(
        parameters, people, accounts, devices, networks, contents, sessions, words, places, device_ids
    )
    steps("events")
    labels = label_tables(parameters, people, accounts, true_tags(people, len(topics)), topics)
    source, truth = folder / "input", folder / "truth"
    tables: dict[str, Callable[[], pa.Table]] = {
        "events": lambda: event_table,
        "devices": lambda: device_table(parameters, people, devices, events, device_ids, places),
        "accounts": lambda: accounts.table,
        "contents": lambda: contents.table,
        "relations": lambda: relation_table(parameters, people, accounts),
        "labels": lambda: labels.given,
        "consents": lambda: consent_table(parameters, people, accounts, devices, device_ids),
    }
    for name, make in tables.items():
        write_table(_flat(make()) if format == "csv" else make(), source / f"{name}.{format}")
        steps(f"writing {name}")
    for name, table in _truth(people, accounts, devices, device_ids).items():
        write_table(table, truth / f"{name}.parquet")
    write_table(labels.hidden, truth / "labels.parquet")
    steps("writing the truth")
    return Truth(
        source=source,
        truth=truth,
        people=len(people),
        households=people.households,
        devices=len(devices),
        accounts=len(accounts),
        contents=len(contents),
        events=event_table.num_rows,
        sign_ins=int(((events.device >= 0) & (events.account >= 0)).sum()),
        shared_devices=int(np.isin(devices.role, (FAMILY, KIOSK)).sum()),
        bots=int((devices.role == BOT).sum()),
        labelled=pc.count_distinct(labels.given["subject_id"]).as_py(),
        hidden=pc.count_distinct(labels.hidden["subject_id"]).as_py(),
    )


class _Steps:
    """Counts steps for a progress bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total

    def __call__(self, what: str) -> None:
        self._done += 1
        self._progress(f"population: {what}", self._done, self._total)


def _flat(table: pa.Table) -> pa.Table:
    """Lists as text separated by |, which is what a CSV file can hold."""
    for i, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            table = table.set_column(i, field.name, pc.binary_join(table[field.name], "|"))
    return table


def _truth(people: People, accounts: Accounts, devices: Devices, device_ids: pa.Array) -> dict[str, pa.Table]:
    """Whose each device and account is. Devices that are nobody's have a person of their own."""
    n, alone = len(people), devices.role != OWNED
    owner = devices.person.copy()
    owner[alone] = n + np.arange(int(alone.sum()))
    kind = column(("device", "account"), np.repeat([0, 1], [len(devices), len(accounts)]))
    ids = pa.concat_arrays([device_ids, accounts.ids])
    names = pa.array([f"person-{i:07d}" for i in range(n + int(alone.sum()))], pa.string())
    classes = np.r_[np.array([0, 1, 1, 2])[devices.role], np.zeros(len(accounts), np.int64)]
    return {
        "identities": pa.table({"kind": kind, "id": ids, "person": column(names, np.r_[owner, accounts.person])}),
        "classes": pa.table({"kind": kind, "id": ids, "class": column(("person", "shared", "bot"), classes)}),
        "households": pa.table(
            {
                "household": pa.array([f"household-{h:07d}" for h in people.household], pa.string()),
                "person": column(names, np.arange(n)),
            }
        ),
    }
