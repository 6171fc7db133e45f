import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from gnn.features.regression import fit_logistic


@pytest.mark.parametrize("penalty", [0.5, 5.0])
def test_it_is_scikit_learns_logistic_regression_label_by_label(penalty: float) -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((300, 4)).astype(np.float32)
    y = (x @ generator.standard_normal((4, 3)) + generator.standard_normal((300, 3)) > 0.7).astype(np.float32)
    found = fit_logistic(x, y, y.mean(axis=0), penalty=penalty)
    for label in range(3):
        peer = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=1000).fit(x, y[:, label])
        assert found.weights[:, label] == pytest.approx(peer.coef_[0], abs=2e-2)
        assert found.offsets[label] == pytest.approx(peer.intercept_[0], abs=2e-2)
    assert found.logits(x) == pytest.approx(x @ found.weights + found.offsets)


def test_without_features_it_gives_the_base_rates() -> None:
    y = np.array([[1, 0], [1, 0], [0, 0], [0, 1]], np.float32)
    found = fit_logistic(np.zeros((4, 0), np.float32), y, y.mean(axis=0), penalty=1.0)
    assert 1 / (1 + np.exp(-found.logits(np.zeros((1, 0), np.float32)))) == pytest.approx(np.array([[0.5, 0.25]]), abs=1e-2)
