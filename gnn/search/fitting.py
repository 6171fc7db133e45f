"""One fit of a trial: a population, options and the persons to score in; their probabilities out.

The only file of the search that knows how taggers are fitted; it imports torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.features.channels import Surroundings
from gnn.features.hetero import interest_graph
from gnn.features.population import Population
from gnn.models.device import choose_device, few_threads
from gnn.training.fit import fit_tagger
from gnn.training.options import TrainingOptions
from graph.progress import ignore_progress

__all__ = ["Fitter"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class Fitter:
    """Fits taggers on one population and its text vectors. What holds no labels is built once for each width of positions."""

    def __init__(self, data: Population, text: Floats | None, options: TrainingOptions) -> None:
        self._data = data
        self._text = text
        self._device = choose_device(options.device)
        self._built: tuple[tuple[int, int], Surroundings, object] | None = None

    def scores(self, data: Population, options: TrainingOptions, sources: Indices, persons: Indices) -> Floats:
        """(b, k) of `persons`, by a training on `sources`; `data` is the fitter's population, some `without_labels`."""
        with few_threads(data.persons + data.contents):
            key = (options.position_dimensions, options.seed)
            if self._built is None or self._built[0] != key:
                around = Surroundings(self._data, dimensions=key[0], seed=key[1])
                network = "network" in options.added  # never searched, so the same in every trial
                graph_data = interest_graph(
                    self._data, self._text, dimensions=key[0], seed=key[1], network=network, around=around
                )
                graph_data = graph_data.to(str(self._device))
                self._built = (key, around, graph_data)
            _, around, graph_data = self._built
            fitted = fit_tagger(data, graph_data, around, sources, options, self._device, ignore_progress, "trial", persons)
        return fitted.probabilities
