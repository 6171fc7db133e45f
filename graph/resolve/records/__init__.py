"""Record linkage without configuration: `fit` a model, `prepare` records, find and score pairs."""

from graph.resolve.records.fit import fit, fit_and_prepare
from graph.resolve.records.model import RecordModel
from graph.resolve.records.prepared import BlockDegrees, Matches, PairScores, PreparedRecords
from graph.resolve.records.settings import RecordSettings
from graph.resolve.records.table import records_table

__all__ = [
    "BlockDegrees",
    "Matches",
    "PairScores",
    "PreparedRecords",
    "RecordModel",
    "RecordSettings",
    "fit",
    "fit_and_prepare",
    "records_table",
]
