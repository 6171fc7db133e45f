"""A source folder to a `Population`, through the lake and identity resolution of a fresh home; and persons hidden from it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gnn.features.population import Population, Tagging
from gnn.training.options import TrainingOptions
from graph.progress import ignore_progress

__all__ = ["hidden_and_kept", "population_of", "resolved_population", "tagged", "without_labels"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def population_of(source: Path, *, recent_events: int = 0) -> Population:
    """What a training of this source would read; the home is removed again."""
    return resolved_population(source, recent_events=recent_events)[0]


def resolved_population(source: Path, *, recent_events: int = 0) -> tuple[Population, dict[str, str]]:
    """The same, and the person of each device's id."""
    from api import pipeline
    from api.settings import Settings
    from api.workspace import Workspace
    from gnn.features.population import population
    from graph.privacy import Use

    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
        workspace = Workspace.open(Settings(home=Path(folder)))
        pipeline.ingest(workspace, [source], progress=ignore_progress)
        resolution = pipeline.resolved(workspace, ignore_progress)
        with workspace.connection() as connection:
            people = pipeline.eligible(workspace, resolution, Use.TRAINING)
            devices = {m["id"]: m["person_id"] for m in resolution.members.to_pylist() if m["kind"] == "device"}
            data = population(connection, resolution, people, key=workspace.key, recent_events=recent_events)
            return data, devices


def hidden_and_kept(data: Population, *, seed: int, share: float = 0.3) -> tuple[Indices, Indices]:
    """That share of the labelled persons, drawn, and the others."""
    shuffled = np.random.default_rng([seed, 99]).permutation(np.flatnonzero(data.labelled))
    count = int(share * len(shuffled))
    return np.sort(shuffled[:count]), np.sort(shuffled[count:])


def without_labels(data: Population, persons: Indices) -> Population:
    """The same without these persons' labels and tagging events."""
    labels, labelled = data.labels.copy(), data.labelled.copy()
    labels[persons], labelled[persons] = 0, False
    kept = ~np.isin(data.tagged.person, persons)
    tagged = data.tagged
    fewer = Tagging(tagged.person[kept], tagged.content[kept], tagged.tag[kept], tagged.count[kept])
    return replace(data, labels=labels, labelled=labelled, tagged=fewer)


def tagged(data: Population, options: TrainingOptions, sources: Indices, text: Floats | None = None) -> Floats:
    """Everybody's probabilities (n, k) by the tagger, learned from these labelled persons. `text`: vectors of the contents, where
    the options add what reads them."""
    from gnn.features.channels import Surroundings
    from gnn.features.hetero import interest_graph
    from gnn.models.device import choose_device, few_threads
    from gnn.training.fit import fit_tagger

    device = choose_device(options.device)
    with few_threads(data.persons + data.contents):
        around = Surroundings(data, dimensions=options.position_dimensions, seed=options.seed)
        network = "network" in options.added
        built = interest_graph(
            data, text, dimensions=options.position_dimensions, seed=options.seed, network=network, around=around
        )
        built = built.to(str(device))
        return fit_tagger(data, built, around, sources, options, device, ignore_progress, "tagger").probabilities
