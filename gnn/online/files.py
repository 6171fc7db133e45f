"""A scorer as files beside a model version: what a fit knows in, plain arrays out, and back.

online.json                              names, options, scales, calibration, the lake's batch
online-contents.parquet                  content_id, idf
online-axes.npy                          V of the contents (m, d)
online-views.npz                         what each view of the labels holds of contents and positions
online-relations-*.npy                   persons × persons, as CSR arrays
online-relation-axes.npy                 V of the relations (n, d')
online-members.npy                       whose each device and account is: hash, person; sorted
online-folds.npy                         fold, answering members and hidden view of each person
online-states.npy, online-usual-*.npy    how encoder states follow positions; what the ensemble reads of people in the mean
and the version's own engagement-*.npy. The same fit gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from gnn.features.channels import LabelChannels, Scale
from gnn.features.evidence import Evidence
from gnn.features.population import Population
from gnn.features.regression import LogisticRegression
from gnn.features.surroundings import Fixed, Surroundings, places
from gnn.features.views import View
from gnn.registry.sparse import ENGAGEMENT, csr_files, csr_of
from graph.errors import ModelError

__all__ = ["MANIFEST", "MEMBER", "Frozen", "FrozenView", "Known", "Write", "frozen_files", "member_hash", "open_frozen"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Write = Callable[[Path], None]
MANIFEST = "online.json"
MEMBER = np.dtype([("hash", "<u8"), ("person", "<i4")])
_FORMAT = 1


@dataclass(frozen=True)
class FrozenView:
    """What a view of the labels holds of everything but single persons: the fields of `gnn.features.views.View`."""

    prior: Floats
    tagging: Evidence | None
    audience: Evidence
    ridge: Floats
    structure: LogisticRegression | None
    usual_count: float


@dataclass(frozen=True)
class Known:
    """What the training knew of its n persons."""

    engagement: sp.csr_matrix
    """(n, m): log1p of summed weights."""
    relations: sp.csr_matrix
    """(n, n)"""
    fold: Indices
    """(n,): of the sources, −1 for others."""
    answering: Indices
    """(n,): the fold whose members alone answer for a person, −1 for all members."""
    view_of: Indices
    """(n,): the fold that is hidden from each, −1 for none."""
    members: npt.NDArray[np.void]
    """MEMBER rows, sorted."""


@dataclass(frozen=True)
class Frozen:
    """Everything a scorer takes from a training but the ensemble and the labels, which the version holds."""

    content_ids: pa.Array
    fixed: Fixed
    dimensions: int
    views: Mapping[int, FrozenView]
    reference_places: Indices
    """(r,): rows of the sources that are compared with."""
    names: tuple[str, ...]
    scale: Scale
    without: frozenset[str]
    known: Known
    facts: Mapping[str, Any]
    """Whatever else the owner of these files wants kept, as JSON."""
    further: Mapping[str, npt.NDArray[Any]]
    """Likewise, by file name."""


def member_hash(members: Iterable[tuple[str, str]]) -> npt.NDArray[np.uint64]:
    """A number for each device or account, (kind, id) each."""
    found = b"".join(hashlib.blake2b(f"{kind}:{id_}".encode(), digest_size=8).digest() for kind, id_ in members)
    return np.frombuffer(found, np.uint64)


def frozen_files(
    data: Population,
    around: Surroundings,
    reader: LabelChannels,
    answering: Indices,
    dimensions: int,
    members: Iterable[tuple[str, str, str]],
    facts: Mapping[str, Any],
    further: Mapping[str, npt.NDArray[Any]],
) -> dict[str, Write]:
    """File name to what writes that file, for `registry.save(extras=…)`. `members`: kind, id and person of everybody in `data`;
    `facts`: whatever else is to be kept, fit for JSON; `further`: other arrays by file name."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "online-axes.npy": around.fixed.axes,
        "online-relation-axes.npy": around.fixed.relation_axes,
        "online-members.npy": _member_rows(data, members),
        "online-folds.npy": np.stack([reader.fold, answering, reader.view_of]).astype(np.int16),
        **further,
    }
    about = {
        "format": _FORMAT,
        "dimensions": dimensions,
        "usual_contents": around.fixed.usual_contents,
        "tags": len(data.tags),
        "views": sorted(reader.views),
        "references": reader.references.places.tolist(),
        "channels": list(reader.names),
        "without": sorted(reader.options.without),
        "mean": reader.scale.mean.tolist(),
        "deviation": reader.scale.deviation.tolist(),
        "facts": facts,
        "further": sorted(further),
    }
    contents = pa.table({"content_id": pa.array(data.content_ids, pa.string()), "idf": around.fixed.idf})
    held = {f"{f}/{name}": value for f, view in reader.views.items() for name, value in _of_view(view).items()}
    return {
        MANIFEST: partial(_text, json.dumps(about, sort_keys=True)),
        "online-contents.parquet": lambda path: pq.write_table(contents, path),
        "online-views.npz": partial(_many, held),
        **{name: partial(_one, array) for name, array in arrays.items()},
        **csr_files("online-relations", around.related),
    }


def open_frozen(path_of: Callable[[str], Path]) -> Frozen:
    """Open what `frozen_files` wrote; `path_of` gives the path of a file by its name, checked (`Version.extra`). Rows of persons
    are memory-mapped. Raises ModelError for files that are damaged or of another format."""
    path = path_of(MANIFEST)
    try:
        about: dict[str, Any] = json.loads(path.read_text())
        if about["format"] != _FORMAT:
            raise ModelError(f"{path} has format {about['format']}, this version reads {_FORMAT}; run `tessera train`")
        contents = pq.read_table(path_of("online-contents.parquet"))
        axes = _mapped(path_of("online-axes.npy"))
        folds = np.load(path_of("online-folds.npy"), allow_pickle=False).astype(np.int64)
        n, m, k = folds.shape[1], contents.num_rows, int(about["tags"])
        relations = csr_of(path_of, "online-relations", n)
        at = places(np.asarray(axes), int(about["dimensions"]))
        with np.load(path_of("online-views.npz"), allow_pickle=False) as held:
            views = {int(f): _view(held, int(f), at, (m, k)) for f in about["views"]}
        return Frozen(
            content_ids=contents.column("content_id").combine_chunks(),
            fixed=Fixed(
                idf=contents.column("idf").to_numpy(),
                usual_contents=float(about["usual_contents"]),
                axes=axes,
                relation_axes=_mapped(path_of("online-relation-axes.npy")),
                degrees=np.diff(relations.indptr).astype(np.float32),
            ),
            dimensions=int(about["dimensions"]),
            views=views,
            reference_places=np.asarray(about["references"], np.int64),
            names=tuple(about["channels"]),
            scale=Scale(np.asarray(about["mean"], np.float32), np.asarray(about["deviation"], np.float32)),
            without=frozenset(about["without"]),
            known=Known(
                csr_of(path_of, ENGAGEMENT, m),
                relations,
                folds[0],
                folds[1],
                folds[2],
                np.load(path_of("online-members.npy"), allow_pickle=False),
            ),
            facts=about["facts"],
            further={name: np.load(path_of(name), allow_pickle=False) for name in about["further"]},
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"the scorer beside {path} is damaged ({reason}); run `tessera train` to make it anew") from error


def _member_rows(data: Population, members: Iterable[tuple[str, str, str]]) -> npt.NDArray[np.void]:
    place = {p: i for i, p in enumerate(data.person_ids.to_pylist())}
    kept = [(kind, id_, place[person]) for kind, id_, person in members if person in place]
    rows = np.zeros(len(kept), MEMBER)
    rows["hash"] = member_hash((kind, id_) for kind, id_, _ in kept)
    rows["person"] = [person for _, _, person in kept]
    return np.sort(rows, order=["hash", "person"])


def _of_view(view: View) -> dict[str, npt.NDArray[Any]]:
    held: dict[str, npt.NDArray[Any]] = {"prior": view.prior, "ridge": view.ridge, "count": np.array([view.usual_count])}
    for name, evidence in (("tagging", view.tagging), ("audience", view.audience)):
        if evidence is None:
            continue
        counts = evidence.counts
        told = {"pointers": counts.indptr, "columns": counts.indices, "values": counts.data, "size": evidence.size}
        told |= {"usual": evidence.usual, "base": evidence.base, "strength": np.array([evidence.strength], np.float32)}
        told |= {f"weights-{resolution}": weights for resolution, weights in evidence.weights.items()}
        held |= {f"{name}/{what}": np.asarray(value) for what, value in told.items()}
    if view.structure is not None:
        held |= {"structure/weights": view.structure.weights, "structure/offsets": view.structure.offsets}
    return held


def _view(held: Mapping[str, npt.NDArray[Any]], f: int, at: dict[str, Floats], shape: tuple[int, int]) -> FrozenView:
    def evidence(name: str) -> Evidence:
        def part(what: str) -> npt.NDArray[Any]:
            return held[f"{f}/{name}/{what}"]

        counts = sp.csr_matrix((part("values"), part("columns"), part("pointers")), shape=shape)
        weights = {resolution: part(f"weights-{resolution}") for resolution in at}
        return Evidence(at, weights, counts, part("size"), float(part("strength")[0]), part("usual"), part("base"))

    structure = f"{f}/structure/weights" in held
    return FrozenView(
        prior=held[f"{f}/prior"],
        tagging=evidence("tagging") if f"{f}/tagging/size" in held else None,
        audience=evidence("audience"),
        ridge=held[f"{f}/ridge"],
        structure=LogisticRegression(held[f"{f}/structure/weights"], held[f"{f}/structure/offsets"]) if structure else None,
        usual_count=float(held[f"{f}/count"][0]),
    )


def _mapped(path: Path) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")


def _one(array: npt.NDArray[Any], path: Path) -> None:
    np.save(path, np.ascontiguousarray(array))


def _many(arrays: Mapping[str, npt.NDArray[Any]], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as out:  # `numpy.savez` would do, but promises nothing about the same bytes
        for name, array in sorted(arrays.items()):
            with out.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
