import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.features import products
from gnn.features.products import add_rows, add_rows_of_related, columns_of, gram, product, turned


def made(seed: int) -> tuple[sp.csr_matrix, sp.csr_matrix, np.ndarray, np.ndarray]:
    """Related persons, their contents, a table of contents, and some persons in any order."""
    generator = np.random.default_rng(seed)
    n, m, k = generator.integers(1, 30, 3)
    related = sp.random(n, n, density=0.2, format="csr", dtype=np.float32, random_state=seed)
    rows = sp.random(n, m, density=0.4, format="csr", dtype=np.float32, random_state=seed + 1)
    return related, rows, generator.standard_normal((m, k), dtype=np.float32), generator.integers(0, n, 7)


@settings(deadline=None)
@given(st.integers(0, 2**16))
def test_products_are_those_of_dense_tables(seed: int) -> None:
    related, rows, table, persons = made(seed)
    everything = np.arange(rows.shape[1], dtype=np.int32)
    direct, over_others = np.zeros((7, table.shape[1]), np.float32), np.zeros((7, table.shape[1]), np.float32)
    add_rows(rows, persons, table, everything, direct)
    add_rows_of_related(related, rows, persons, table, everything, over_others)
    assert direct == pytest.approx(rows.toarray()[persons] @ table, abs=1e-5)
    assert over_others == pytest.approx((related.toarray() @ rows.toarray())[persons] @ table, abs=1e-5)
    assert product(rows, table) == pytest.approx(rows.toarray() @ table, abs=1e-5)
    assert sorted(columns_of(rows, persons)) == sorted(rows[persons].indices)


def test_columns_without_a_place_count_nothing_and_sums_go_on() -> None:
    rows = sp.csr_matrix(np.array([[1, 2, 4]], np.float32))
    out = np.full((1, 1), 100, np.float32)
    add_rows(rows, np.zeros(1, np.int64), np.array([[1.0], [10.0]], np.float32), np.array([1, -1, 0], np.int32), out)
    assert out.item() == 100 + 10 * 1 + 4


def test_a_part_of_the_rows_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tall = np.random.default_rng(0).standard_normal((50, 4), dtype=np.float32)
    mixing = np.random.default_rng(1).standard_normal((4, 3))
    before = gram(tall), turned(tall, mixing)
    monkeypatch.setattr(products, "_TALL", 7)
    assert gram(tall) == pytest.approx(before[0], abs=1e-9)
    assert gram(tall) == pytest.approx(tall.T.astype(np.float64) @ tall, abs=1e-9)
    assert np.array_equal(turned(tall, mixing), before[1])


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, rows, table, _ = made(3)
    before = product(rows, table)
    monkeypatch.setattr(products, "_ROWS", 2)
    assert np.array_equal(product(rows, table), before)
