"""Interests: text, features, models, tags, embeddings, lookalike audiences and recommendation. Imports `graph` only.

Nothing here imports torch until a text encoder or a training asks for it, so reading tags and scoring audiences stay light.
"""
