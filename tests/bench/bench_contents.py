"""Classes of contents: plain TF-IDF with logistic regression, and each classifier by name, on inner splits of what is labelled.

    python -m tests.bench.bench_contents SOURCE [--seeds 3] [--classifiers auto words … ] [--texts N]

SOURCE is a folder with `contents.parquet`. For each seed 30 % of the contents with a class are hidden, and the rest are learned
from; the truth of a data set is never read. Means over the seeds, with the 95 % interval of the mean (Student's t), and seconds.
Without names: all but `vectors` and `transformer`, which are slow without a GPU. `--texts` takes that many labelled contents.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gnn.text.classify import CLASSIFIERS, ClassifierOptions, Corpus, FineTuneOptions, NetworkOptions, classify_texts, report_of
from gnn.text.classify.corpus import Bools, Floats, Indices
from gnn.text.readable import spaceless_share
from tests.bench.harness import machine, show

Split = Callable[[list[str], Indices, Indices, Bools, int], Floats]
_T95 = {1: float("nan"), 2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}


def read(source: Path) -> tuple[list[str], list[str]]:
    """Texts and classes, empty where unknown; of several classes the first."""
    rows = pq.read_table(source / "contents.parquet").to_pylist()
    texts = [". ".join(str(r[c]) for c in ("title", "text") if r.get(c)) for r in rows]
    first = [r.get("category") for r in rows]
    return texts, [(c.split("|")[0] if isinstance(c, str) else (c[0] if c else "")) if c else "" for c in first]


def plain(analyzer: str) -> Split:
    """TF-IDF and one softmax, as anybody would begin."""

    def run(texts: list[str], known: Indices, hidden: Indices, targets: Bools, seed: int) -> Floats:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        ngrams, least = ((1, 2), 2) if analyzer == "word" else ((1, 3), 3)
        features = TfidfVectorizer(analyzer=analyzer, ngram_range=ngrams, min_df=least, sublinear_tf=True, max_features=200_000)
        matrix = features.fit_transform(texts)
        model = LogisticRegression(C=10, max_iter=1000).fit(matrix[known], targets[known].argmax(axis=1))
        out = np.zeros((len(hidden), targets.shape[1]), np.float32)
        out[:, model.classes_] = model.predict_proba(matrix[hidden])
        return out

    return run


def ours(names: str, device: str, epochs: int) -> Split:
    """The classifiers of that name, as the product fits them."""

    def run(texts: list[str], known: Indices, hidden: Indices, targets: Bools, seed: int) -> Floats:
        corpus = Corpus(texts, spaceless=spaceless_share(texts) > 0.5, exclusive=True, vectors=vectors(texts, names))
        options = ClassifierOptions(
            names, network=NetworkOptions(device=device, epochs=epochs), transformer=FineTuneOptions(device=device)
        )
        labels = [str(c) for c in range(targets.shape[1])]
        found = classify_texts(corpus, known, targets[known], labels, options=options, seed=seed)
        weights = ", ".join(f"{name} {weight:.2f}" for name, weight in found.weights.items())
        print(f"  {names}, seed {seed}: {found.report.accuracy:.4f} out of fold, weights {weights}", flush=True)
        return found.probabilities[hidden]

    return run


def vectors(texts: list[str], names: str) -> Floats | None:
    """Frozen vectors, where a classifier asks for them."""
    if "vectors" not in names:
        return None
    import tempfile

    from gnn.text import open_encoder

    cache = Path(tempfile.gettempdir()) / "tessera-bench-contents"
    return open_encoder("auto", texts, cache).encode(texts)


def interval(values: list[float]) -> str:
    """Mean ± half the width of the 95 % interval."""
    half = _T95.get(len(values), 1.96) * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{np.mean(values):.4f} ± {half:.4f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--classifiers", nargs="*", help=f"auto, or any of {', '.join(CLASSIFIERS)}, joined by commas to blend them"
    )
    parser.add_argument("--texts", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--epochs", type=int, default=0)
    arguments = parser.parse_args()
    texts, classes = read(arguments.source)
    rows = [i for i, c in enumerate(classes) if c]
    if arguments.texts:
        rows = sorted(np.random.default_rng(0).permutation(rows)[: arguments.texts].tolist())
        texts, classes = [texts[i] for i in rows], [classes[i] for i in rows]
        rows = list(range(len(rows)))
    names = sorted({classes[i] for i in rows})
    targets = np.array([[c == n for n in names] for c in classes], np.bool_)
    spaceless = spaceless_share(texts) > 0.5
    usual = [
        "auto",
        "words",
        "characters",
        "weighted-words",
        "weighted-characters",
        "character-network" if spaceless else "network",
    ]
    print(machine())
    print(f"{len(texts)} contents, {len(rows)} with one of {len(names)} classes")
    table = []
    methods = {"TF-IDF words + LR": plain("word"), "TF-IDF characters + LR": plain("char")}
    methods |= {c: ours(c, arguments.device, arguments.epochs) for c in arguments.classifiers or usual}
    for name, method in methods.items():
        figures: dict[str, list[float]] = {"accuracy": [], "macro-F1": [], "log-loss": [], "seconds": []}
        for seed in range(arguments.seeds):
            shuffled = np.random.default_rng(seed).permutation(rows)
            hidden, known = np.sort(shuffled[: len(rows) * 3 // 10]), np.sort(shuffled[len(rows) * 3 // 10 :])
            begin = time.perf_counter()
            found = method(texts, known, hidden, targets, seed)
            report = report_of(targets[hidden], found, names, exclusive=True)
            values = (report.accuracy, report.macro_f1, report.log_loss, time.perf_counter() - begin)
            for key, value in zip(figures, values, strict=True):
                figures[key].append(value)
        table.append(
            {
                "classifier": name,
                **{k: interval(v) for k, v in figures.items() if k != "seconds"},
                "seconds": f"{np.mean(figures['seconds']):.0f}",
            }
        )
        print(table[-1], flush=True)
    show("Contents whose class is hidden", table)


if __name__ == "__main__":
    main()
