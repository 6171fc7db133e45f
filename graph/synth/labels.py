"""Labels: interest tags of some people in the input, with mistakes, and of others in the truth, without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from graph.synth.accounts import Accounts
from graph.synth.draw import Bools, Ints, column, generator, instants, pick_in_groups
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["LabelSplit", "label_tables"]

Topics = list[dict[str, Any]]


@dataclass(frozen=True)
class LabelSplit:
    """Labels of the input, and those of other people for the truth."""

    given: pa.Table
    hidden: pa.Table


def label_tables(parameters: Population, people: People, accounts: Accounts, tags: Bools, topics: Topics) -> LabelSplit:
    """`tags` is people × topics. A given label is right nine times in ten; hidden ones are the truth. One account a person."""
    rng = generator(parameters.seed, "labels")
    subject = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), np.arange(len(people)))
    chance = rng.random(len(people))
    holds = (subject >= 0) & tags.any(1)
    given = holds & (chance < parameters.labelled_share)
    hidden = holds & (chance >= parameters.labelled_share) & (chance < parameters.labelled_share + parameters.hidden_share)
    noisy = tags & (rng.random(tags.shape) < 0.9)
    noisy |= rng.random(tags.shape) < 0.1 * tags.sum() / tags.size
    noisy[:, 0] |= ~noisy.any(1) & tags[:, 0]
    return LabelSplit(
        _labels(rng, parameters, accounts, subject, noisy & given[:, None], topics, dated=True),
        _labels(rng, parameters, accounts, subject, tags & hidden[:, None], topics, dated=False),
    )


def _labels(
    rng: np.random.Generator,
    parameters: Population,
    accounts: Accounts,
    subject: Ints,
    tags: Bools,
    topics: Topics,
    *,
    dated: bool,
) -> pa.Table:
    person, topic = np.nonzero(tags)
    order = rng.permutation(len(person))
    person, topic = person[order], topic[order]
    columns = {
        "subject_kind": pa.array(["account"] * len(person), pa.string()),
        "subject_id": column(accounts.ids, subject[person]),
        "tag": column([t["tag"] for t in topics], topic),
        "value": pa.array(np.ones(len(person)), pa.float64()),
    }
    if dated:
        at = parameters.start_seconds + rng.uniform(0.5, 1.0, len(person)) * parameters.days * 86_400.0
        columns["at"] = instants(at)
    return pa.table(columns)
