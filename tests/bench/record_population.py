"""Synthetic customer records with duplicates, and the truth about them: a set of any size that is harder than FEBRL's.

    python -m tests.bench.record_population --records 50000 --out DIR

writes DIR/input/accounts.parquet and DIR/truth/identities.parquet (kind, id, person). A person has one record and up to five
more, the number by Zipf's law as in febrl3. Every record, the first one too, is what somebody typed, heard or scanned: errors of
`record_errors`, swapped fields, nicknames and initials, surnames and addresses of before a marriage or a move, days and months
swapped, wrong postcodes, missing values. One record's errors come together: some records are good and some are poor.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.bench.record_errors import Text, abbreviate, mistype, respell, truncate
from tests.bench.record_people import People, draw_people

__all__ = ["Difficulty", "generate"]

_MOST = 6  # records of one person
_NO_VALUE = {
    "given_name": 0.05,
    "family_name": 0.05,
    "birth_date": 0.06,
    "street": 0.1,
    "city": 0.06,
    "postcode": 0.07,
    "region": 0.06,
    "email": 0.35,
    "phone": 0.3,
    "national_id": 0.5,
    "occupation": 0.4,
}
_MISTYPED = {
    "given_name": 0.16,
    "family_name": 0.2,
    "birth_date": 0.05,
    "street": 0.3,
    "city": 0.15,
    "postcode": 0.07,
    "region": 0.03,
    "email": 0.1,
    "phone": 0.08,
    "national_id": 0.09,
    "occupation": 0.05,
}


@dataclass(frozen=True)
class Difficulty:
    """Factors on the rates of errors and of missing values; 1 is the set that the documentation quotes."""

    errors: float = 1.0
    missing: float = 1.0


@dataclass(frozen=True)
class _Rates:
    """Per record: factors of its errors and of its gaps."""

    errors: NDArray[np.float64]
    missing: NDArray[np.float64]

    def rows(self, rate: float, rng: np.random.Generator) -> NDArray[np.int64]:
        """The records that an error of this rate meets."""
        return np.flatnonzero(rng.random(len(self.errors)) < np.minimum(rate * self.errors, 0.9))


def generate(records: int, seed: int = 0, difficulty: Difficulty | None = None) -> tuple[pa.Table, pa.Table]:
    """`records` accounts in random order, and the truth (kind, id, person) about them. Equal arguments, equal tables."""
    difficulty = difficulty or Difficulty()
    rng = np.random.default_rng([seed, 0])
    share = 1 / np.arange(1, _MOST + 1)
    counts = rng.choice(np.arange(1, _MOST + 1), records, p=share / share.sum())
    people = int(np.searchsorted(np.cumsum(counts), records)) + 1
    owner = np.repeat(np.arange(people), counts[:people])[:records]
    # Families are drawn in order, so that the records of a household's members must not be: the shuffle hides both.
    owner = owner[rng.permutation(records)]
    rates = _Rates(
        errors=difficulty.errors * rng.gamma(3.0, 1 / 3, records),
        missing=difficulty.missing * rng.uniform(0.6, 1.4, records),
    )
    columns = _errors(_write_down(draw_people(people, seed), owner, rng), rates, rng)
    width = len(str(records - 1))
    ids = [f"a{number:0{width}}" for number in range(records)]
    accounts = {"account_id": pa.array(ids)}
    for name, text in columns.items():
        gone = (rng.random(records) < np.minimum(_NO_VALUE[name] * rates.missing, 0.95)) | (np.strings.str_len(text) == 0)
        accounts[name] = pa.array(text, mask=gone).cast(pa.string())
    persons = pa.array([f"person{number:0{width}}" for number in owner.tolist()])
    return pa.table(accounts), pa.table(
        {"kind": pa.array(["account"] * records), "id": accounts["account_id"], "person": persons}
    )


def _write_down(people: People, owner: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Text]:
    """What each record would say without errors: the owner's values, of which some have changed over time."""

    def one_of(first: NDArray[np.generic], second: NDArray[np.generic], share: float) -> NDArray[np.generic]:
        return np.where(rng.random(len(owner)) < share, second[owner], first[owner])

    place = one_of(people.address, people.other_address, 0.4)
    email = one_of(people.email, people.other_email, 0.4)
    household = people.household_email[owner]
    email = np.where((np.strings.str_len(household) > 0) & (rng.random(len(owner)) < 0.5), household, email)
    phone = np.where(rng.random(len(owner)) < 0.25, people.landline[owner], one_of(people.mobile, people.other_mobile, 0.5))
    job = np.where(rng.random(len(owner)) < 0.15, rng.permutation(people.occupation)[owner], people.occupation[owner])
    postcode = np.where(rng.random(len(owner)) < 0.05, people.near_postcodes[place], people.postcodes[place])
    return {
        "given_name": one_of(people.given, people.informal, 0.15),
        "family_name": one_of(people.family, people.other_family, 0.5),
        "birth_date": np.datetime_as_string(people.birth_date[owner]).astype("S10"),
        "street": people.streets[place],
        "city": people.cities[place],
        "postcode": postcode,
        "region": people.regions[place],
        "email": email,
        "phone": phone,
        "national_id": people.national_id[owner],
        "occupation": job,
    }


def _errors(columns: dict[str, Text], rates: _Rates, rng: np.random.Generator) -> dict[str, Text]:
    found = dict(columns)
    for name in ("given_name", "family_name", "street", "city"):
        found[name] = respell(found[name], rates.rows(0.06, rng), rng)
        found[name] = truncate(found[name], rates.rows(0.02, rng), 7)
    found["street"] = abbreviate(found["street"], rates.rows(0.25, rng))
    found["given_name"] = truncate(found["given_name"], rates.rows(0.03, rng), 1)
    found["birth_date"] = _dates(found["birth_date"], rates, rng)
    for name, rate in _MISTYPED.items():
        rows = rates.rows(rate, rng)
        found[name] = mistype(found[name], np.concatenate([rows, rows[rng.random(len(rows)) < 0.25]]), rng)
    for left, right, rate in (("given_name", "family_name", 0.03), ("street", "city", 0.01), ("city", "region", 0.01)):
        rows = rates.rows(rate, rng)
        width = max(found[left].dtype.itemsize, found[right].dtype.itemsize)
        one, other = found[left].astype(f"S{width}"), found[right].astype(f"S{width}")
        one[rows], other[rows] = other[rows].copy(), one[rows].copy()
        found[left], found[right] = one, other
    loud = np.flatnonzero(rng.random(len(rates.errors)) < 0.1)
    quiet = np.flatnonzero(rng.random(len(rates.errors)) < 0.1)
    for name in ("given_name", "family_name", "street", "city"):
        found[name][loud] = np.strings.upper(found[name][loud])
        found[name][quiet] = np.strings.lower(found[name][quiet])
    return found


def _dates(dates: Text, rates: _Rates, rng: np.random.Generator) -> Text:
    """Day and month swapped, only the year known, a year off."""
    letters = dates.view("S1").reshape(len(dates), -1).copy()
    rows = rates.rows(0.03, rng)
    letters[rows, 5:10] = letters[rows][:, [8, 9, 7, 5, 6]]
    text = np.ascontiguousarray(letters).view("S10").ravel()
    rows = rates.rows(0.02, rng)
    text[rows] = np.strings.add(text[rows].astype("S4"), np.array([b"-01-01"]))
    rows = rates.rows(0.03, rng)
    year = text[rows].astype("S4").astype(np.int64) + rng.choice((-10, -1, 1, 10), len(rows))
    rest = np.ascontiguousarray(text[rows].view("S1").reshape(len(rows), -1)[:, 4:]).view("S6").ravel()
    text[rows] = np.strings.add(year.astype("S4"), rest)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--errors", type=float, default=1.0, help="factor on the error rates")
    parser.add_argument("--missing", type=float, default=1.0, help="factor on the rates of missing values")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    accounts, truth = generate(arguments.records, arguments.seed, Difficulty(arguments.errors, arguments.missing))
    for table, name in ((accounts, "input/accounts.parquet"), (truth, "truth/identities.parquet")):
        path = arguments.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
        print(f"{path}: {table.num_rows} rows")


if __name__ == "__main__":
    main()
