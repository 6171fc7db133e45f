"""The tools that identity benchmarks are measured against, one script each, and `runs`, which starts them.

A script reads accounts.parquet, writes clusters (id, cluster), prints one JSON object, and imports nothing of this project, so
that any interpreter with the tool can run it.
"""
