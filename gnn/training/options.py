"""What may be chosen about a training, beside its seed. Plain values, no torch."""

from __future__ import annotations

from dataclasses import dataclass

from graph.errors import SettingsError

__all__ = ["ADDED", "TrainingOptions"]

ADDED = ("network", "sequence", "texts")


@dataclass(frozen=True)
class TrainingOptions:
    """`seed` fixes every random choice. `device`: auto, cpu or cuda. `text`: an encoder's name (`gnn.text.encoder`).
    `taxonomy`: empty for the tags of the labels, else a taxonomy's name or file for content texts. `folds` of labelled persons
    are also the members of the ensemble: each is trained on the others and stopped early on a part of its own. `without_channels`
    names what is left out: channels of `gnn.features.channels.CHANNELS`, towers of `gnn.models.tagger` (messages, position,
    propagation) and kinds of members (evidence, towers, trees); `added` what is off otherwise: network, sequence and texts,
    towers of positions in the network of relations and engagements, of the latest events in order, and of the contents' mean
    text."""

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
    added: frozenset[str] = frozenset()
    cache_bytes: int = 600_000_000
    """Label channels are held in memory up to this size, and computed batch by batch beyond it."""
    taught_persons: int = 20_000
    """At most so many labelled persons, drawn, teach and judge taggers; the labels of all reach others through the channels."""
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

    def __post_init__(self) -> None:
        """Raises SettingsError for something to add that there is not."""
        unknown = sorted(self.added - set(ADDED))
        if unknown:
            raise SettingsError(f"{unknown[0]!r} cannot be added to the taggers; use {', '.join(ADDED)}")

    @property
    def recent_events(self) -> int:
        """How many of each person's latest events are read one by one."""
        return 64 if "sequence" in self.added else 0
