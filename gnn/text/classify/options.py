"""What may be chosen about the classification of texts. Plain values, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from graph.errors import SettingsError

__all__ = ["CLASSIFIERS", "ClassifierOptions", "FineTuneOptions", "NetworkOptions", "classifier_names"]

CLASSIFIERS = (
    "words",
    "characters",
    "weighted-words",
    "weighted-characters",
    "vectors",
    "network",
    "character-network",
    "transformer",
)


@dataclass(frozen=True)
class NetworkOptions:
    """The convolutional network (`gnn.text.classify.network`). A learning rate of 0 takes the optimiser's usual one."""

    optimiser: str = "adamw"
    learning_rate: float = 0.0
    weight_decay: float = 1e-2
    epochs: int = 0
    """0 chooses: six at 11,000 texts, more where there are fewer, so that a small set has enough steps."""
    batch_texts: int = 64
    width: int = 128
    kernels: tuple[int, ...] = (1, 2, 3)
    dropout: float = 0.5
    piece_dropout: float = 0.1
    """Share of pieces hidden in training, so that no class hangs on one word."""
    unit: str = "auto"
    """What `network` reads: subwords (of a packaged model), words, characters, or `auto` (`gnn.text.classify.pieces`)."""
    pieces: int = 160
    """A text's first pieces are read."""
    device: str = "auto"


@dataclass(frozen=True)
class FineTuneOptions:
    """The fine-tuned transformer (`gnn.text.classify.finetune`). `level`: `sequence` classifies the mean of the last hidden
    states, `token` lets every token vote. A learning rate of 0 takes the optimiser's usual one."""

    model: str = ""
    """A folder or hub name; empty takes the packaged English model."""
    level: str = "sequence"
    optimiser: str = "adamw"
    learning_rate: float = 0.0
    weight_decay: float = 1e-2
    epochs: int = 3
    batch_texts: int = 32
    tokens: int = 96
    frozen_layers: int = 0
    """That many of the lowest layers, and the embeddings below them, keep their weights."""
    dropout: float = 0.1
    device: str = "auto"


@dataclass(frozen=True)
class ClassifierOptions:
    """`classifiers`: `auto`, or names of CLASSIFIERS joined by commas; several are blended. `folds` of the labelled texts
    give out-of-fold probabilities for the weights of the blend and for the report, and are the members of the ensemble."""

    classifiers: str = "auto"
    folds: int = 0
    """0 chooses: five up to 10,000 labelled texts, three above."""
    network_texts: int = 500
    """With fewer labelled texts `auto` leaves the network out."""
    network: NetworkOptions = NetworkOptions()
    transformer: FineTuneOptions = FineTuneOptions()


def classifier_names(chosen: str) -> tuple[str, ...]:
    """The names in `chosen`, in order and once each; `auto` alone is no name. Raises SettingsError for an unknown one."""
    names = tuple(dict.fromkeys(n for n in (part.strip().lower() for part in chosen.split(",")) if n))
    unknown = [n for n in names if n not in CLASSIFIERS]
    if names != ("auto",) and (unknown or not names):
        given = unknown[0] if unknown else chosen
        raise SettingsError(f"content classifier {given!r} is unknown; use auto or one or more of {', '.join(CLASSIFIERS)}")
    return names
