"""Networks over texts: pieces, the convolution, the training loop and the fine-tuned transformer, on texts made for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gnn.models.device import few_threads
from gnn.models.optimiser import OPTIMISERS
from gnn.text.classify import ClassifierOptions, Corpus, FineTuneOptions, NetworkOptions, classify_texts
from gnn.text.classify.corpus import Bools, Floats
from gnn.text.classify.finetune import TransformerClassifier
from gnn.text.classify.fitting import Fitting, fit, predict
from gnn.text.classify.network import NetworkClassifier, TextConvolution
from gnn.text.classify.pieces import split
from graph.errors import SettingsError
from graph.progress import ignore_progress

WORDS = ["red", "green", "blue", "gold", "pink", "teal", "grey", "plum"]
SMALL = {"width": 16, "device": "cpu", "epochs": 12, "batch_texts": 16, "dropout": 0.2}


def ordered(n: int, seed: int = 0, spaceless: bool = False) -> tuple[Corpus, Bools]:
    """Texts of the same words, whose class is the order of two of them: no bag of words can tell."""
    generator = np.random.default_rng(seed)
    words, joined = (
        (list("天地玄黄宇宙洪荒"), "") if spaceless else (["red", "green", "blue", "gold", "pink", "teal", "grey", "plum"], " ")
    )
    classes = generator.integers(0, 2, n)
    texts = []
    for c in classes:
        pair = words[:2] if c else words[1::-1]
        rest = list(generator.permutation(words[2:]))
        at = int(generator.integers(len(rest)))
        texts.append(joined.join(rest[:at] + pair + rest[at:]))
    return Corpus(texts, spaceless=spaceless, exclusive=True), np.eye(2, dtype=np.bool_)[classes]


def right(found: Floats, targets: Bools) -> float:
    return float((found.argmax(1) == targets.argmax(1)).mean())


@pytest.mark.parametrize(("unit", "spaceless"), [("subwords", False), ("words", False), ("characters", True)])
def test_the_network_reads_the_order_of_pieces(unit: str, spaceless: bool) -> None:
    corpus, targets = ordered(320, spaceless=spaceless)
    member = NetworkClassifier(corpus, NetworkOptions(unit=unit, **SMALL))
    fitted, asked = np.arange(240), np.arange(240, 320)
    found = member.probabilities(fitted, targets[fitted], asked, 0)
    assert right(found, targets[asked]) > 0.95
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(found, member.probabilities(fitted, targets[fitted], asked, 0))
    assert not np.array_equal(found, member.probabilities(fitted, targets[fitted], asked, 1))


def test_the_global_random_state_is_left_alone() -> None:
    corpus, targets = ordered(40)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    NetworkClassifier(corpus, NetworkOptions(unit="words", **SMALL | {"epochs": 1})).probabilities(
        np.arange(30), targets[:30], np.arange(30, 40), 0
    )
    assert torch.equal(before, torch.get_rng_state())


def test_padding_and_neighbours_in_a_batch_change_no_logit() -> None:
    torch.manual_seed(0)
    model = TextConvolution(20, 3, NetworkOptions(width=8, kernels=(1, 2, 3, 5))).eval()
    long, short = torch.randint(2, 20, (30,)), torch.randint(2, 20, (8,))
    batch = torch.zeros(2, 40, dtype=torch.long)
    batch[0, :30], batch[1, :8] = long, short
    together = model(batch)
    assert torch.allclose(together[1], model(short[None])[0], atol=1e-5)
    assert torch.allclose(together[0], model(long[None])[0], atol=1e-5)


def test_the_convolution_is_the_equation_of_its_docstring() -> None:
    torch.manual_seed(1)
    model = TextConvolution(12, 2, NetworkOptions(width=4, kernels=(3,))).eval()
    pieces = torch.randint(2, 12, (9,))
    vectors, filters = model.inputs(pieces), model.filters[0]
    assert isinstance(filters, nn.Conv1d)
    padded = torch.cat([torch.zeros(1, 4), vectors, torch.zeros(1, 4)])
    windows = [torch.relu(torch.einsum("oik,ki->o", filters.weight, padded[t : t + 3]) + filters.bias) for t in range(9)]
    expected = model.head(torch.cat([torch.stack(windows).amax(0), torch.stack(windows).mean(0)]))
    assert torch.allclose(model(pieces[None])[0], expected, atol=1e-5)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_learns_by_its_usual_rate(optimiser: str) -> None:
    corpus, targets = ordered(160)
    corpus = Corpus([f"{t} {'apple' if y[0] else 'pear'}" for t, y in zip(corpus.texts, targets, strict=True)], False, True)
    member = NetworkClassifier(corpus, NetworkOptions(unit="words", optimiser=optimiser.upper(), **SMALL))
    assert right(member.probabilities(np.arange(120), targets[:120], np.arange(120, 160), 0), targets[120:]) > 0.9


def test_several_classes_a_text() -> None:
    generator = np.random.default_rng(0)
    targets = generator.random((200, 3)) < 0.4
    texts = [" ".join(w for w, y in zip(("sun", "rain", "wind"), row, strict=True) if y) + " today" for row in targets]
    corpus = Corpus(texts, spaceless=False, exclusive=False)
    member = NetworkClassifier(corpus, NetworkOptions(unit="words", **SMALL | {"epochs": 20}))
    found = member.probabilities(np.arange(150), targets[:150], np.arange(150, 200), 0)
    assert ((found > 0.5) == targets[150:]).mean() > 0.95


def test_pieces_are_counted_from_two_and_rare_ones_are_one() -> None:
    found = split(Corpus(["b a", "a b!", "a c"], spaceless=False, exclusive=True), 2, "words")
    assert [row.tolist() for row in found.rows] == [[3, 2], [2, 3], [2, 1]]
    assert (found.size, found.unit, found.table) == (4, "words", None)


def test_subwords_bring_the_vectors_of_the_package_of_their_script() -> None:
    english = split(Corpus(["a fine day", "a fine night"], spaceless=False, exclusive=True), 50)
    chinese = split(Corpus(["今天天气很好", "今天很好"], spaceless=True, exclusive=True), 50)
    assert (english.unit, chinese.unit) == ("subwords", "subwords")
    assert english.table is not None
    assert chinese.table is not None
    assert english.table.shape == (english.size, 384)
    assert chinese.table.shape == (chinese.size, 512)
    assert not english.table[:2].any()
    assert np.isfinite(chinese.table).all()
    assert chinese.table[2:].any(axis=1).all()


class Grudging(nn.Module):
    """A linear model of piece counts that runs out of memory on more than `most` texts at a time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.weights = nn.Embedding(10, 2)
        nn.init.zeros_(self.weights.weight)
        self._most = most

    def forward(self, pieces: Tensor) -> Tensor:
        if self.training and len(pieces) > self._most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        out: Tensor = self.weights(pieces).sum(dim=1)
        return out


def test_a_device_out_of_memory_gets_smaller_batches_and_the_same_model() -> None:
    rows = [np.array([2 + i % 5, 7], np.int64) for i in range(40)]
    targets = np.eye(2, dtype=np.bool_)[np.arange(40) % 5 // 3]
    settings = Fitting("sgd", 0.1, 0.0, epochs=3, batch_texts=16, exclusive=True)
    found = []
    for most in (100, 5, 0):
        model, cpu = Grudging(most), torch.device("cpu")
        groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
        if most == 0:
            with pytest.raises(torch.OutOfMemoryError):
                fit(model, groups, rows, np.arange(40), targets, settings, cpu, 0, ignore_progress)
            continue
        with few_threads(40):
            notes = fit(model, groups, rows, np.arange(40), targets, settings, cpu, 0, ignore_progress)
        assert notes == ([] if most > 16 else ["the device ran out of memory: texts go through the network 4 at a time"])
        found.append(predict(model, rows, np.arange(40), targets, settings, cpu))
    assert found[0] == pytest.approx(found[1], abs=1e-5)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small untrained transformer that reads the words of `ordered`."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"天地玄黄宇宙洪荒"]))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=21, max_position_embeddings=32, **shape)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("level", ["sequence", "token"])
def test_a_transformer_is_fine_tuned_whole_or_by_tokens(level: str, tiny: Path) -> None:
    corpus, targets = ordered(320)
    texts = [f"{t} 天" if y[0] else f"地 {t}" for t, y in zip(corpus.texts, targets, strict=True)]
    corpus = Corpus(texts, spaceless=False, exclusive=True)
    options = FineTuneOptions(str(tiny), level, learning_rate=1e-3, epochs=6, batch_texts=16, device="cpu")
    member = TransformerClassifier(corpus, options)
    found = member.probabilities(np.arange(240), targets[:240], np.arange(240, 320), 0)
    assert right(found, targets[240:]) > 0.9
    assert np.array_equal(found, member.probabilities(np.arange(240), targets[:240], np.arange(240, 320), 0))


def test_frozen_layers_keep_their_weights(tiny: Path) -> None:
    corpus, _ = ordered(20)
    encoder = TransformerClassifier(corpus, FineTuneOptions(str(tiny), frozen_layers=1))._encoder()
    moving = {name.split(".")[2] for name, p in encoder.named_parameters() if p.requires_grad and name.startswith("encoder")}
    assert moving == {"1"}
    assert not any(p.requires_grad for p in encoder.embeddings.parameters())


def test_the_packaged_transformer_learns_from_few_texts() -> None:
    texts = [f"{w} {i}" for i, w in enumerate(["a saxophone solo", "the goalkeeper saved a penalty"] * 20)]
    targets = np.eye(2, dtype=np.bool_)[np.arange(40) % 2]
    member = TransformerClassifier(Corpus(texts, spaceless=False, exclusive=True), FineTuneOptions(epochs=2, batch_texts=8))
    assert right(member.probabilities(np.arange(30), targets[:30], np.arange(30, 40), 0), targets[30:]) == 1


def test_without_a_transformer_of_the_script_a_character_network_is_trained_and_said() -> None:
    corpus, targets = ordered(160, spaceless=True)
    options = ClassifierOptions("transformer", folds=2, network=NetworkOptions(**SMALL))
    found = classify_texts(corpus, np.arange(120), targets[:120], ["a", "b"], options=options, seed=0)
    assert list(found.weights) == ["character-network"]
    assert found.notes == ("no packaged transformer reads the script of the contents: a character network is trained instead",)


def test_of_the_usual_classifiers_a_network_stays_where_it_brings_something() -> None:
    """Three words in a row tell where no two of them do; where nothing tells, a network brings nothing."""
    options = ClassifierOptions(folds=2, network_texts=100, network=NetworkOptions(unit="words", **SMALL | {"epochs": 25}))
    generator = np.random.default_rng(0)
    classes = generator.integers(0, 2, 320)
    first = generator.integers(0, 2, 320)
    three = [f"{('red', 'gold')[a]} of {('green', 'blue')[a ^ c]}" for a, c in zip(first, classes, strict=True)]
    fill = [" ".join(generator.permutation(["pink", "teal", "grey", "plum"])) for _ in classes]
    targets = np.eye(2, dtype=np.bool_)[classes]
    known = np.arange(240)
    rows = Corpus([f"{f} {t}" for f, t in zip(fill, three, strict=True)], spaceless=False, exclusive=True)
    stays = classify_texts(rows, known, targets[known], ["a", "b"], options=options, seed=0)
    assert list(stays.weights) == ["words", "characters", "network"]
    assert right(stays.probabilities[240:], targets[240:]) > 0.9 > 0.65 > stays.members["words"].accuracy
    none = Corpus(fill, spaceless=False, exclusive=True)
    left = classify_texts(none, known, targets[known], ["a", "b"], options=options, seed=0)
    assert list(left.weights) == ["words", "characters"]
    assert any(n.startswith("network is left out") for n in left.notes)


def test_options_that_cannot_be_used_are_one_line(tmp_path: Path) -> None:
    corpus, targets = ordered(20)
    for options in (FineTuneOptions(level="word"), FineTuneOptions(str(tmp_path))):
        with pytest.raises(SettingsError) as raised:
            TransformerClassifier(corpus, options)
        assert "\n" not in str(raised.value)
    member = NetworkClassifier(corpus, NetworkOptions(optimiser="lion", unit="words"))
    with pytest.raises(SettingsError, match="use one of adam"):
        member.probabilities(np.arange(10), targets[:10], np.arange(10, 20), 0)
