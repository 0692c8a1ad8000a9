"""Rows → table, JSON or CSV, on a text stream."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, time
from decimal import Decimal
from shutil import get_terminal_size
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

Row = Mapping[str, Any]
_GAP = 3
_WIDE = 1000
"""Columns of text a table may take where no terminal sets a width."""


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    out: TextIO,
    *,
    numeric: Sequence[bool] | None = None,
    least: int = 16,
    also: str = "-o json and csv",
) -> None:
    """Write an aligned table; numbers to the right. What stands in a cell is text, never markup.

    Where a terminal is too narrow, long texts are folded, to `least` cells at the least; columns
    in the middle that find no room even so are left out, and `also` tells what has them.
    """
    width = get_terminal_size().columns if out.isatty() else _WIDE
    texts = [[cell(v) for v in row] for row in rows]
    count = len(columns)
    right = numeric or [bool(rows) and all(_numeric(r[i]) for r in rows) for i in range(count)]
    if _is_plain(columns, texts, out):
        aligned = _aligned([columns, *texts], right)
        if len(aligned[1]) <= width:
            _write("\n".join(aligned) + "\n", out)
            return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False, width=width)
    widths = [_widest([name, *(t[i] for t in texts)]) for i, name in enumerate(columns)]
    front, back, least = _room(widths, right, width, least)
    kept = [*range(front), *range(count - back, count)]
    gone = count - len(kept)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, i in enumerate(kept):
        if gone and place == front:
            grid.add_column("…")
        whole = right[i] or widths[i] <= least
        side: Literal["left", "right"] = "right" if right[i] else "left"
        grid.add_column(Text(columns[i]), justify=side, overflow="fold", no_wrap=whole)
    if gone and not back:
        grid.add_column("…")
    for row in texts:
        cells = [Text(row[i]) for i in kept]
        grid.add_row(*cells[:front], *([Text("…")] if gone else []), *cells[front:])
    with console.capture() as captured:
        console.print(grid)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    if gone:
        lines.append(f"({gone} of {count} columns left out: {also} have all)")
    _write("\n".join(lines) + "\n", out)


def _is_plain(columns: Sequence[str], rows: Sequence[Sequence[str]], out: TextIO) -> bool:
    """Tell whether a table has neither colours, as in a pipe, nor anything to be laid out."""
    if out.isatty() or os.environ.get("FORCE_COLOR") or not (columns and all(columns)):
        return False
    return all(t.isprintable() and t[-1:] != " " for row in (columns, *rows) for t in row)


def _aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> list[str]:
    """Give the lines of a table that needs no folding, the second being the rule: as rich does.

    Of some hundred rows that takes a hundredth of rich's time, and not its 5 MB.

    Example:
        >>> _aligned([["name", "rows"], ["a", "12"]], [False, True])
        ['name   rows', '───────────', 'a        12']
    """
    widths = [max(map(_cells, column)) for column in zip(*rows, strict=True)]
    head, *body = ((" " * _GAP).join(map(_padded, row, widths, right)).rstrip() for row in rows)
    return [head, "─" * (sum(widths) + _GAP * (len(widths) - 1)), *body]


def _padded(text: str, width: int, right: bool) -> str:
    gap = " " * (width - _cells(text))
    return gap + text if right else text + gap


def _cells(line: str) -> int:
    """Count the cells of a terminal that a text takes; beyond ASCII, rich knows them."""
    if line.isascii():
        return len(line)
    from rich.cells import cell_len

    return cell_len(line)


_ENOUGH, _NARROW = 5, 16


def _room(
    widths: Sequence[int], right: Sequence[bool], width: int, least: int
) -> tuple[int, int, int]:
    """Choose the columns that are shown, and how far texts are folded to make room for them."""
    for most in (least, _NARROW):
        needed = [w if r else min(w, most) for w, r in zip(widths, right, strict=True)]
        front, back = fitting(needed, width)
        if front + back >= min(_ENOUGH, len(widths)):
            break
    return front, back, most


def fitting(needed: Sequence[int], width: int) -> tuple[int, int]:
    """Choose how many columns to show from the front and from the back, `…` standing between.

    Example:
        >>> fitting([5, 5, 5], 80), fitting([8, 8, 8, 8, 8], 40), fitting([90, 8], 40)
        ((3, 0), (2, 1), (1, 0))
    """
    if sum(needed) + _GAP * (len(needed) - 1) <= width:
        return len(needed), 0
    front, back, used = 1, 0, needed[0] + _GAP + 1
    for turn in range(len(needed) - 2):
        last = turn % 3 == 1
        more = _GAP + (needed[-1 - back] if last else needed[front])
        if used + more > width:
            break
        front, back, used = front + (not last), back + last, used + more
    return front, back


def _widest(texts: Sequence[str]) -> int:
    return max(_cells(line) for text in texts for line in (text.splitlines() or [""]))


def _write(text: str, out: TextIO) -> None:
    """Write a text; rules and dots are plain where the output's encoding has no others."""
    try:
        text.encode(out.encoding or "utf-8")
    except UnicodeEncodeError:
        text = text.replace("─", "-").replace("…", "...")
    out.write(text)


def lines(columns: Sequence[str], rows: Sequence[Sequence[Any]], out: TextIO) -> None:
    """Write each row as lines of `column  value`, with an empty line between rows."""
    width = max(map(_cells, columns), default=0)
    blocks = (
        "".join(
            f"{_padded(name, width, right=False)}  {cell(v)}".rstrip() + "\n"
            for name, v in zip(columns, row, strict=True)
        )
        for row in rows
    )
    _write("\n".join(blocks), out)


def answer(
    columns: Sequence[str],
    numeric: Sequence[bool],
    rows: Sequence[Sequence[Any]],
    *,
    output: str,
    out: TextIO,
) -> None:
    """Write the rows that a query gave; `numeric` says of each column whether it holds numbers."""
    if output == "json":
        named = [dict(zip(unique(columns), row, strict=True)) for row in rows]
        document({"version": 1, "rows": named}, out)
    elif output == "table":
        table(columns, rows, out, numeric=numeric, least=40, also="-o line, json and csv")
    else:
        (lines if output == "line" else comma_separated)(columns, rows, out)
    _send(out)


def _send(out: TextIO) -> None:
    """Send what is written on its way before what is said on stderr next.

    What finds no room is kept, and told when the command ends.
    """
    with suppress(OSError):
        out.flush()


def _numeric(value: object) -> bool:
    return value is None or (
        isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    )


class Bar:
    """A bar on a terminal, below the lines: of steps, or (`fetching`) of what is fetched."""

    def __init__(self, shown: Progress, *, steps: int, fetching: bool) -> None:
        self._shown, self._fetching = shown, fetching
        self._total, self._rows, self._lock = 0 if fetching else steps, 0, Lock()
        self._began = monotonic()
        self._task = shown.add_task("", total=self._total or None, rate="")

    def tell(self, line: str) -> None:
        """Tell of a step that ended, in a line or in ''."""
        from rich.text import Text

        if line:
            self._shown.console.print(Text.from_ansi(line), highlight=False, soft_wrap=True)
        if not self._fetching:
            self._shown.advance(self._task)

    def expect(self, count: int) -> None:
        """Make room for so many more fetches."""
        with self._lock:
            self._total += count
            self._shown.update(self._task, total=self._total)

    def ended(self, rows: int) -> None:
        """Count a fetch that ended, and its rows."""
        with self._lock:
            self._rows += rows
            rate = self._rows / max(monotonic() - self._began, _SHORT)
            shown = f"{rate:,.0f} rows a second" if self._rows else ""
            self._shown.update(self._task, advance=1, rate=shown)


_SHORT = 0.001
_MEMORY = 600.0
"""Seconds of which the speed is taken: a fetch may take minutes."""


@contextmanager
def progress(steps: int, out: TextIO, *, fetching: bool = False) -> Iterator[Bar]:
    """Show a bar on a terminal, with the time that is left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(file=out)
    with Progress(
        *columns, console=console, transient=True, speed_estimate_period=_MEMORY
    ) as shown:
        yield Bar(shown, steps=steps, fetching=fetching)


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
    """Turn a value of DuckDB's into what JSON knows: keys are texts, and so are NaN and infinity.

    They read `nan`, `inf` and `-inf`, as in DuckDB, which casts them back. A decimal stays a number
    where that loses nothing, else it becomes text.
    """
    if isinstance(value, Mapping):
        return {cell(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Decimal):
        number = float(value)
        return number if Decimal(repr(number)) == value else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
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
    else:
        values = [[r[c] for c in columns] for r in rows]
        (comma_separated if output == "csv" else table)(columns, values, out)
    _send(out)
