"""Pydantic models at the edge."""
