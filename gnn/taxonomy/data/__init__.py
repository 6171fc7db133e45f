"""Taxonomy files of IAB Tech Lab; see ATTRIBUTION.md."""
