"""How hard the synthetic population is: plain identity evidence by connected components, plain interest baselines.

    python -m tests.bench.bench_population [--preset demo] [--seed 0]

The truth is read here to score, and for one column to say what perfect identity would give. Peers: bare components, popularity.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from graph.synth import PRESETS, generate
from tests.bench.harness import machine, show


def pairwise(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Precision and recall over pairs of records."""

    def pairs(counts: pd.Series) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both = pairs(pd.DataFrame({"f": found, "t": true}).value_counts())
    return both / pairs(pd.Series(found).value_counts()), both / pairs(pd.Series(true).value_counts())


def identity(source: Path, identities: pd.DataFrame) -> list[dict[str, object]]:
    """Connected components of sign-ins, e-mail addresses and advertising ids."""
    nodes = pd.Index(identities.kind + ":" + identities.id)
    true = pd.factorize(identities.person)[0]
    events = pd.read_parquet(source / "events.parquet", columns=["device_id", "account_id"]).dropna()
    signed = events.value_counts().rename("times").reset_index()
    accounts_on = signed.groupby("device_id").account_id.transform("nunique")
    main = signed.sort_values("times", ascending=False, kind="stable").drop_duplicates("device_id")
    few = signed[accounts_on <= 3]
    accounts = pd.read_parquet(source / "accounts.parquet", columns=["account_id", "email"]).dropna()
    accounts["email"] = accounts.email.str.strip().str.lower().str.replace(r"\+.*@", "@", regex=True)
    accounts = accounts[accounts.email.str.contains("@") & (accounts.email != "test@test.com")]
    devices = pd.read_parquet(source / "devices.parquet", columns=["device_id", "advertising_id"]).dropna()
    devices = devices[~devices.advertising_id.str.fullmatch(r"[0-]+")]

    def of_sign_ins(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"a": "device:" + rows.device_id, "b": "account:" + rows.account_id})

    def of_equal(rows: pd.DataFrame, kind: str, column: str) -> pd.DataFrame:
        first = rows.groupby(column)[f"{kind}_id"].transform("first")
        return pd.DataFrame({"a": f"{kind}:" + first, "b": f"{kind}:" + rows[f"{kind}_id"]})

    few_links = of_sign_ins(few)
    joined = pd.concat([few_links, of_equal(accounts, "account", "email"), of_equal(devices, "device", "advertising_id")])
    rows = []
    for name, links in (
        ("every sign-in", of_sign_ins(signed)),
        ("sign-ins on devices with at most three accounts", few_links),
        ("the most frequent account of each device", of_sign_ins(main)),
        ("at most three accounts, same e-mail, same advertising id", joined),
    ):
        ends = nodes.get_indexer(links.a), nodes.get_indexer(links.b)
        found = connected_components(sp.coo_matrix((np.ones(len(links)), ends), (len(nodes),) * 2), directed=False)[1]
        precision, recall = pairwise(found, true)
        f1 = 2 * precision * recall / (precision + recall)
        rows.append({"evidence": name, "precision": f"{precision:.3f}", "recall": f"{recall:.3f}", "F1": f"{f1:.3f}"})
    return rows


def mean_average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """Over the tags with ten people or more; equal scores are taken together."""
    found = []
    for column in np.flatnonzero(truth.sum(0) >= 10):
        order = np.argsort(-scores[:, column], kind="stable")
        ends = np.r_[np.flatnonzero(np.diff(scores[order, column])), len(order) - 1]
        hits = np.cumsum(truth[order, column])[ends]
        found.append(float((np.diff(np.r_[0, hits]) * hits / (ends + 1)).sum() / hits[-1]))
    return float(np.mean(found))


def interests(source: Path, hidden: pd.DataFrame, identities: pd.DataFrame) -> list[dict[str, object]]:
    """Popularity, two hops over contents, and the fifty nearest people, with and without the reading of anonymous devices."""
    person_of = dict(zip(identities.kind + ":" + identities.id, identities.person, strict=True))
    given = pd.read_parquet(source / "labels.parquet")
    contents = pd.read_parquet(source / "contents.parquet", columns=["content_id", "url"])
    events = pd.read_parquet(source / "events.parquet", columns=["device_id", "account_id", "content_id", "url"])
    by_url = events.url.str.split("[?#]", regex=True).str[0].map(dict(zip(contents.url, contents.content_id, strict=True)))
    events["content"] = events.content_id.fillna(by_url)
    tags, people = pd.Index(sorted(set(hidden.tag))), pd.Index(sorted(set(identities.person)))

    def matrix(labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        who = people.get_indexer(("account:" + labels.subject_id).map(person_of))
        rows = np.unique(who)
        known = tags.get_indexer(labels.tag)
        values = np.zeros((len(rows), len(tags)))
        values[np.searchsorted(rows, who[known >= 0]), known[known >= 0]] = 1
        return rows, values

    (train, labels), (test, truth) = matrix(given), matrix(hidden)
    scores: dict[str, list[float]] = {"popularity": [], "two hops over contents": [], "fifty nearest people": []}
    for anonymous in (False, True):
        who = "account:" + events.account_id
        who = who.fillna("device:" + events.device_id) if anonymous else who
        rows = events.assign(person=who.map(person_of)).dropna(subset=["person", "content"])
        ends = people.get_indexer(rows.person), pd.Index(contents.content_id).get_indexer(rows.content)
        reading = sp.csr_matrix((np.ones(len(rows)), ends), (len(people), len(contents)))
        reading.data = np.log1p(reading.data)
        norms = np.sqrt(np.asarray(reading.multiply(reading).sum(1)).ravel())
        reading = (sp.diags(1 / np.maximum(norms, 1e-9)) @ reading).tocsr()
        a, b = reading[train], reading[test]
        readers = 1 + np.asarray((a > 0).sum(0)).ravel()
        near = (b @ a.T).toarray()
        top = np.argsort(-near, 1, kind="stable")[:, :50]
        weight = np.take_along_axis(near, top, 1)
        scores["popularity"].append(mean_average_precision(truth, np.tile(labels.mean(0), (len(test), 1))))
        scores["two hops over contents"].append(
            mean_average_precision(truth, np.asarray(b @ sp.diags(1 / readers) @ (a.T @ labels)))
        )
        scores["fifty nearest people"].append(mean_average_precision(truth, (weight[:, :, None] * labels[top]).sum(1)))
    return [{"method": n, "signed-in reading": f"{x:.3f}", "all reading": f"{y:.3f}"} for n, (x, y) in scores.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="demo")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder), replace(PRESETS[options.preset], seed=options.seed))
        identities = pd.read_parquet(made.truth / "identities.parquet")
        show("Identity, pairwise, by connected components", identity(made.source, identities))
        hidden = pd.read_parquet(made.truth / "labels.parquet")
        show("Hidden interests, mean average precision", interests(made.source, hidden, identities))


if __name__ == "__main__":
    main()
