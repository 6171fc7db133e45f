"""Fit a match model to records, without configuration.

In: a table of records (`account_id` and any columns). Out: a `RecordModel`. Columns are profiled, values numbered and counted,
blocking keys chosen and parameters estimated, each in the file of its name. The result does not depend on the order of the
records, nor on what the columns are called.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graph.errors import SettingsError
from graph.progress import Progress, ignore_progress
from graph.resolve.records.choose import ChoiceRules, choose_keys, wide_keys
from graph.resolve.records.composed import made_of
from graph.resolve.records.estimate import Estimator
from graph.resolve.records.frequencies import count
from graph.resolve.records.keys import KeyWriter, possible_keys
from graph.resolve.records.model import RecordModel
from graph.resolve.records.prepared import PreparedRecords, word_cap
from graph.resolve.records.profile import ColumnSpec, profile
from graph.resolve.records.sampling import FitData, FitRules
from graph.resolve.records.settings import RecordSettings
from graph.resolve.records.values import Encoded, Integers, encode, mixed, pack

__all__ = ["KEY_COLUMN", "fit", "fit_and_prepare"]

KEY_COLUMN = "account_id"
_STEPS = 5
_USUAL_KINDS = {
    "email": "email",
    "phone": "phone",
    "given_name": "name",
    "family_name": "name",
    "birth_date": "date",
    "street": "text",
    "city": "name",
    "postcode": "identifier",
}
_SHARED_NAMES = 0.2
"""Share of the records of either of two columns of names whose value the other has too, from which they may be crosswise."""


def fit(
    records: pa.Table,
    settings: RecordSettings | None = None,
    progress: Progress = ignore_progress,
    *,
    rules: FitRules | None = None,
    choice: ChoiceRules | None = None,
) -> RecordModel:
    """Fit the model. Raises SettingsError where the settings name columns that there are not."""
    return fit_and_prepare(records, settings, progress, rules=rules, choice=choice)[0]


def fit_and_prepare(
    records: pa.Table,
    settings: RecordSettings | None = None,
    progress: Progress = ignore_progress,
    *,
    rules: FitRules | None = None,
    choice: ChoiceRules | None = None,
) -> tuple[RecordModel, PreparedRecords]:
    """The same, with the records made ready for the model, as `RecordModel.prepare` makes them."""
    settings, rules, choice = settings or RecordSettings(), rules or FitRules(), choice or ChoiceRules()
    progress("records: columns", 0, _STEPS)
    names = _columns(records, settings)
    usual = _usual_kinds(records, names) if records.num_rows < rules.few_records else {}
    specs = profile(records, names, {**usual, **settings.kinds})
    progress("records: values", 1, _STEPS)
    given = encode(records, specs)
    encoded = _in_order(given)
    frequencies = count(encoded, specs)
    words, holders = frequencies.of_words(encoded)
    partner = _partners(encoded, specs)
    packed = pack(encoded.values, words, *frequencies.of_values(encoded))
    progress("records: pairs", 2, _STEPS)
    generator = np.random.Generator(np.random.PCG64(settings.seed))
    estimator = Estimator(FitData(encoded, specs, packed, partner, made_of(records, specs), rules), generator)
    if not specs or records.num_rows < 2:
        model = RecordModel(specs, estimator.start(), frequencies, (), records.num_rows, 0.0)
        return model, model.prepare_encoded(given)
    writer = KeyWriter(encoded, specs, holders, word_cap(frequencies))
    wide = wide_keys(possible_keys(specs, settings.keys), writer, specs, settings, choice)
    candidates, kept = estimator.candidates(wide.left, wide.right, wide.stands_for)
    progress("records: match weights", 3, _STEPS)
    parameters = estimator.fit(candidates)
    progress("records: blocking keys", 4, _STEPS)
    matching = np.zeros(len(wide.left))
    matching[kept] = estimator.posteriors(candidates, parameters)[:, 0] * candidates.stands_for
    keys = choose_keys(wide, matching, writer, settings, choice)
    progress("records: fitted", _STEPS, _STEPS)
    model = RecordModel(specs, parameters, frequencies, keys, records.num_rows, float(matching.sum()))
    return model, model.prepare_encoded(given)


def _usual_kinds(records: pa.Table, names: list[str]) -> dict[str, str]:
    """Kinds of the columns whose names say what they hold: a few records do not show it."""
    return {name: _USUAL_KINDS[name] for name in names if name in _USUAL_KINDS and records[name].null_count < records.num_rows}


def _columns(records: pa.Table, settings: RecordSettings) -> list[str]:
    known = [name for name in records.column_names if name != KEY_COLUMN]
    for name in (*settings.columns, *settings.ignore, *settings.kinds):
        if name not in known:
            raise SettingsError(f"records: no column {name!r}; there are: {', '.join(known)}")
    return [name for name in known if name not in settings.ignore and (not settings.columns or name in settings.columns)]


def _in_order(encoded: Encoded) -> Encoded:
    """The records in an order that follows from their content, so that neither samples nor sums depend on the given order; values
    are numbered again in the same way."""
    hashed = np.append(encoded.values.hash, np.uint64(0))
    row = np.zeros(len(encoded.codes), np.uint64)
    for column in range(encoded.codes.shape[1]):
        row = mixed(row, hashed[encoded.codes[:, column]])
    return Encoded(encoded.codes[np.argsort(row, kind="stable")], encoded.first, encoded.values)


def _partners(encoded: Encoded, specs: tuple[ColumnSpec, ...]) -> Integers:
    """Pairs of columns of names whose vocabularies overlap most, each column in one pair at most."""
    names = [c for c, spec in enumerate(specs) if spec.kind == "name"]
    shared: list[tuple[float, int, int]] = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            own = [encoded.values.hash[encoded.first[c] : encoded.first[c + 1]] for c in (a, b)]
            least = 1.0
            for c, mine, other in ((a, own[0], own[1]), (b, own[1], own[0])):
                found = np.isin(mine, other)
                codes = encoded.codes[:, c]
                held = codes[codes >= 0] - encoded.first[c]
                least = min(least, float(found[held].mean()) if len(held) else 0.0)
            if least >= _SHARED_NAMES:
                shared.append((-least, a, b))
    partner = np.full(len(specs), -1, np.int64)
    for _, a, b in sorted(shared):
        if partner[a] < 0 and partner[b] < 0:
            partner[a], partner[b] = b, a
    return partner
