"""Small sets of made-up people with duplicates and typing errors, for the tests of record linkage."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

GIVEN = (
    "anna", "bruno", "clara", "david", "elena", "felix", "greta", "hanno", "irene", "jakob",
    "karin", "lukas", "maria", "nils", "olga", "paul", "rosa", "stefan", "tina", "udo",
)  # fmt: skip
ENDS = (
    "berg", "mann", "stein", "feld", "bach", "dorf", "hausen", "wald", "brook", "field",
    "ton", "ham", "ley", "worth", "ford",
)  # fmt: skip
STARTS = (
    "stern", "blau", "gold", "hoch", "lang", "neu", "roth", "silber", "winter", "sommer",
    "kirch", "mueller", "ober", "unter", "wein",
)  # fmt: skip
CITIES = (
    "arnheim", "bentwick", "colbridge", "dunmore", "eastvale", "fairholm",
)  # fmt: skip


def mistype(text: str, generator: random.Random) -> str:
    place = generator.randrange(max(len(text) - 1, 1))
    letter = generator.choice("0123456789" if text[place : place + 1].isdigit() else "abcdefghijklmnopqrstuvwxyz")
    return generator.choice((text[:place] + letter + text[place + 1 :], text[:place] + text[place + 1 :]))


def people(
    number: int, seed: int, *, twice: float = 0.5, errors: float = 0.12, missing: float = 0.05
) -> tuple[pa.Table, np.ndarray]:
    """Records of `number` persons, a share of whom has two; and the person of each record."""
    generator = random.Random(seed)
    rows: list[dict[str, str | None]] = []
    persons: list[int] = []
    for person in range(number):
        row = {
            "given_name": generator.choice(GIVEN),
            "family_name": generator.choice(STARTS) + generator.choice(ENDS),
            "birth_date": f"{generator.randrange(1930, 2008)}-{generator.randrange(1, 13):02}-{generator.randrange(1, 29):02}",
            "city": generator.choice(CITIES),
            "postcode": str(generator.randrange(1000, 1400)),
            "card": str(generator.randrange(10**7, 10**8)),
        }
        for _ in range(1 + (generator.random() < twice)):
            told = {c: mistype(v, generator) if generator.random() < errors else v for c, v in row.items()}
            rows.append({c: None if generator.random() < missing else v for c, v in told.items()})
            persons.append(person)
    order = list(range(len(rows)))
    generator.shuffle(order)
    table = pa.Table.from_pylist([{"account_id": f"a{i}", **rows[i]} for i in order])
    return table, np.array(persons)[order]
