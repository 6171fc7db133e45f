import numpy as np
import pytest
import scipy.sparse as sp

from gnn.features.matrices import idf, normalised, positions


@pytest.mark.parametrize("shape", [(60, 40), (40, 90), (30, 5)])
def test_positions_are_the_truncated_svd(shape: tuple[int, int]) -> None:
    matrix = sp.random(*shape, density=0.3, format="csr", dtype=np.float32, random_state=1)
    left, right = positions(matrix, 5, seed=0)
    u, s, vt = np.linalg.svd(matrix.toarray(), full_matrices=False)
    best = (u[:, :5] * s[:5]) @ vt[:5]
    assert np.linalg.norm(matrix.toarray() - left @ right.T) == pytest.approx(
        np.linalg.norm(matrix.toarray() - best), rel=0.02, abs=1e-5
    )
    assert right.T @ right == pytest.approx(np.eye(right.shape[1]), abs=1e-4)
    again, _ = positions(matrix, 5, seed=0)
    assert np.array_equal(left, again)


def test_positions_of_low_rank_and_of_nothing() -> None:
    rank_one = sp.csr_matrix(np.outer(np.arange(1, 9), np.arange(1, 7)).astype(np.float32))
    left, right = positions(rank_one, 4, seed=0)
    assert left.shape[1] == right.shape[1] == 1
    assert left @ right.T == pytest.approx(rank_one.toarray(), rel=1e-4)
    assert positions(sp.csr_matrix((5, 4), dtype=np.float32), 3, seed=0)[0].shape == (5, 0)


def test_normalised_rows_have_length_one_or_stay_empty() -> None:
    matrix = sp.csr_matrix(np.array([[3, 4], [0, 0]], np.float32))
    assert normalised(matrix, "l2").toarray() == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
    assert normalised(matrix, "l1").toarray() == pytest.approx(np.array([[3 / 7, 4 / 7], [0, 0]]))


def test_idf_falls_with_popularity_and_is_never_negative() -> None:
    matrix = sp.csr_matrix(np.array([[1, 1], [1, 0], [1, 0]], np.float32))
    common, rare = idf(matrix)
    assert 0 < common < rare
