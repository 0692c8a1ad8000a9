"""The watermark: the highest value of a column that was landed so far, as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

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
    if re.fullmatch(_REAL, mark):
        whole = f" OR TRY_CAST({name} AS HUGEINT) > {mark}" if re.fullmatch(_WHOLE, mark) else ""
        return f"(TRY_CAST({name} AS DOUBLE) > {mark}{whole})"
    if re.match(r"\d{4}-\d\d-\d\d", mark):
        kind = "TIMESTAMP WITH TIME ZONE" if re.search(_ZONE, mark) else "TIMESTAMP"
        return f"TRY_CAST({name} AS {kind}) > {kind} {literal(mark)}"
    return f"{name}::VARCHAR > {literal(mark)}"


def highest(session: Session, marks: Sequence[str]) -> str | None:
    """Choose the highest of several."""
    listed = ", ".join(f"({literal(m)})" for m in marks)
    return _highest(session, f"SELECT v FROM (VALUES {listed}) AS _(v)")


def _highest(session: Session, values: str) -> str | None:
    """Compare as whole numbers where all are, else as numbers, as moments, or as text."""
    kinds = (
        f"CASE WHEN regexp_full_match(t, '{_WHOLE}') THEN TRY_CAST(t AS HUGEINT) END",
        f"CASE WHEN regexp_full_match(t, '{_REAL}') THEN TRY_CAST(t AS DOUBLE) END",
        "TRY_CAST(t AS TIMESTAMP)",
        "t",
    )
    asked = ", ".join(f"max_by(t, {kind}), count({kind})" for kind in kinds)
    texts = f"SELECT v::VARCHAR AS t FROM ({values})"
    ((*found, count),) = session.execute(f"SELECT {asked}, count(t) FROM ({texts})")
    pairs = zip(found[::2], found[1::2], strict=True)
    return next((str(value) for value, known in pairs if known == count and known), None)


_WHOLE, _REAL = r"-?\d+", r"-?\d+(\.\d+)?([eE][-+]?\d+)?"


def before(session: Session, mark: str | None, overlap: object) -> str | None:
    """Give the value that lies an overlap before a watermark.

    Raises:
        ConfigError: the overlap is an age, but the watermark no moment; or the other way round.
    """
    if mark is None or not overlap:
        return mark
    if re.fullmatch(_REAL, mark):
        if not re.fullmatch(r"\d+", str(overlap)):
            raise _unfit(mark, overlap, "a number")
        return str(Decimal(mark) - Decimal(str(overlap)))
    if re.fullmatch(r"\d+", str(overlap)):
        raise _unfit(mark, overlap, "an age like `1 day`")
    kind = "TIMESTAMP WITH TIME ZONE" if re.search(_ZONE, mark) else "TIMESTAMP"
    moment = f"TRY_CAST({literal(mark)} AS {kind}) - INTERVAL {literal(str(overlap))}"
    day = len(mark) == len("2024-01-15")
    ((found,),) = session.execute(f"SELECT ({moment})::{'DATE' if day else kind}::VARCHAR")
    if found is None:
        raise _unfit(mark, overlap, "left out")
    return str(found)


_ZONE = r":\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$"


def _unfit(mark: str, overlap: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"`overlap: {overlap}` can't be taken from the watermark `{mark}`",
        where="nomad.yaml",
        hint=f"here it is to be {wanted}",
    )
