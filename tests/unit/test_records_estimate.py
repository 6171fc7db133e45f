"""Estimation: planted probabilities are found again, relatives are told from matches, profiles follow the content."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from graph.errors import SettingsError
from graph.resolve.records import RecordSettings, fit, records_table
from graph.resolve.records.profile import profile_column
from tests.unit.lake_tables import connect
from tests.unit.record_people import CITIES, GIVEN, people

ERRORS = {"given_name": 0.1, "birth_date": 0.05, "card": 0.2, "city": 0.25}


def planted(number: int, seed: int) -> pa.Table:
    """Pairs of records; the second has a fresh value with the probability of `ERRORS`."""
    generator = random.Random(seed)

    def draw() -> dict[str, str]:
        date = f"{generator.randrange(1930, 2008)}-{generator.randrange(1, 13):02}-{generator.randrange(1, 29):02}"
        names = "".join(generator.choice("bcdfglmnprst") + generator.choice("aeiou") for _ in range(3))
        return {
            "given_name": names,
            "birth_date": date,
            "card": str(generator.randrange(10**7, 10**8)),
            "city": generator.choice(CITIES),
        }

    rows = []
    for _ in range(number):
        first, fresh = draw(), draw()
        rows += [first, {c: fresh[c] if generator.random() < ERRORS[c] else v for c, v in first.items()}]
    return pa.Table.from_pylist([{"account_id": str(i), **row} for i, row in enumerate(rows)])


def test_expectation_maximisation_finds_planted_probabilities() -> None:
    records = planted(1500, seed=11)
    model = fit(records)
    for c, spec in enumerate(model.specs):
        equal = model.parameters.match[c, 0].cumsum()[-1] - model.parameters.match[c, 0, 0]
        fresh = ERRORS[spec.name] * (5 / 6 if spec.name == "city" else 1.0)
        top = model.parameters.match[c, 0][model.parameters.match[c, 0] > 0][-1]
        assert top == pytest.approx(1.0 - fresh, abs=0.04), (spec.name, equal)
    assert model.matches == pytest.approx(1500, rel=0.03)
    city = [spec.name for spec in model.specs].index("city")
    assert model.parameters.chance[city, 0][model.parameters.chance[city, 0] > 0][-1] == pytest.approx(1 / 6, abs=0.02)


def households(number: int, seed: int) -> tuple[pa.Table, np.ndarray]:
    """Households of three people who share family name, street and city; a third of the people have two records."""
    generator = random.Random(seed)
    rows, persons = [], []
    for home in range(number):
        name = "".join(generator.choice("bcdfglmnprst") + generator.choice("aeiou") for _ in range(4))
        way = "".join(generator.choice("bdklmnrst") + generator.choice("aeiou") for _ in range(3))
        street = f"{generator.randrange(1, 90)} {way} road"
        city = generator.choice(CITIES)
        for member, given in enumerate(generator.sample(GIVEN, 3)):
            date = f"{generator.randrange(1930, 2008)}-{generator.randrange(1, 13):02}-{generator.randrange(1, 29):02}"
            for _ in range(1 + (generator.random() < 0.33)):
                row = {"given_name": given, "family_name": name, "birth_date": date, "street": street, "city": city}
                rows.append({c: None if generator.random() < 0.1 else v for c, v in row.items()})
                persons.append(3 * home + member)
    return pa.Table.from_pylist([{"account_id": str(i), **row} for i, row in enumerate(rows)]), np.array(persons)


def test_people_of_one_household_are_relatives_and_no_matches() -> None:
    records, persons = households(500, seed=12)
    model = fit(records)
    assert model.parameters.relative_prior > 0
    found = model.prepare(records).matches(2.0)
    right = persons[found.left] == persons[found.right]
    assert right.mean() > 0.98
    same = sum(n * (n - 1) // 2 for n in np.unique(persons, return_counts=True)[1])
    assert right.sum() > 0.9 * same


def test_matches_with_errors_are_not_taken_for_relatives() -> None:
    records, persons = people(800, seed=13, errors=0.25)
    model = fit(records)
    assert model.parameters.relative_prior <= 0.1 * model.parameters.prior
    found = model.prepare(records).matches(2.0)
    right = persons[found.left] == persons[found.right]
    same = sum(n * (n - 1) // 2 for n in np.unique(persons, return_counts=True)[1])
    assert right.sum() > 0.95 * same


CONTENT = {
    "email": ["ann@a.org", "bob@b.org", "ann@a.org"],
    "date": ["1980-01-02", "19790512", "1955-12-30"],
    "phone": ["+447700900123", "+49 30 123456", "+447700900123"],
    "number": ["12.50", "$7.00", "3.10"],
    "identifier": ["AB1234", "CD9921", "AB1234"],
    "text": ["12 long lane west", "the art of computer programming", "1 a b c"],
    "name": ["anna", "bert", "anna"],
}


@pytest.mark.parametrize("kind", CONTENT)
def test_kind_follows_from_the_content(kind: str) -> None:
    spec = profile_column("x", pa.chunked_array([CONTENT[kind]]), None)
    assert spec is not None
    assert spec.kind == kind


@pytest.mark.parametrize(
    "values", [["x"] * 40, [None] * 40, [f"{i:08}" for i in range(40)]], ids=["constant", "empty", "row numbers"]
)
def test_columns_that_can_tell_nothing_are_left_out(values: list[str | None]) -> None:
    assert profile_column("x", pa.chunked_array([pa.array(values, pa.string())]), None) is None


def test_days_and_months_are_told_apart_by_the_column() -> None:
    dates = ["03/25/1990", "12/31/1981", "04/05/1970"]
    spec = profile_column("x", pa.chunked_array([dates]), None)
    assert spec is not None
    assert spec.month_first


BAD = [
    ("columns = 3", "must be a list of texts"),
    ("block_cap = 1", "at least 2"),
    ("pairs_per_record = 'many'", "must be a number"),
    ("pairs_per_record = 0", "above 0"),
    ("colour = 1", "unknown setting"),
    ("[kinds]\nx = 'colour'", "allowed: category"),
    ("[kinds]\nx = 1", "each column a kind"),
    ("[blocking]\nkeys = [['x']]", "column:feature"),
    ("[blocking]\nother = 1", "`keys` only"),
    ("columns = [", "no valid TOML"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_bad_settings_are_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        RecordSettings.from_toml(text)
    assert "\n" not in str(caught.value)


def test_settings_from_toml() -> None:
    text = (
        'ignore = ["note"]\npairs_per_record = 12\n[kinds]\nplate = "identifier"\n'
        '[blocking]\nkeys = [["plate:equal", "city:sound"]]'
    )
    settings = RecordSettings.from_toml(text)
    assert settings.ignore == ("note",)
    assert settings.pairs_per_record == 12.0
    assert settings.kinds == {"plate": "identifier"}
    assert settings.keys == (("plate:equal", "city:sound"),)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (RecordSettings(ignore=("colour",)), "no column 'colour'"),
        (RecordSettings(keys=(("colour:equal",),)), "not compared"),
        (RecordSettings(keys=(("city:year",),)), "allowed: equal"),
    ],
)
def test_settings_that_do_not_fit_the_records(settings: RecordSettings, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        fit(people(60, seed=1)[0], settings)


def test_records_of_the_lake_hold_traits_and_values_that_cleaning_refused() -> None:
    rows = [
        {"account_id": "b", "email": "x@y.org", "_traits": '{"plate": "AB 12", "it\'s \\"odd\\".": 7, "email": "z"}'},
        {"account_id": "a", "given_name": "Ann", "_raw": '{"birth_date": "19901345"}', "source": "crm"},
    ]
    table = records_table(connect(accounts=rows))
    first, second = table.to_pylist()
    assert (first["account_id"], first["birth_date"], first["given_name"]) == ("a", "19901345", "Ann")
    assert (second["plate"], second['it\'s "odd".'], second["email"]) == ("AB 12", "7", "x@y.org")
    assert "source" not in table.column_names
    assert records_table(connect(accounts=rows), "account_id = 'a'").num_rows == 1
