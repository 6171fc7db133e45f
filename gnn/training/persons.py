"""Everything that is learned about persons in one training: a population and text vectors in, probabilities, embeddings and
metrics out. The held-out report comes first: a training that never sees the report's persons, beside its baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn.evaluate import tag_metrics
from gnn.features.channels import Surroundings
from gnn.features.hetero import interest_graph
from gnn.features.population import Population
from gnn.models.device import choose_device, few_threads
from gnn.online.saving import Standing, scorer_files
from gnn.tags.propagated import baselines
from gnn.training.fit import Fitted, fit_tagger
from gnn.training.link import embed_persons
from gnn.training.options import TrainingOptions
from graph.progress import Progress

__all__ = ["LearnedPersons", "learn_persons"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_MINIMUM_REPORT = 20
_VOTERS = ("popularity", "audience", "neighbours_20", "neighbours_80", "friends")


@dataclass(frozen=True)
class LearnedPersons:
    """`probabilities` (n, k), `embeddings` (n, d). `details` and the written states make the taggers usable again."""

    probabilities: Floats
    embeddings: Floats
    metrics: dict[str, Any]
    details: dict[str, Any]
    write_states: Callable[[Path], None] | None
    scorer: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    """Files that make single persons scored later (`gnn.online`); none where no network was trained."""


def learn_persons(
    data: Population,
    text: Floats | None,
    options: TrainingOptions,
    progress: Progress,
    notes: list[str],
    standing: Standing | None = None,
) -> LearnedPersons:
    """Appends to `notes` what was done. `standing`: of the lake and the resolution that `data` was read from; without it nothing
    is left for scoring single persons."""
    if data.persons == 0:
        notes.append("no persons that may be trained on: contents only")
        return LearnedPersons(np.zeros((0, len(data.tags)), np.float32), np.zeros((0, 0), np.float32), {}, {}, None)
    device = choose_device(options.device)
    with few_threads(data.persons + data.contents):
        around = Surroundings(data, dimensions=options.position_dimensions, seed=options.seed)
        graph_data = interest_graph(
            data,
            text,
            dimensions=options.position_dimensions,
            seed=options.seed,
            network="network" in options.added,
            around=around,
        ).to(str(device))
        embeddings = embed_persons(data, graph_data, options, device, progress, notes.append)
        if not embeddings.any():
            notes.append("nobody engages with any content: no embeddings, no lookalikes")
        sources = np.flatnonzero(data.labelled)
        if not data.tags:
            return LearnedPersons(np.zeros((data.persons, 0), np.float32), embeddings, {}, {"device": device.type}, None)
        if len(sources) < options.minimum_labelled:
            notes.append(
                f"{len(sources)} labelled persons are too few for a network (at least {options.minimum_labelled}): "
                "probabilities are smoothed propagation, and there is no report"
            )
            shares = baselines(data, around, sources, np.arange(data.persons))
            mean = np.mean([v for name, v in shares.items() if name in _VOTERS], axis=0).astype(np.float32)
            return LearnedPersons(mean, embeddings, {}, {"device": device.type}, None)

        def fit(taught: Indices, what: str, asked: Indices | None = None) -> Fitted:
            return fit_tagger(data, graph_data, around, taught, options, device, progress, what, asked, notes.append)

        metrics: dict[str, Any] = {}
        judged = min(int(options.report_share * len(sources)), options.taught_persons)
        if judged >= _MINIMUM_REPORT:
            shuffled = np.random.default_rng([options.seed, 7]).permutation(sources)
            hidden, kept = np.sort(shuffled[:judged]), np.sort(shuffled[judged:])
            found = {"model": fit(kept, "report", hidden).probabilities, **baselines(data, around, kept, hidden)}
            metrics["report"] = {
                name: tag_metrics(data.labels[hidden], value, seed=options.seed).as_dict() for name, value in found.items()
            }
            notes.append(f"metrics are those of {judged} labelled persons hidden from a training of its own")
        elif options.report_share > 0:
            notes.append("too few labelled persons for a report on hidden ones")
        fitted = fit(sources, "tags")
        scorer = {} if standing is None else scorer_files(data, around, graph_data, fitted, embeddings, standing, options, notes)
    details = {
        "device": device.type,
        **fitted.ensemble.describe(),
        "channels": list(fitted.channel_names),
        "epochs": fitted.epochs,
        "label_tags": data.tags,
    }
    return LearnedPersons(fitted.probabilities, embeddings, metrics, details, fitted.ensemble.write, scorer)
