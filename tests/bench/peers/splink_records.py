"""Splink 5 on DuckDB, set up for customer records as its guides recommend. A process of its own:

    python tests/bench/peers/splink_records.py ACCOUNTS.parquet CLUSTERS.parquet PAIRS.parquet

CLUSTERS gets id, cluster (its connected components of the pairs at a probability of .5), PAIRS left, right, probability of every
pair above log2 odds of -5. Prints JSON: version, peak_bytes.

Comparisons come from its library, with term frequencies: `NameComparison`, `DateOfBirthComparison`, `EmailComparison`,
Damerau–Levenshtein for telephones and codes, exact for columns with few values; one comparison for street, postcode and city,
since the guides advise against correlated ones. Blocking is the union of a dozen rules of two or three columns and of every
single column that makes few enough pairs. u by random sampling, m by EM on two blocking rules that between them leave each
comparison free once.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import duckdb

NAMES = ("given_name", "family_name")
KNOWN = (*NAMES, "birth_date", "street", "city", "postcode", "region", "email", "phone")
CODES = 0.2  # share of distinct values above which an unknown column is taken as a code rather than a category
PAIRS_A_RECORD = 20  # a single column is a blocking rule where it makes no more pairs than that
Rules = list[tuple[str, ...]]

COMBINED: Rules = [
    ("given_name", "family_name"),
    ("given_name", "birth_date"),
    ("family_name", "birth_date"),
    ("postcode", "birth_date"),
    ("given_name", "postcode"),
    ("family_name", "postcode"),
    ("family_name", "street"),
    ("given_name", "street"),
    ("street", "birth_date"),
    ("substr(given_name, 1, 3)", "substr(family_name, 1, 3)", "city"),
    ("substr(given_name, 1, 3)", "substr(family_name, 1, 3)", "substr(birth_date, 1, 4)"),
]
TRAINING: Rules = [("given_name", "family_name"), ("birth_date",)]
SURE: Rules = [("given_name", "family_name", "birth_date"), ("given_name", "email")]


def prepare(connection: duckdb.DuckDBPyConnection, path: str) -> tuple[list[str], list[str], list[str]]:
    """Make the table `records`: lower case, empty as null, digits of telephones, ISO dates. Returns the known columns, the codes
    and the categories among the others."""
    given = [d[0] for d in connection.execute("SELECT * FROM read_parquet(?) LIMIT 0", [path]).description]
    columns = [c for c in given if c != "account_id"]
    expressions = ["account_id AS unique_id"]
    for column in columns:
        text = f"lower(trim({column}::VARCHAR))"
        if column == "phone":
            text = f"regexp_replace({text}, '[^0-9]', '', 'g')"
        if column == "birth_date":
            text = f"regexp_replace({text}, '^(\\d{{4}})(\\d{{2}})(\\d{{2}})$', '\\1-\\2-\\3')"
        expressions.append(f"nullif({text}, '') AS {column}")
    connection.execute(f"CREATE TABLE records AS SELECT {', '.join(expressions)} FROM read_parquet(?)", [path])
    codes, categories = [], []
    for column in (c for c in columns if c not in KNOWN):
        [(values, rows)] = connection.execute(f"SELECT count(DISTINCT {column}), count({column}) FROM records").fetchall()
        if rows:
            (codes if values > CODES * rows else categories).append(column)
    return [c for c in columns if c in KNOWN], codes, categories


def comparisons(known: list[str], codes: list[str], categories: list[str]) -> list[Any]:
    """Its library's comparisons for these columns."""
    import splink.comparison_library as library

    def weighted(comparison: Any) -> Any:
        return comparison.configure(term_frequency_adjustments=True)

    found = [weighted(library.NameComparison(c)) for c in NAMES if c in known]
    if "birth_date" in known:
        found.append(library.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y-%m-%d"))
    if "email" in known:
        found.append(weighted(library.EmailComparison("email")))
    if {"street", "postcode"} <= set(known):
        found.append(address("city" in known))
    else:
        found += [weighted(library.JaroWinklerAtThresholds(c, [0.92, 0.8])) for c in ("street", "city", "postcode") if c in known]
    codes = [*codes, *(["phone"] if "phone" in known else [])]
    found += [weighted(library.DamerauLevenshteinAtThresholds(c, [1, 2])) for c in codes]
    found += [weighted(library.ExactMatch(c)) for c in categories]
    return found


def address(with_city: bool) -> Any:
    """One comparison of street, postcode and city, which say the same thing."""
    import splink.comparison_level_library as level
    from splink.comparison_library import CustomComparison

    columns = ("street", "postcode", "city") if with_city else ("street", "postcode")
    similar, postcode = level.JaroWinklerLevel("street", 0.9), level.ExactMatchLevel("postcode")
    place = [level.ExactMatchLevel("city", term_frequency_adjustments=True)] if with_city else []
    return CustomComparison(
        output_column_name="address",
        comparison_levels=[
            level.And(*(level.NullLevel(c) for c in columns)),
            level.And(level.ExactMatchLevel("street"), postcode),
            level.ExactMatchLevel("street", term_frequency_adjustments=True),
            level.And(similar, postcode),
            similar,
            level.ExactMatchLevel("postcode", term_frequency_adjustments=True),
            level.DamerauLevenshteinLevel("postcode", 1),
            *place,
            level.ElseLevel(),
        ],
    )


def usable(rules: Rules, columns: list[str]) -> Rules:
    """The rules all of whose columns are there."""
    return [rule for rule in rules if all(any(column in part for column in columns) for part in rule)]


def single_rules(connection: duckdb.DuckDBPyConnection, columns: list[str]) -> Rules:
    """Each column that alone makes few enough pairs."""
    found: Rules = []
    for column in columns:
        [(pairs, rows)] = connection.execute(
            f"""SELECT coalesce(sum(n * (n - 1) / 2), 0), coalesce(sum(n), 0)
            FROM (SELECT count(*) AS n FROM records WHERE {column} IS NOT NULL GROUP BY {column})"""
        ).fetchall()
        if pairs <= max(1_000_000, PAIRS_A_RECORD * rows):
            found.append((column,))
    return found


def main(accounts: str, clusters: str, pairs: str) -> None:
    """Link, write, report."""
    try:
        import splink
        from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    except ImportError:
        raise SystemExit("splink is not installed for this interpreter: pip install 'splink>=5'") from None
    warnings.simplefilter("ignore")
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    known, codes, categories = prepare(connection, accounts)
    columns = [*known, *codes]
    blocking = [*single_rules(connection, columns), *usable(COMBINED, columns)]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons(known, codes, categories),
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in blocking],
    )
    linker = Linker(DuckDBAPI(connection=connection).register("records"), settings, log_level="ERROR")
    sure = [*usable(SURE, columns), *((c,) for c in codes)]
    linker.training.estimate_probability_two_random_records_match([block_on(*rule) for rule in sure], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    for rule in usable(TRAINING, columns):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    predicted = linker.inference.predict(threshold_match_weight=-5)
    grouped = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.5)
    found = f"SELECT unique_id AS id, cluster_id::VARCHAR AS cluster FROM {grouped.physical_name}"
    scored = (
        f'SELECT unique_id_l AS "left", unique_id_r AS "right", match_probability AS probability FROM {predicted.physical_name}'
    )
    for query, path in ((found, clusters), (scored, pairs)):
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    peak = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    print(json.dumps({"version": splink.__version__, "peak_bytes": int(peak[0]) * 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
