"""Networks: home connections behind NAT whose address changes now and then, offices, mobile carriers behind carrier-grade NAT,
hotspots, data centres.

Addresses come from ranges that nobody owns: 198.18.0.0/15 (RFC 2544), 100.64.0.0/10 (RFC 6598), 2001:db8::/32 (RFC 3849).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from graph.synth.devices import Devices
from graph.synth.draw import Bools, Floats, Ints, generator, weighted
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["Networks", "make_networks"]

_BENCHMARK, _CARRIER_GRADE = int(ipaddress.ip_address("198.18.0.0")), int(ipaddress.ip_address("100.64.0.0"))
_V6 = int(ipaddress.ip_address("2001:db8::"))
_BENCHMARK_SIZE, _CARRIER_GRADE_SIZE = 1 << 17, 1 << 22


@dataclass(frozen=True)
class Networks:
    """Addresses by index: leases of homes by (household, start), offices, carriers, hotspots, data centres, then one IPv6
    address a device, used where the home has IPv6."""

    addresses: pa.Array
    lease_home: Ints
    lease_start: Floats
    lease_address: Ints
    offices: int  # index of the first office's address
    carriers: int
    carrier_of_person: Ints
    carrier_width: int  # addresses of a carrier
    hotspots: int
    hotspot_count: int
    data_centres: int
    data_centre_count: int
    v6: int  # index of the first device's address
    v6_home: Bools

    def home(self, household: Ints, device: Ints, seconds: Floats, length: float) -> Ints:
        """Address of a home at a time, for a device there."""
        key = self.lease_home * (2 * length) + self.lease_start
        lease = np.searchsorted(key, household * (2 * length) + seconds, side="right") - 1
        return np.where(self.v6_home[household], self.v6 + device, self.lease_address[lease]).astype(np.int64)

    def carrier(self, rng: np.random.Generator, person: Ints) -> Ints:
        """An egress address of the person's carrier: another one in every session."""
        egress = rng.integers(0, self.carrier_width, len(person))
        return self.carriers + self.carrier_of_person[person] * self.carrier_width + egress

    def hotspot(self, rng: np.random.Generator, size: int) -> Ints:
        """A hotel, café or airport."""
        return self.hotspots + weighted(rng, np.reciprocal(1.0 + np.arange(self.hotspot_count)), size)


def make_networks(parameters: Population, people: People, devices: Devices) -> Networks:
    """Draw leases and addresses."""
    rng = generator(parameters.seed, "networks")
    length = parameters.days * 86_400.0
    homes = people.households
    changing = rng.random(homes) < 0.35
    renewals = np.where(changing, rng.poisson(parameters.days / 30, homes), 0)
    lease_home = np.concatenate([np.arange(homes), np.repeat(np.arange(homes), renewals)])
    lease_start = np.concatenate([np.zeros(homes), rng.uniform(0, length, int(renewals.sum()))])
    order = np.lexsort((lease_start, lease_home))
    lease_home, lease_start = lease_home[order], lease_start[order]
    leases = len(lease_home)
    again = rng.random(leases) < 0.03  # an address that another home had before, or has at another time
    lease_address = np.where(again, rng.integers(0, leases, leases), np.arange(leases))

    carriers, width = max(2, len(people) // 6_000), 3
    hotspots, data_centres = max(5, len(people) // 60), 24
    counts = [leases, people.offices, carriers * width, hotspots, data_centres]
    first = np.concatenate([[0], np.cumsum(counts)])
    total = int(first[-1])
    space = min(_BENCHMARK_SIZE + _CARRIER_GRADE_SIZE, max(_BENCHMARK_SIZE, 4 * total))
    drawn = rng.choice(space, total, replace=False, shuffle=True)
    numbers = np.where(drawn < _BENCHMARK_SIZE, _BENCHMARK + drawn, _CARRIER_GRADE + drawn - _BENCHMARK_SIZE)
    v6_home = rng.random(homes) < 0.15
    prefix = rng.permutation(1 << 20)[:homes] if homes <= 1 << 20 else rng.permutation(homes)
    suffix = rng.integers(1, 1 << 62, len(devices))
    at_v6 = (devices.household >= 0) & v6_home[devices.household]
    v6 = [
        str(ipaddress.IPv6Address(_V6 + (int(prefix[h]) << 64) + int(s))) if used else None
        for h, s, used in zip(devices.household, suffix, at_v6, strict=True)
    ]
    return Networks(
        addresses=pa.array([*(str(ipaddress.IPv4Address(int(x))) for x in numbers), *v6], pa.string()),
        lease_home=lease_home,
        lease_start=lease_start,
        lease_address=lease_address,
        offices=int(first[1]),
        carriers=int(first[2]),
        carrier_of_person=rng.integers(0, carriers, len(people)),
        carrier_width=width,
        hotspots=int(first[3]),
        hotspot_count=hotspots,
        data_centres=int(first[4]),
        data_centre_count=data_centres,
        v6=total,
        v6_home=v6_home,
    )
