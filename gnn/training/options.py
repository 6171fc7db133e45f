"""What may be chosen about a training, beside its seed. Plain values, no torch."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrainingOptions"]


@dataclass(frozen=True)
class TrainingOptions:
    """`seed` fixes every random choice. `device`: auto, cpu or cuda. `text`: an encoder's name (`gnn.text.encoder`).
    `taxonomy`: empty for the tags of the labels, else a taxonomy's name or file for content texts. `folds` of labelled persons
    are also the members of the ensemble: each is trained on the others and stopped early on a part of its own. `without_channels`
    names what is left out: channels of `gnn.features.channels.CHANNELS`, and messages, position or propagation, the towers of
    `gnn.models.tagger`."""

    seed: int = 0
    device: str = "auto"
    text: str = "auto"
    taxonomy: str = ""
    optimiser: str = "adamw"
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    epochs: int = 40
    patience: int = 5
    batch_persons: int = 128
    folds: int = 5
    report_share: float = 0.2
    """Share of the labelled persons on whom the reported metrics are measured, by a training that never sees them."""
    width: int = 64
    layers: int = 2
    dropout: float = 0.7
    position_dimensions: int = 64
    message_passing: bool = False
    """A learned encoder over the interest graph as one more tower; off, since it has not improved tags where it was measured."""
    without_channels: frozenset[str] = frozenset()
    cache_bytes: int = 600_000_000
    """Label channels are held in memory up to this size, and computed batch by batch beyond it."""
    minimum_labelled: int = 30
    """With fewer labelled persons no network is trained: smoothed propagation alone answers."""
    content_classifiers: str = "auto"
    """`auto`, or classifiers of content texts by name, joined by commas (`gnn.text.classify`)."""
    content_model: str = ""
    """Folder or hub name of the transformer that is fine-tuned; empty for the packaged English one."""
    content_level: str = "sequence"
    """Whether the fine-tuned transformer classifies the whole text (`sequence`) or lets every token vote (`token`)."""
    compiled: bool = False
    """Person embeddings by `torch.compile`, on CUDA alone; results are the same within rounding."""
