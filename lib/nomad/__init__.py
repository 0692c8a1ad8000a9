"""nomad: make for your warehouse.

SQL files in folders, run by DuckDB, published atomically as partitioned Parquet.
"""

__version__ = "0.1.0"
