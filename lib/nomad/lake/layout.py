"""Every path of the lake, built and parsed; no other module knows how one is spelled.

    <layer>/<table>/[dt=<date>/]              manifest.json, _SUCCESS, <run>-<n>.parquet
    <layer>/<source>/_pieces/<number>/        manifest.json, <run>-<n>.csv …: as it was delivered
    _history/<layer>/<table>/[dt=<date>/]     <run>/: a past version, whole
    _quarantine/<layer>/<table>/[dt=<date>/]  <run>.parquet: rows that were refused
    _runs/dt=<day it began>/                  <run>.jsonl: the journal of a run

Pure text: names, dates and run ids in, keys out; and the reverse.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from nomad.names import TableName
from nomad.partitions import Partition, folder, folder_named, from_folder

MANIFEST = "manifest.json"
SUCCESS = "_SUCCESS"
HISTORY = "_history"
QUARANTINE = "_quarantine"
PIECES = "_pieces"
JOURNALS = "_runs"
JOURNAL = ".jsonl"

_RUN = r"(\d{8}T\d{6}Z-[0-9a-f]{6})"


Cell = tuple[TableName, Partition | None]
"""A table and one of its partitions, or a full table: what is published as one."""


class Location(NamedTuple):
    """Whose object a key is: of which table and partition, below which top folder.

    `top` is HISTORY, QUARANTINE or empty; `run` is that of a past version, else empty.
    """

    top: str
    table: TableName
    partition: Partition | None
    run: str = ""


def folder_key(table: TableName, partition: Partition | None) -> str:
    """Name a partition's folder.

    Example:
        >>> folder_key(TableName("ods", "x"), Partition(date(2024, 1, 2)))
        'ods/x/dt=2024-01-02'
        >>> folder_key(TableName("ods", "x"), None)
        'ods/x'
    """
    return f"{table.key}/{folder(partition)}".rstrip("/")


def manifest_key(table: TableName, partition: Partition | None) -> str:
    """Name a partition's manifest."""
    return manifest_in(folder_key(table, partition))


def manifest_in(folder: str) -> str:
    """Name the manifest in a folder, of what is published or of a past version."""
    return f"{folder}/{MANIFEST}"


def success_key(folder: str) -> str:
    """Name the mark in a folder that says to other tools that it is whole."""
    return f"{folder}/{SUCCESS}"


def history_folder(table: TableName, partition: Partition | None, run: str = "") -> str:
    """Name the folder of a partition's past versions, or that of one of them."""
    return f"{HISTORY}/{folder_key(table, partition)}/{run}".rstrip("/")


def quarantine_folder(table: TableName, partition: Partition | None) -> str:
    """Name the folder of a partition's refused rows."""
    return f"{QUARANTINE}/{folder_key(table, partition)}"


def pieces_folder(source: TableName) -> str:
    """Name the folder of what a source delivered in pieces."""
    return f"{source.key}/{PIECES}"


def piece_folder(source: TableName, number: int) -> str:
    """Name the folder of one piece.

    Example:
        >>> piece_folder(TableName("raw", "x"), 7)
        'raw/x/_pieces/00000007'
    """
    return f"{pieces_folder(source)}/{number:08d}"


def piece_number(name: str) -> int:
    """Tell the number of a piece by its folder's name; 0 for any other name."""
    return int(name) if re.fullmatch(r"\d{8}", name) else 0


def cut_key(source: TableName) -> str:
    """Name the note of which pieces a source's partitions were made of."""
    return f"{pieces_folder(source)}/cut.json"


def below(top: str, rest: str) -> str:
    """Name a layer's or a table's folder below a top folder (HISTORY, QUARANTINE, or empty)."""
    return f"{top}/{rest}".strip("/")


def journal_folder(day: date) -> str:
    """Name the folder of the journals of runs that began on a day, in UTC."""
    return f"{JOURNALS}/{Partition(day).folder}"


def journal_key(run: str) -> str:
    """Name a run's journal; the id begins with the second at which it began, in UTC.

    Example:
        >>> journal_key("20240102T030405Z-0a1b2c")
        '_runs/dt=2024-01-02/20240102T030405Z-0a1b2c.jsonl'
    """
    return f"{JOURNALS}/{folder_named(f'{run[:4]}-{run[4:6]}-{run[6:8]}')}/{run}{JOURNAL}"


def journal_day(key: str) -> date | None:
    """Tell the day of a journal by its key; None for any other key."""
    found = from_folder(key.split("/")[1]) if "/" in key else None
    return found and found.start


def run_of_journal(key: str) -> str:
    """Tell the run of a journal by its key."""
    return name_of(key).removesuffix(JOURNAL)


def folder_of(key: str) -> str:
    """Name the folder of an object."""
    return key.rpartition("/")[0]


def name_of(key: str) -> str:
    """Name an object within its folder."""
    return key.rpartition("/")[2]


def locate(key: str) -> Location | None:
    """Tell whose object a key is; None where it is none of a table.

    Example:
        >>> place = locate("ods/x/dt=2024-01-02/manifest.json")
        >>> str(place.table), str(place.partition)
        ('ods.x', '2024-01-02')
        >>> locate("_history/ods/x/20240102T030405Z-0a1b2c/manifest.json")[2:]
        (None, '20240102T030405Z-0a1b2c')
        >>> locate("_runs/dt=2024-01-02/20240102T030405Z-0a1b2c.jsonl") is None
        True
    """
    parts = key.split("/")[:-1]
    top = parts.pop(0) if parts and parts[0] in (HISTORY, QUARANTINE) else ""
    layer, name, *deeper = parts + [""] * 4
    if not layer or not name or layer.startswith("_") or deeper[0] == PIECES:
        return None
    partition = from_folder(deeper[0])
    run = deeper[1 if partition else 0] if top == HISTORY else ""
    return Location(top, TableName(layer, name), partition, run)


def is_past(key: str) -> bool:
    """Tell whether an object belongs to a past version."""
    return key.startswith(f"{HISTORY}/")


def is_refused(key: str) -> bool:
    """Tell whether an object holds refused rows of what is published."""
    return key.startswith(f"{QUARANTINE}/")


def is_piece(key: str) -> bool:
    """Tell whether an object is kept as a source delivered it, in pieces."""
    return key.split("/")[2:3] == [PIECES]


def partition_of(key: str) -> Partition | None:
    """Tell of which partition a manifest is by its key; None for a full table's, and any deeper."""
    parts = key.split("/")
    return from_folder(parts[2]) if len(parts) == _DATED else None


_DATED = 4
"""Parts of the key of a partition's manifest: layer, name, date, and itself."""


def belongs(key: str, *, partitioned: bool) -> bool:
    """Tell of a manifest's key whether it is one of a table by date, or of a full one."""
    return partition_of(key) is not None if partitioned else key.count("/") == _DATED - 2


def data_file(run: str, number: int, ending: str) -> str:
    """Name a data file: its run's id, and a number.

    Example:
        >>> data_file("20240102T030405Z-0a1b2c", 0, ".parquet")
        '20240102T030405Z-0a1b2c-0.parquet'
    """
    return f"{run}-{number}{ending}"


def refused_file(run: str) -> str:
    """Name a run's file of refused rows."""
    return f"{run}.parquet"


def run_of_data(name: str) -> str | None:
    """Tell the run of a data file by its name; None for a file that is not of nomad's."""
    match = re.fullmatch(_RUN + r"-\d+(\.\w+)?", name)
    return match[1] if match else None


def run_of_refused(name: str) -> str | None:
    """Tell the run of a file of refused rows by its name; None for any other file."""
    match = re.fullmatch(_RUN + r"\.parquet", name)
    return match[1] if match else None


def is_run(name: str) -> bool:
    """Tell whether a folder of the history bears the id of a run."""
    return re.fullmatch(_RUN, name) is not None


def is_ours(name: str) -> bool:
    """Tell by the name of a file in the history whether nomad itself has put it there."""
    return name == MANIFEST or bool(run_of_data(name) or run_of_refused(name))
