"""Training: splits, the fit of taggers and of embeddings, and calibration."""
