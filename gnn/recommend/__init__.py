"""Contents for persons: nothing already seen is offered. NumPy and SciPy only, but for the learned model, which wants torch."""

from gnn.recommend.fitted import Recommender
from gnn.recommend.fitting import fit_recommender
from gnn.recommend.items import Recommended, recommend
from gnn.recommend.options import MODELS, RecommendOptions

__all__ = ["MODELS", "RecommendOptions", "Recommended", "Recommender", "fit_recommender", "recommend"]
