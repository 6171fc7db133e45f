"""Tags by propagation alone: what contents are about in, a person's probabilities out; and what contents are about, from the
tagging events and labels of their audience. Used where no network can be trained, and as baselines where one is.

p_pt = (Σ_c w_pc s_ct + base_t) / (Σ_c w_pc + 1) with w_pc = idf_c for each content the person engaged with and base the mean
of s over engagements: the probability that the next content of the person is about the tag.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.channels import ChannelOptions, LabelChannels, Surroundings, deal_folds
from gnn.features.matrices import idf, presence
from gnn.features.population import Population

__all__ = ["about_by_audience", "baselines", "from_contents"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def from_contents(data: Population, about: Floats) -> Floats:
    """(n, k) probabilities of persons from (m, k) scores of contents."""
    weighted = sp.csr_matrix(presence(data.engagement) @ sp.diags(idf(data.engagement)))
    popularity = np.asarray(data.engagement.getnnz(axis=0), np.float64)
    known = np.flatnonzero(about.any(axis=1))
    base = (popularity[known] @ about[known]) / max(popularity[known].sum(), 1.0)
    total = np.asarray(sp.csr_matrix(weighted[:, known]).sum(axis=1))
    return np.asarray((weighted @ about + base) / (total + 1.0), np.float32)


def about_by_audience(data: Population) -> Floats:
    """(m, k): share of a content's taggings that name the tag, or, where nobody tagged it, of its labelled audience (at least
    three persons, and only tags one and a half times as frequent there as everywhere). Smoothed towards zero."""
    m, k = data.contents, len(data.tags)
    tagging = data.tagged
    counts = sp.csr_matrix((tagging.count, (tagging.content, tagging.tag)), shape=(m, k), dtype=np.float32)
    total = np.asarray(counts.sum(axis=1))
    out = np.asarray(counts.toarray() / (total + 3.0), np.float32)
    known = data.labelled.astype(np.float32)
    binary = presence(data.engagement)
    size = binary.T @ known
    prior = data.labels[data.labelled].mean(axis=0) if data.labelled.any() else np.zeros(k, np.float32)
    untagged = np.flatnonzero((total.ravel() == 0) & (size >= 3))
    votes = np.asarray((binary[:, untagged].T @ sp.csr_matrix(data.labels)).toarray())
    share = (votes + 3 * prior) / (size[untagged] + 3)[:, None]
    out[untagged] = np.where(share > 1.5 * prior, share, 0)
    return out


def baselines(data: Population, around: Surroundings, sources: Indices, persons: Indices) -> dict[str, Floats]:
    """Trivial and propagation baselines for `persons`, none of whom is a source: name to (b, k) probabilities."""
    fold = deal_folds(sources, data.persons, 1, seed=0)
    channels = LabelChannels(data, around, fold, ChannelOptions())
    result = {"popularity": np.tile(channels.prior, (len(persons), 1))}
    return result | channels.distributions(persons)
