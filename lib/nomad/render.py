"""Rows → table, JSON or CSV, on a text stream."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TextIO

Row = Mapping[str, Any]
_WIDE = 1000
"""Columns of text a table may take where no terminal sets a width."""


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], out: TextIO) -> None:
    """Write an aligned table; numbers to the right. What stands in a cell is text, never markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False, width=None if out.isatty() else _WIDE)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, name in enumerate(columns):
        numeric = bool(rows) and all(_numeric(r[i]) for r in rows)
        grid.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell(v)) for v in row))
    with console.capture() as captured:
        console.print(grid)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    out.write("\n".join(lines) + "\n")


def counted(number: int, what: str) -> str:
    """Write a number with its noun.

    Example:
        >>> counted(1, "check"), counted(2, "check")
        ('1 check', '2 checks')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"


def _numeric(value: object) -> bool:
    return value is None or (
        isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    )


@contextmanager
def progress(steps: int, out: TextIO) -> Iterator[Callable[[str], None]]:
    """Show a bar on a terminal; tell what it gives of each step that ended, in a line or in ''.

    Lines go above the bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task("", total=steps)

        def tell(line: str) -> None:
            if line:
                bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            bar.advance(task)

        yield tell


def cell(value: object) -> str:
    """Write one value as text.

    Example:
        >>> cell(None), cell(True), cell(["a", "b"])
        ('', 'true', 'a, b')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(v) for v in value)
    return str(value)


def comma_separated(columns: Sequence[str], rows: Sequence[Sequence[Any]], out: TextIO) -> None:
    """Write CSV with a header."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(v) for v in row] for row in rows)


def document(body: Mapping[str, Any], out: TextIO) -> None:
    """Write one JSON document."""
    out.write(json.dumps(_plain(body), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """Turn a value of DuckDB's into what JSON knows: no NaN, no infinity, keys of text.

    A decimal stays a number where that loses nothing, else it becomes text.
    """
    if isinstance(value, Mapping):
        return {cell(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)


def unique(names: Sequence[str]) -> list[str]:
    """Tell columns of one name apart, as DuckDB does.

    Example:
        >>> unique(["a", "b", "a", "a"])
        ['a', 'b', 'a_1', 'a_2']
    """
    found: list[str] = []
    for name in names:
        tries = (name, *(f"{name}_{n}" for n in range(1, len(names) + 1)))
        found.append(next(t for t in tries if t not in found))
    return found


def listing(
    key: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    output: str,
    out: TextIO,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a listing: as JSON `{version: 1, key: [rows]}` with `extra` beside, else columns."""
    if output == "json":
        document({"version": 1, **(extra or {}), key: rows}, out)
        return
    values = [[r[c] for c in columns] for r in rows]
    (comma_separated if output == "csv" else table)(columns, values, out)
