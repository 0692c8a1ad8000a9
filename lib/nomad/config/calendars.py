"""What `calendar:` says: which dates are due, by a table, a query or a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nomad.config.options import TEXT, Held, Kind, Option, group
from nomad.config.tree import Leaf, Tree, Value, line


class Of(StrEnum):
    """What a calendar's dates are read from; NONE: every date is due."""

    TABLE = "table"
    QUERY = "query"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True)
class Calendar:
    """A list of the dates that are due.

    `said` is the table, the query or the file as it is written; `date` names its column, where that
    is told, and `where` limits its rows. `origin` is the place that says so.
    """

    of: Of
    said: str = ""
    date: str = ""
    where: str = ""
    origin: str = field(default="", compare=False)

    def __str__(self) -> str:
        """Name it as a message does."""
        return "of a query" if self.of is Of.QUERY else f"`{self.said}`"


_QUERY = r"(?is)(select|with|from)\s.*"
_FILE = r"(?i).*\.(csv|parquet)"
_TABLE = r"\w+(\.\w+)?"

_MAP = group(
    Option("table", "Whose rows are the dates."),
    Option("file", "The file, csv or parquet, whose rows are the dates."),
    Option("date", "The column of the date."),
    Option("where", "A condition for the rows that count, in SQL."),
)


def _fault(value: Held) -> str | None:
    if isinstance(value, Mapping):
        return _MAP.fault(value) or _fault_of_map(value)
    if wrong := TEXT.fault(value):
        return f"{wrong}: a table, a query, a file or `none`"
    if isinstance(value, str) and _of(value) is None:
        return (
            f"can't be {value!r}: write a table, a query that begins with `select`, a file that"
            " ends in .csv or .parquet, or `none`"
        )
    return None


def _fault_of_map(value: Mapping[str, object]) -> str | None:
    if ("table" in value) == ("file" in value):
        return "needs either a `table` or a `file`"
    named = str(value.get("table", value.get("file")))
    wanted = Of.TABLE if "table" in value else Of.FILE
    if _of(named) is not wanted:
        kind = "a table" if wanted is Of.TABLE else "a file that ends in .csv or .parquet"
        return f"`{wanted}` must name {kind} (got {named!r})"
    return None


def _of(text: str) -> Of | None:
    if text.strip().lower() == Of.NONE:
        return Of.NONE
    patterns = ((Of.QUERY, _QUERY), (Of.FILE, _FILE), (Of.TABLE, _TABLE))
    return next((of for of, pattern in patterns if re.fullmatch(pattern, text.strip())), None)


CALENDAR = Kind(
    _fault,
    {"anyOf": [{"type": ["string", "null"], "minLength": 1}, dict(_MAP.schema)]},
    "table, query, file or none",
)
"""The kind of an option that says which dates are due."""


def calendar_of(value: Held, origin: str) -> Calendar:
    """Read what was found to be without fault.

    Example:
        >>> calendar_of("dim.trading_days", "nomad.yaml:1").of
        <Of.TABLE: 'table'>
        >>> calendar_of({"file": "days.csv", "date": "day"}, "nomad.yaml:1").date
        'day'
    """
    if isinstance(value, Mapping):
        of = Of.TABLE if "table" in value else Of.FILE
        date, where = (str(value.get(k, "")) for k in ("date", "where"))
        return Calendar(of, str(value[of]), date, where, origin)
    text = str(value).strip()
    return Calendar(_of(text) or Of.NONE, text, origin=origin)


def read(tree: Tree, faults: list[str]) -> Calendar | None:
    """Read the key `calendar` of nomad.yaml; faults are added to `faults`."""
    branch = tree.get("calendar")
    value = _held(branch)
    if branch is None or value is None:
        return None
    if fault := CALENDAR.fault(value):
        faults.append(f"{line(branch)}: `calendar` {fault}")
        return None
    return calendar_of(value, line(branch))


def _held(branch: Leaf | Tree | None) -> Held:
    if branch is None or isinstance(branch, Leaf):
        return branch and branch.value
    return {name: _held(below) for name, below in branch.items()}


def listed(calendar: Calendar | None) -> dict[str, Value]:
    """Give what `nomad config` shows of it."""
    if calendar is None:
        return {"calendar": None}
    told = {"date": calendar.date, "where": calendar.where}
    if not any(told.values()):
        return {"calendar": calendar.said}
    pairs = {calendar.of.value: calendar.said, **told}
    return {f"calendar.{name}": text for name, text in pairs.items() if text}
