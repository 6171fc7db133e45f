"""A small source written by hand, and a home made of it by the real command line of the core install."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import Tessera


@dataclass(frozen=True)
class Core:
    """A resolved home: its command, what `run` told of it, and its source."""

    tessera: Tessera
    report: dict
    source: Path


def write_source(folder: Path) -> Path:
    """Forty people, each with a telephone and a laptop that signed in to one account; two accounts of the first share an e-mail
    address; a device that nobody signed in on."""
    folder.mkdir()
    events = ["event_id,at,device_id,account_id,type,content_id,ip"]
    devices = ["device_id,kind,os"]
    accounts = []
    for n in range(40):
        country = ("DE", "FR")[n % 2]
        accounts.append({"account_id": f"a{n}", "email": f"someone.{n}@example.org", "country": country, "source": "crm"})
        for k, kind in enumerate(("mobile", "desktop")):
            devices.append(f"d{n}-{k},{kind},{('Android', 'Windows')[k]}")
            for j in range(3):
                at = f"2026-01-{1 + (n + j) % 28:02d}T1{j}:00:00Z"
                events.append(f"e{n}-{k}-{j},{at},d{n}-{k},{f'a{n}' if j else ''},page,c{(n + j) % 9},203.0.113.{n}")
    accounts.append({"account_id": "a0-old", "email": "Someone.0@Example.org ", "country": "DE", "source": "shop"})
    devices.append("lonely,tablet,iOS")
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    (folder / "devices.csv").write_text("\n".join(devices) + "\n")
    (folder / "accounts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in accounts))
    consents = [{"subject_kind": "account", "subject_id": f"a{n}", "purposes": ["1", "3", "4", "9"]} for n in range(40)]
    (folder / "consents.jsonl").write_text("".join(json.dumps(row | {"at": "2026-01-01T00:00:00Z"}) + "\n" for row in consents))
    return folder


def write_truth(path: Path) -> Path:
    """Who is who in that source."""
    rows = ["kind,id,person", "account,a0-old,p0", "device,lonely,nobody"]
    for n in range(40):
        rows += [f"account,a{n},p{n}", f"device,d{n}-0,p{n}", f"device,d{n}-1,p{n}"]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    folder = tmp_path_factory.mktemp("core")
    source = write_source(folder / "source")
    tessera = Tessera(folder / "home")
    return Core(tessera, tessera.script.json("run", source), source)
