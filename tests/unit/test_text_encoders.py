from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gnn.text import open_encoder
from gnn.text.cache import CachedEncoder
from gnn.text.encoder import Vectors
from graph.errors import SettingsError


class Lengths:
    """An encoder whose vectors say which text they are of, and that counts what it was asked."""

    dimensions = 2

    def __init__(self, name: str = "lengths") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[len(t), ord(t[0])] for t in texts], np.float32).reshape(-1, 2)


def test_cache_computes_each_text_once_and_survives_a_new_process(tmp_path: Path) -> None:
    first = CachedEncoder(Lengths(), tmp_path)
    once = first.encode(["ab", "c", "ab"])
    assert once.tolist() == [[2, 97], [1, 99], [2, 97]]
    assert first.computed == 2
    second = CachedEncoder(inner := Lengths(), tmp_path)
    assert second.encode(["c", "ddd", "ab"]).tolist() == [[1, 99], [3, 100], [2, 97]]
    assert inner.asked == ["ddd"]


def test_cache_never_mixes_encoders(tmp_path: Path) -> None:
    CachedEncoder(Lengths("one"), tmp_path).encode(["ab"])
    other = CachedEncoder(inner := Lengths("two"), tmp_path)
    other.encode(["ab"])
    assert inner.asked == ["ab"]


@pytest.mark.parametrize("damage", [b"", b"not a zip", None])
def test_a_damaged_segment_is_computed_again(tmp_path: Path, damage: bytes | None) -> None:
    CachedEncoder(Lengths(), tmp_path).encode(["ab", "c"])
    (segment,) = tmp_path.rglob("*.npz")
    segment.write_bytes(segment.read_bytes()[:-40] if damage is None else damage)
    again = CachedEncoder(inner := Lengths(), tmp_path)
    assert again.encode(["ab"]).tolist() == [[2, 97]]
    assert inner.asked == ["ab"]


def test_no_text_has_no_vectors(tmp_path: Path) -> None:
    assert CachedEncoder(Lengths(), tmp_path).encode([]).shape == (0, 2)


def test_auto_picks_the_multilingual_encoder_for_chinese(tmp_path: Path) -> None:
    texts = ["体育新闻", "sports news", "recipes for soup"]
    encoder = open_encoder("auto", texts, tmp_path)
    assert encoder.name.startswith("universal")
    vectors = encoder.encode(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)
    assert vectors[0] @ vectors[1] > 0.6 > 0.4 > vectors[0] @ vectors[2]


def test_transformer_batches_change_nothing(tmp_path: Path) -> None:
    texts = ["a cat on a mat", "electric guitar solo", "a " * 200, "", "jazz"]
    encoder = open_encoder("auto", texts, tmp_path)
    assert encoder.name.startswith("transformer")
    together = encoder.encode(texts)
    alone = np.vstack([open_encoder("transformer", texts, tmp_path / "alone").encode([texts[i]]) for i in (0, 1)])
    assert together[:2] == pytest.approx(alone, abs=1e-5)
    assert not together[3].any()
    assert together[1] @ together[4] > together[0] @ together[4]


def test_an_unknown_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="cannot be loaded") as raised:
        open_encoder(str(tmp_path / "empty"), ["x"], tmp_path)
    assert "\n" not in str(raised.value)
