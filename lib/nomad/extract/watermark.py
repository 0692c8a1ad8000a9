"""The watermark: the highest value of a column that was landed so far, as text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nomad.engine import scan
from nomad.engine.instance import Session
from nomad.engine.scan import Files
from nomad.errors import ConfigError, Refused
from nomad.names import literal, quote
from nomad.schema import Column


def of(session: Session, files: Files, column: str, *, source: str) -> str | None:
    """Find the highest value of a column; None where there is none.

    Raises:
        Refused: there is no such column.
    """
    name = next((c.name for c in files.schema if c.name.lower() == column.lower()), None)
    if name is None:
        raise Refused(
            f"source `{source}`: there is no column `{column}` to be its watermark",
            hint=f"fix `watermark:` in nomad.yaml: there is {_listed(files)}",
        )
    values = f"SELECT {quote(name)} AS v FROM ({scan.select([files], partitioned=False)})"
    return _highest(session, values)


def _listed(files: Files) -> str:
    return ", ".join(c.name for c in files.schema)


def above(column: Column, mark: str) -> str:
    """Write the condition that a value is higher than a watermark: as number, moment or text."""
    name = quote(column.name)
    if re.fullmatch(r"-?\d+", mark):
        return f"TRY_CAST({name} AS HUGEINT) > {mark}"
    if re.match(r"\d{4}-\d\d-\d\d", mark):
        kind = "TIMESTAMP WITH TIME ZONE" if re.search(_ZONE, mark) else "TIMESTAMP"
        return f"TRY_CAST({name} AS {kind}) > {kind} {literal(mark)}"
    return f"{name}::VARCHAR > {literal(mark)}"


def highest(session: Session, marks: Sequence[str]) -> str | None:
    """Choose the highest of several."""
    listed = ", ".join(f"({literal(m)})" for m in marks)
    return _highest(session, f"SELECT v FROM (VALUES {listed}) AS _(v)")


def _highest(session: Session, values: str) -> str | None:
    """Compare as numbers where all are, else as moments, else as text."""
    ((number, moment, text, numbers, moments, count),) = session.execute(
        "SELECT max(TRY_CAST(v AS HUGEINT))::VARCHAR, max_by(v::VARCHAR, TRY_CAST(v AS TIMESTAMP)),"
        " max(v)::VARCHAR, count(TRY_CAST(v AS HUGEINT)), count(TRY_CAST(v AS TIMESTAMP)), count(v)"
        f" FROM ({values})"
    )
    found = number if numbers == count else moment if moments == count else text
    return None if found is None else str(found)


def before(session: Session, mark: str | None, overlap: object) -> str | None:
    """Give the value that lies an overlap before a watermark.

    Raises:
        ConfigError: the overlap is an age, but the watermark no moment; or the other way round.
    """
    if mark is None or not overlap:
        return mark
    if re.fullmatch(r"-?\d+", mark):
        if not re.fullmatch(r"\d+", str(overlap)):
            raise _unfit(mark, overlap, "a number")
        return str(int(mark) - int(str(overlap)))
    if re.fullmatch(r"\d+", str(overlap)):
        raise _unfit(mark, overlap, "an age like `1 day`")
    kind = "TIMESTAMP WITH TIME ZONE" if re.search(_ZONE, mark) else "TIMESTAMP"
    moment = f"TRY_CAST({literal(mark)} AS {kind}) - INTERVAL {literal(str(overlap))}"
    day = len(mark) == len("2024-01-15")
    ((found,),) = session.execute(f"SELECT ({moment})::{'DATE' if day else kind}::VARCHAR")
    if found is None:
        raise _unfit(mark, overlap, "left out")
    return str(found)


_ZONE = r"\d(Z|[+-]\d\d(:?\d\d)?)$"


def _unfit(mark: str, overlap: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"`overlap: {overlap}` can't be taken from the watermark `{mark}`",
        where="nomad.yaml",
        hint=f"here it is to be {wanted}",
    )
