"""The floor of a lake in S3: the same script, which reads and writes there through httpfs.

Usage: python floor_s3.py DAY ...     the key and the endpoint come from the environment
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

HTTPFS = Path(importlib.util.find_spec("duckdb_extension_httpfs").submodule_search_locations[0])


def connect() -> duckdb.DuckDBPyConnection:
    """Open an instance that reaches the server."""
    con = duckdb.connect()
    con.execute(f"LOAD '{next(HTTPFS.rglob('httpfs.duckdb_extension'))}'")
    server = urlsplit(os.environ["AWS_ENDPOINT_URL"])
    con.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}',"
        f" SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', REGION 'us-east-1',"
        f" ENDPOINT '{server.netloc}', URL_STYLE 'path', USE_SSL false)"
    )
    return con


def main() -> None:
    """Run all statements in their order for each day, a new instance each."""
    found = json.loads(Path("statements.json").read_text())
    for day in sys.argv[1:]:
        for name, sql in found["statements"]:
            con = connect()
            query = sql.replace("$DAY", day)
            target = f"{found['bucket']}/out/{name}/dt={day}/data.parquet"
            con.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet)")
            con.close()


if __name__ == "__main__":
    main()
