"""Cleaning: raw columns to normal forms. See `cleaner` for what goes in and what comes out."""

from graph.clean.cleaner import Cleaner

__all__ = ["Cleaner"]
