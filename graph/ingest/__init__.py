"""Ingest: source folders into the lake. See `run` for what happens, `source` for what a source is."""

from graph.ingest.run import ingest
from graph.ingest.staging import Clean
from graph.ingest.summary import IngestSummary, TableSummary

__all__ = ["Clean", "IngestSummary", "TableSummary", "ingest"]
