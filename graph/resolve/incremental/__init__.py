"""Incremental resolution: the key index beside the identity log, and updates that touch only what changed."""
