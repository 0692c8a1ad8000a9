"""Variables: text in, text out, before anything is parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nomad.errors import SqlFileError
from nomad.names import did_you_mean
from nomad.partition import Partition

DATE = "PARTITION_DATE"
SENTINEL = "0001-11-29"
"""Stands for the partition's date in a parsed file: same length, same tokens as any date."""

_PIECE = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)"
    r"|(?P<quoted>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$)"
    r"|\$<(?P<angle>[A-Za-z_]\w*)>|\$\{(?P<brace>[A-Za-z_]\w*)\}",
    re.DOTALL,
)
_NAME = re.compile(r"\$<([A-Za-z_]\w*)>|\$\{([A-Za-z_]\w*)\}")
_UNFIT = re.compile(r"['\";]|--|/\*|\*/|[\r\n]")


def dated(text: str, partition: Partition) -> str:
    """Put a partition's date where the sentinel stands."""
    return text.replace(SENTINEL, partition.isoformat()) if partition else text


def render(text: str, variables: Mapping[str, str], *, path: str, sql: bool = True) -> str:
    """Replace `$<NAME>` and `${NAME}` outside comments; the date becomes the sentinel.

    Names are matched without regard to case; `variables` has them in upper case. In `sql` the date
    must stand in quotes.

    Raises:
        SqlFileError: a variable nobody defined, or a value that could change the statement.

    Example:
        >>> render("select $<X> -- $<Y>", {"X": "1"}, path="a.sql")
        'select 1 -- $<Y>'
    """

    def one(match: re.Match[str]) -> str:
        where = f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        if match["comment"] is not None:
            return match[0]
        if match["quoted"] is not None:
            return _NAME.sub(lambda m: _value(m[1] or m[2], variables, where), match[0])
        name = match["angle"] or match["brace"]
        if name.upper() == DATE and sql:
            raise SqlFileError(
                f"`{match[0]}` outside quotes would be a subtraction",
                where=where,
                hint=f"write '{match[0]}'",
            )
        return _value(name, variables, where)

    return _PIECE.sub(one, text)


def _value(spelling: str, variables: Mapping[str, str], where: str) -> str:
    name = spelling.upper()
    if name == DATE:
        return SENTINEL
    if name not in variables:
        raise SqlFileError(
            f"variable `{name}` is not defined",
            where=where,
            hint=did_you_mean(name, [DATE, *variables])
            or f"define it under `vars:` in nomad.yaml, or give `--var {name}=…`",
        )
    if bad := _UNFIT.search(variables[name]):
        raise SqlFileError(
            f"the value of variable `{name}` holds {bad[0]!r}",
            where=where,
            hint="a value goes in as text: no quote, semicolon, comment mark or line break",
        )
    return variables[name]
