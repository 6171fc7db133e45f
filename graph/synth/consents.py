"""Consents: granted, partial, refused, withdrawn later, or never asked; as purposes or as TCF strings.

The strings follow IAB Tech Lab's "Transparency and Consent String with Global Vendor & CMP List Formats", version 2.3: a core
segment and the mandatory one of disclosed vendors.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from graph.synth.accounts import Accounts
from graph.synth.devices import Devices
from graph.synth.draw import column, generator, instants
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["consent_table", "encode_tcf"]

_ALL, _SOME = [str(i) for i in range(1, 12)], ["1", "7", "10"]


def consent_table(parameters: Population, people: People, accounts: Accounts, devices: Devices, device_ids: pa.Array) -> pa.Table:
    """Consents by person: all purposes (0.72), some (0.1), refused (0.06), withdrawn later (0.04), never asked (0.08). Given on
    each account, or on a device where there is none; a fifth as a TCF string."""
    rng = generator(parameters.seed, "consents")
    start, length = parameters.start_seconds, parameters.days * 86_400.0
    answer = rng.choice(5, len(people), p=(0.72, 0.10, 0.06, 0.04, 0.08))
    owned = np.flatnonzero(devices.person >= 0)[::-1]
    first_device = np.full(len(people), -1)
    first_device[devices.person[owned]] = owned
    without = np.flatnonzero((accounts.last == accounts.first) & (first_device >= 0))
    subject = np.concatenate([np.arange(len(accounts)), first_device[without]])
    person = np.concatenate([accounts.person, without])
    is_device = np.arange(len(subject)) >= len(accounts)
    asked = answer[person] < 4
    subject, person, is_device = subject[asked], person[asked], is_device[asked]
    at = np.where(is_device, start, np.r_[accounts.created, np.zeros(len(without))][asked]) + 60
    withdrawn = answer[person] == 3
    choice = np.r_[np.where(withdrawn, 0, answer[person]), np.full(int(withdrawn.sum()), 2)]
    subject, is_device = np.r_[subject, subject[withdrawn]], np.r_[is_device, is_device[withdrawn]]
    at = np.r_[at, start + rng.uniform(0.3, 0.95, int(withdrawn.sum())) * length]
    n = len(subject)
    as_string = rng.random(n) < 0.2
    purposes = [_ALL, _SOME, []]
    lists = [None if s else purposes[c] for s, c in zip(as_string, choice, strict=True)]
    strings = [encode_tcf(purposes[c], t) if s else None for s, c, t in zip(as_string, choice, at, strict=True)]
    kinds = is_device.astype(np.int64)
    table = pa.table(
        {
            "subject_kind": column(("account", "device"), kinds),
            "subject_id": column(
                pa.concat_arrays([accounts.ids, device_ids]), np.where(is_device, subject + len(accounts), subject)
            ),
            "purposes": pa.array(lists, pa.list_(pa.string())),
            "tc_string": pa.array(strings, pa.string()),
            "gpc": pa.array(choice == 2, pa.bool_(), mask=rng.random(n) < 0.7),
            "at": instants(at),
        }
    )
    return table.take(pa.array(rng.permutation(n)))


def encode_tcf(purposes: Sequence[str], seconds: float) -> str:
    """A string that consents to `purposes` (numbers as text) at a time in seconds since 1970; vendor 1 was disclosed, and
    consented to where there are purposes."""
    deciseconds = int(seconds // 86_400) * 864_000  # TCF 2.2 and later keep the day alone
    chosen = "".join("1" if str(i) in purposes else "0" for i in range(1, 25))
    core = "".join(
        (
            f"{2:06b}",  # version
            f"{deciseconds:036b}" * 2,  # created, updated
            f"{31:012b}{1:012b}{1:06b}",  # consent manager, its version, screen
            f"{ord('e') - 97:06b}{ord('n') - 97:06b}",  # language
            f"{48:012b}{5:06b}",  # vendor list, policy
            "10",  # service specific, standard texts
            "0" * 12,  # special features
            chosen,
            "0" * 24,  # legitimate interest
            "0",  # purpose one treatment
            f"{ord('D') - 65:06b}{ord('E') - 65:06b}",  # publisher's country
            f"{1:016b}01" if purposes else "0" * 17,  # vendor consents: highest id, bit field
            "0" * 17,  # vendor legitimate interest: the same
            "0" * 12,  # no publisher restrictions
        )
    )
    return f"{_base64(core)}.{_base64(f'{1:03b}{1:016b}01')}"


def _base64(bits: str) -> str:
    bits += "0" * (-len(bits) % 8)
    return base64.urlsafe_b64encode(int(bits, 2).to_bytes(len(bits) // 8, "big")).decode().rstrip("=")
