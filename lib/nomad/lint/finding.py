"""One fault as an editor wants it, and the faults that an error tells of."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from nomad.errors import NomadError, QueryFailed
from nomad.sqlfile.file import SqlFile


class Severity(StrEnum):
    """Whether a fault keeps a table from being built."""

    ERROR = "error"
    WARNING = "warning"


class Rule(StrEnum):
    """Which rule a fault is against."""

    UNREADABLE = "unreadable"
    QUERY = "query"
    CONTRACT = "contract"
    CHECK = "check"
    VARIABLE = "variable"
    FULL_SCAN = "full-scan"


class Finding(NamedTuple):
    """One fault: where it is, by which rule, what it is, what to do, and how grave it is."""

    file: str
    line: int
    column: int
    rule: Rule
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """As editors read it."""
        grave = "" if self.severity == Severity.ERROR else f"{self.severity}: "
        return f"{self.file}:{self.line}:{self.column}: {grave}{self.message}"


_TOLD = re.compile(
    r"(?P<file>[^\s:][^:\n]*\.(?:sql|ya?ml))(?::(?P<line>\d+))?(?::(?P<column>\d+))?: (?P<what>.*)"
)
_HINT = "  try: "


def of_error(e: NomadError) -> list[Finding]:
    """Take an error apart that tells of faults in files, one or many."""
    found: list[Finding] = []
    for text in str(e).splitlines():
        if match := _TOLD.fullmatch(text):
            found.append(_fault(match))
        elif not found:
            found.append(Finding(e.where or "nomad.yaml", 1, 1, Rule.UNREADABLE, text))
        elif text.startswith(_HINT):
            found[-1] = found[-1]._replace(hint=text.removeprefix(_HINT))
        elif text.lstrip() == text:
            found[-1] = found[-1]._replace(message=f"{found[-1].message} {text}")
    return [f if f.hint else f._replace(hint=e.hint or "") for f in found]


def _fault(match: re.Match[str]) -> Finding:
    what = match["what"]
    rule = Rule.VARIABLE if what.startswith("variable `") else Rule.UNREADABLE
    return Finding(match["file"], int(match["line"] or 1), int(match["column"] or 1), rule, what)


_WORD = re.compile(r"`([^`]+)`|→ ([\w.]+)")
"""What a message names: in backticks, or as the next of a cycle."""


def placed(found: Finding, root: Path) -> Finding:
    """Find the column of a fault of which the line alone is told: there stands what it names."""
    if found.column > 1:
        return found
    try:
        line = (root / found.file).read_text("utf-8-sig").splitlines()[found.line - 1].lower()
    except (OSError, UnicodeDecodeError, IndexError):
        return found
    words = ((a or b).lower() for a, b in _WORD.findall(found.message))
    spelled = (re.escape(w) for word in words for w in (word, word.rpartition(".")[2]))
    column = next((m.start() for w in spelled if (m := re.search(rf"(?<!\w){w}(?!\w)", line))), 0)
    before = column - 2 if line[max(column - 2, 0) : column] in ("$<", "${") else column
    return found._replace(column=before + 1)


_CARET = re.compile(r"\n    (?P<shown>[^\n]*)\n    (?P<mark> *)\^", re.DOTALL)


def of_query(e: QueryFailed, sql: SqlFile) -> Finding:
    """Place what DuckDB says: it shows the line, cut off where it is long, and marks the word."""
    line = int(e.where.rpartition(":")[2]) if e.where and e.where[-1].isdigit() else sql.line
    column = 1
    if match := _CARET.search(e.what):
        shown = match["shown"]
        core = shown.strip(".")
        lines = sql.query.splitlines()
        text = lines[line - sql.line] if 0 <= line - sql.line < len(lines) else ""
        cut = len(shown) - len(shown.lstrip("."))
        column = max(text.find(core), 0) + len(match["mark"]) - cut + 1
    return Finding(sql.path, line, max(column, 1), Rule.QUERY, plain(e), e.hint or "")


def plain(e: QueryFailed) -> str:
    """Give what DuckDB says in one line, without the line that it shows."""
    return " ".join(_CARET.sub("", e.what).split())
