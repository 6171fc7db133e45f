import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.features import evidence as evidence_module
from gnn.features.evidence import Evidence, Way, gather, through

CONTENTS, TAGS = 40, 5


def made(seed: int = 0, strength: float = 3.0) -> tuple[Evidence, sp.csr_matrix, np.ndarray]:
    """Contents of two kinds, told apart by their place; every second one was never tagged."""
    generator = np.random.default_rng(seed)
    kind = np.arange(CONTENTS) % 4 < 2
    places = np.stack([8.0 * kind, 8.0 * ~kind, np.ones(CONTENTS)], axis=1).astype(np.float32)
    size = np.where(np.arange(CONTENTS) % 2 == 0, 20, 0).astype(np.float32)
    share = np.where(kind[:, None], [0.8, 0.4, 0, 0, 0.1], [0, 0, 0.6, 0.2, 0.1])
    counts = sp.csr_matrix(generator.binomial(size[:, None].astype(int), share).astype(np.float32))
    found = gather({"coarse": places, "fine": places}, counts, size, np.ones(CONTENTS, np.float32), strength=strength)
    return found, counts, kind


def same(table: np.ndarray) -> np.ndarray:
    return table


def square(table: np.ndarray) -> np.ndarray:
    return table**2


def test_a_content_that_nobody_tagged_is_taken_for_what_contents_near_it_are() -> None:
    found, _, kind = made()
    untagged = np.arange(1, CONTENTS, 2)
    near, plain = found.table(untagged, "coarse"), found.table(untagged, "plain")
    assert near[kind[untagged], 0].min() > 0.6
    assert near[~kind[untagged], 0].max() < 0.1
    assert np.allclose(plain, plain[0])  # without places they are all alike


def test_many_taggers_are_believed_over_the_places() -> None:
    found, counts, _ = made(strength=1e-6)
    tagged = np.arange(0, CONTENTS, 2)
    assert found.table(tagged) == pytest.approx(counts[tagged].toarray() / 20, abs=1e-4)


@settings(deadline=None)
@given(st.integers(0, 2**16), st.integers(1, 50))
def test_chunks_change_nothing_and_the_contents_of_others_are_the_product(seed: int, cells: int) -> None:
    found, _, _ = made()
    rows = sp.random(6, CONTENTS, density=0.3, format="csr", dtype=np.float32, random_state=seed)
    others = sp.random(6, 6, density=0.3, format="csr", dtype=np.float32, random_state=seed + 1)
    ways = {"a": Way(rows, "coarse", same), "b": Way(rows, "plain", square), "c": Way(rows, "fine", square, others)}
    persons = np.random.default_rng(seed).integers(0, 6, 4)
    before = evidence_module._CELLS
    try:
        evidence_module._CELLS = cells
        parts = through(found, ways, persons)
    finally:
        evidence_module._CELLS = before
    everything = np.arange(CONTENTS)
    assert parts["a"] == pytest.approx((rows @ found.table(everything))[persons], abs=1e-5)
    assert parts["b"] == pytest.approx((rows @ found.table(everything, "plain") ** 2)[persons], abs=1e-5)
    assert parts["c"] == pytest.approx((others @ rows @ found.table(everything, "fine") ** 2)[persons], abs=1e-5)


def test_nothing_said_and_nobody_there() -> None:
    places = {"coarse": np.ones((3, 1), np.float32), "fine": np.ones((3, 1), np.float32)}
    found = gather(
        places, sp.csr_matrix((3, 2), dtype=np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32), strength=3.0
    )
    assert found.table(np.arange(3)) == pytest.approx(np.zeros((3, 2)))
    empty = through(found, {"a": Way(sp.csr_matrix((0, 3), dtype=np.float32), "coarse", same)}, np.zeros(0, np.int64))
    assert empty["a"].shape == (0, 2)
