"""Learn interests: lake and resolution in, a saved model version out. The one door to training; importing it is cheap.

What there is decides what is done, and every choice is said in the version's notes:
labels                    a network on label channels, message passing and text (with enough labelled persons), else propagation
no labels, categories     contents classified by text, persons by what they engage with
no labels, readable text  a taxonomy's tags by text similarity
neither                   no tags; embeddings and lookalikes all the same
no persons                contents only
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn import registry
from gnn.features.population import MINIMUM_EXAMPLES, Population, population
from gnn.monitor import reference_of
from gnn.recommend.beside import Wanted, recommender_beside
from gnn.registry import Version
from gnn.registry.data import data_snapshot
from gnn.registry.sparse import ENGAGEMENT, csr_files
from gnn.tags import tables
from gnn.tags.categories import classify_contents
from gnn.tags.propagated import about_by_audience, from_contents
from gnn.taxonomy import Taxonomy, load, of_strings
from gnn.taxonomy.load import AUDIENCE
from gnn.text import Encoder, is_readable, open_encoder
from gnn.text.classify import ClassifierOptions, FineTuneOptions, NetworkOptions
from gnn.text.readable import wide_script_share
from gnn.training.options import TrainingOptions
from graph.errors import MissingExtra
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution

__all__ = ["Learned", "TrainingOptions", "content_vectors", "learn"]

Floats = npt.NDArray[np.float32]
_READABLE = 0.3
"""With a smaller share of readable titles the contents are taken to be hashed, and their texts are not used."""


@dataclass(frozen=True)
class Learned:
    """What a training gave. `version.notes` say what was done and what was not, and why."""

    version: Version
    persons: int
    contents: int
    tags: int
    labelled: int

    @property
    def metrics(self) -> dict[str, Any]:
        """`report`: name to tag metrics on the held-out persons, `model` among the baselines; `contents`: of the classifier."""
        return dict(self.version.metrics)

    @property
    def notes(self) -> tuple[str, ...]:
        """One line each."""
        return self.version.notes


def learn(
    connection: duckdb.DuckDBPyConnection,
    resolution: Resolution,
    eligible: pa.Array,
    *,
    key: bytes,
    models: Path,
    cache: Path,
    options: TrainingOptions | None = None,
    recommend_to: Wanted | None = None,
    progress: Progress = ignore_progress,
) -> Learned:
    """Train on the eligible persons, save the version under `models` and make it current. `key` is the home's hashing key.
    `recommend_to`: for whom a recommender is fitted and saved with the version; None for nobody.

    Raises MissingExtra (torch, PyG or scikit-learn not installed), SettingsError (an option that cannot be used), InputError
    (a taxonomy file), HomeNotWritable.
    """
    options = options or TrainingOptions()
    _require()
    if options.taxonomy:
        load(options.taxonomy)  # a file that cannot be used is known before any training
    progress("reading engagements", 0, 1)
    data = population(connection, resolution, eligible, key=key, recent_events=options.recent_events)
    progress("reading engagements", 1, 1)
    notes = (
        [f"{len(data.skipped)} tags have fewer than {MINIMUM_EXAMPLES} examples and are skipped: {_some(data.skipped)}"]
        if data.skipped
        else []
    )
    encoder, text = content_vectors(data, options, cache, notes, progress) if _vectors_serve(data, options) else (None, None)

    from gnn.online.saving import standing_of
    from gnn.training.persons import learn_persons

    persons = learn_persons(data, text, options, progress, notes, standing_of(connection, resolution))
    probabilities, about, taxonomy, metrics = persons.probabilities, _Scores(data.tags, None), None, dict(persons.metrics)
    if data.tags:
        about = _Scores(data.tags, about_by_audience(data))
        taxonomy = _annotated(data.tags, options, notes)
    classified = classify_contents(data, text, seed=options.seed, options=_classifiers(options), progress=progress)
    notes += classified.notes
    own: _Scores | None = None
    if data.categories:
        scores = classified.scores if classified.scores is not None else data.content_category.toarray()
        own = _Scores(data.categories, np.asarray(scores, np.float32))
        if classified.metrics:
            metrics |= {"contents": classified.metrics, "content_details": classified.details}
        else:
            notes.append("contents keep their own categories; the others get none")
    label_free = not data.tags
    unlabelled = "no tag with enough labels" if data.labelled.any() else "no labels"
    if label_free and own is not None:
        about, taxonomy, own = own, of_strings("category", data.categories), None
        notes.append(f"{unlabelled}: tags are the contents' categories, a person's by what they engage with")
    elif label_free and encoder is not None and text is not None:
        about, taxonomy = _by_text(text, encoder, options, notes, unlabelled)
    elif label_free:
        rest = "; embeddings and lookalikes are there all the same" if persons.embeddings.any() else ""
        notes.append(f"{unlabelled}, no categories and no readable text: no tags{rest}")
    if label_free:
        scores = about.values if about.values is not None else np.zeros((data.contents, 0), np.float32)
        probabilities = from_contents(data, scores)
    tag_rows = tables.tag_rows(taxonomy, about.names, own.names if own is not None else [])
    about_rows = tables.about_rows(data.content_ids, [s for s in (about, own) if s is not None and s.values is not None])
    extras: Mapping[str, Callable[[Path], None]] = {**persons.scorer, **csr_files(ENGAGEMENT, data.engagement)}
    if recommend_to is not None:
        beside = recommender_beside(
            connection, resolution, recommend_to, data, key=key, text=text, seed=options.seed, progress=progress
        )
        extras, metrics["recommendations"] = {**extras, **beside.extras}, beside.metrics
        notes += beside.notes
    version = registry.save(
        models,
        person_ids=data.person_ids,
        tags=tag_rows,
        probabilities=probabilities,
        embeddings=persons.embeddings,
        about=about_rows,
        metrics=metrics,
        notes=tuple(notes),
        as_of=data.as_of,
        details={"options": _plain(asdict(options)), **persons.details},
        write_states=persons.write_states,
        labels=(data.labels, data.labelled),
        extras=extras,
        data=data_snapshot(connection, data),
        reference=reference_of(data, about_rows, about.names, seed=options.seed),
    )
    return Learned(version, data.persons, data.contents, probabilities.shape[1], int(data.labelled.sum()))


_Scores = tables.ContentScores


def _vectors_serve(data: Population, options: TrainingOptions) -> bool:
    """Whether anything reads text vectors. Where nobody engages with contents that have categories, only a classifier would: the
    English encoder takes as long as all classifiers together, so it runs when `vectors` is named; that of other scripts does
    always."""
    if data.engagement.nnz or not data.categories or "vectors" in options.content_classifiers:
        return True
    return wide_script_share([t for t in data.texts if t]) > 0.1


def _classifiers(options: TrainingOptions) -> ClassifierOptions:
    return ClassifierOptions(
        classifiers=options.content_classifiers,
        network=NetworkOptions(optimiser=options.optimiser, device=options.device),
        transformer=FineTuneOptions(
            model=options.content_model, level=options.content_level, optimiser=options.optimiser, device=options.device
        ),
    )


def _require() -> None:
    """Fail before any work when the extra is missing."""
    from importlib.util import find_spec

    for module in ("torch", "torch_geometric", "sklearn"):
        if find_spec(module) is None:
            raise MissingExtra("Learning interests", "gnn")


def content_vectors(
    data: Population, options: TrainingOptions, cache: Path, notes: list[str], progress: Progress
) -> tuple[Encoder | None, Floats | None]:
    """Vectors of the readable contents (m, e), zero elsewhere; None where texts are of no use."""
    if options.text == "none":
        return None, None
    readable = np.array([is_readable(t) for t in data.texts], np.bool_)
    given = sum(bool(t) for t in data.texts)
    if given == 0:
        notes.append("contents have no texts")
        return None, None
    if readable.sum() / given < _READABLE:
        notes.append(
            f"{given - int(readable.sum())} of {given} content titles are hashed or otherwise unreadable: texts are not used"
        )
        return None, None
    from gnn.models.device import choose_device

    chosen = [data.texts[i] for i in np.flatnonzero(readable)]
    encoder = open_encoder(options.text, chosen, cache, device=str(choose_device(options.device)))
    vectors = np.zeros((data.contents, encoder.dimensions), np.float32)
    rows, step = np.flatnonzero(readable), 4096
    for start in range(0, len(rows), step):
        progress("text vectors", start, len(rows))
        vectors[rows[start : start + step]] = encoder.encode(chosen[start : start + step])
    progress("text vectors", len(rows), len(rows))
    return encoder, vectors


def _by_text(text: Floats, encoder: Encoder, options: TrainingOptions, notes: list[str], why: str) -> tuple[_Scores, Taxonomy]:
    from gnn.tags.by_text import about_by_text, taggable

    taxonomy = load(options.taxonomy or AUDIENCE)
    chosen = taggable(taxonomy)
    scores = about_by_text(text, chosen, encoder)
    used = np.flatnonzero(scores.any(axis=0))
    notes.append(f"{why}: tags of {taxonomy.name} by similarity of content texts and tag names ({len(used)} of them occur)")
    return _Scores([chosen[i].tag_id for i in used], scores[:, used]), taxonomy


def _annotated(tags: list[str], options: TrainingOptions, notes: list[str]) -> Taxonomy:
    """The label tags, with parents and sensitivity from one's own taxonomy where it knows them."""
    flat = of_strings("labels", tags)
    if not options.taxonomy:
        return flat
    taxonomy = load(options.taxonomy)
    known = sum(t.tag_id in set(tags) for t in taxonomy)
    notes.append(f"{known} of {len(tags)} label tags are in the taxonomy {taxonomy.name}")
    return taxonomy if known else flat


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: sorted(v) if isinstance(v, frozenset) else v for k, v in values.items()}


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
