import numpy as np
import pytest
import torch
from scipy.special import expit
from test_gnn_world import read, world

from gnn.features.hetero import edge_types, feature_widths, interest_graph
from gnn.features.surroundings import Surroundings
from gnn.models.layers import HeteroEncoder, WeightedMean
from gnn.models.optimiser import OPTIMISERS, make_optimiser
from gnn.models.pyg import HeteroData
from gnn.training.calibration import fit_calibration
from graph.errors import SettingsError

EDGE = ("person", "engaged", "content")


@pytest.fixture(scope="module")
def built() -> HeteroData:
    text = np.random.default_rng(0).standard_normal((36, 24)).astype(np.float32)
    return interest_graph(read(world()), text, dimensions=8, seed=0)


def edgewise(data: HeteroData) -> HeteroData:
    """The same graph without cached CSR arrays."""
    plain = HeteroData()
    for node_type in data.node_types:
        plain[node_type].num_nodes = data[node_type].num_nodes
        for name in ("position", "text"):
            if name in data[node_type]:
                plain[node_type][name] = data[node_type][name]
    for edge_type in data.edge_types:
        plain[edge_type].edge_index = data[edge_type].edge_index
        plain[edge_type].edge_weight = data[edge_type].edge_weight
    return plain


def encoder(data: HeteroData) -> HeteroEncoder:
    torch.manual_seed(0)
    model = HeteroEncoder(feature_widths(data), edge_types(data), ["person"], width=16, layers=2, dropout=0.0)
    return model.eval()


def test_every_edge_has_its_reverse_and_weights_sum_to_one(built: HeteroData) -> None:
    assert set(built.edge_types) == {EDGE, ("content", "rev_engaged", "person"), ("person", "related", "person")}
    there, back = built[EDGE].edge_index, built["content", "rev_engaged", "person"].edge_index
    assert {tuple(e) for e in there.T.tolist()} == {tuple(e) for e in back.flip(0).T.tolist()}
    for edge_type in built.edge_types:
        store = built[edge_type]
        sums = torch.zeros(built[edge_type[2]].num_nodes).index_add_(0, store.edge_index[1], store.edge_weight)
        assert torch.allclose(sums[sums > 0], torch.ones(int((sums > 0).sum())), atol=1e-5)


def test_positions_are_computed_once_for_graph_and_surroundings(built: HeteroData) -> None:
    data = read(world())
    again = interest_graph(data, None, dimensions=8, seed=0, around=Surroundings(data, dimensions=8, seed=0))
    for node_type in ("person", "content"):
        assert torch.allclose(again[node_type].position, built[node_type].position, atol=1e-5)


def test_the_weighted_mean_is_the_equation(built: HeteroData) -> None:
    store, targets = built[EDGE], int(built["content"].num_nodes)
    x = torch.randn(int(built["person"].num_nodes), 5, generator=torch.Generator().manual_seed(0))
    dense = torch.zeros(targets, x.shape[0])
    dense[store.edge_index[1], store.edge_index[0]] = store.edge_weight
    assert torch.allclose(WeightedMean()(x, store, targets), dense @ x, atol=1e-5)


def test_sparse_product_and_edge_by_edge_agree_in_values_and_gradients(built: HeteroData) -> None:
    model = encoder(built)
    gradients = []
    for data in (built, edgewise(built)):
        model.zero_grad()
        out = model(data)["person"]
        (out * torch.arange(out.numel()).view_as(out).cos()).sum().backward()
        gradients.append([out.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)])
    assert len(gradients[0]) == len(gradients[1]) > 5
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-3, rtol=1e-3)


def test_renumbering_contents_changes_nothing_for_persons(built: HeteroData) -> None:
    data = edgewise(built)
    order = torch.randperm(int(data["content"].num_nodes), generator=torch.Generator().manual_seed(3))
    new_place = torch.argsort(order)
    renumbered = edgewise(built)
    for name in ("position", "text"):
        renumbered["content"][name] = data["content"][name][order]
    for edge_type in data.edge_types:
        index = data[edge_type].edge_index.clone()
        if edge_type[0] == "content":
            index[0] = new_place[index[0]]
        if edge_type[2] == "content":
            index[1] = new_place[index[1]]
        renumbered[edge_type].edge_index = index
    model = encoder(built)
    assert torch.allclose(model(data)["person"], model(renumbered)["person"], atol=1e-5)


def test_labels_are_not_in_the_graph() -> None:
    with_labels, without = world(), world()
    without["labels"] = []
    without["events"] = [e for e in without["events"] if e["type"] != "tag"]
    text = np.ones((36, 4), np.float32)
    a, b = (interest_graph(read(rows), text, dimensions=8, seed=0) for rows in (with_labels, without))
    for store_a, store_b in zip(a.stores, b.stores, strict=True):
        for key, value in store_a.items():
            same = torch.equal(value, store_b[key]) if isinstance(value, torch.Tensor) else value == store_b[key]
            assert same, key


@pytest.mark.parametrize("name", [*OPTIMISERS, "AdamW"])
def test_every_optimiser_lowers_a_loss(name: str) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = make_optimiser(name, [weight], learning_rate=0.05, weight_decay=0.0)
    for _ in range(50):
        optimiser.zero_grad()
        (weight**2).sum().backward()
        optimiser.step()
    assert float((weight.detach() ** 2).sum()) < 1.5


def test_an_unknown_optimiser_is_refused() -> None:
    with pytest.raises(SettingsError, match="adagrad"):
        make_optimiser("lion", [], learning_rate=0.1, weight_decay=0)


def test_calibration_finds_slope_and_offsets_and_pools_rare_tags() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(-1, 2, (4000, 3)).astype(np.float32)
    truth = (generator.random(logits.shape) < expit(0.5 * logits + np.array([0.5, -0.5, 0]))).astype(np.float32)
    fitted = fit_calibration(logits, truth)
    assert fitted.slope == pytest.approx(0.5, abs=0.05)
    assert fitted.offsets == pytest.approx((0.5, -0.5, 0), abs=0.15)
    assert fitted.apply(logits).mean(0) == pytest.approx(truth.mean(0), abs=0.01)
    few = fit_calibration(np.zeros((4, 2), np.float32), np.array([[1, 0], [0, 0], [0, 0], [0, 0]], np.float32))
    assert 0.05 < few.apply(np.zeros((1, 2), np.float32))[0, 1] < 0.3
    assert fit_calibration(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)).offsets == (0, 0)
