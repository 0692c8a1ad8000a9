"""The watermark: the highest value of a column that was landed so far, as text."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from nomad.engine import scan
from nomad.engine.instance import Session
from nomad.engine.scan import Files
from nomad.errors import ConfigError, Refused
from nomad.names import literal, quote
from nomad.schema import Column

_log = logging.getLogger(__name__)


def of(session: Session, files: Files, column: str, *, source: str) -> str | None:
    """Find the highest value of a column; None where there is none.

    Of JSON it is spelled as it was delivered: a server may compare texts.

    Raises:
        Refused: there is no such column.
    """
    name = next((c.name for c in files.schema if c.name.lower() == column.lower()), None)
    if name is None:
        raise Refused(
            f"source `{source}`: there is no column `{column}` to be its watermark",
            hint=f"fix `watermark:` in nomad.yaml: there is {_listed(files)}",
        )
    if files.is_json:
        schema = (c._replace(type="VARCHAR") if c.name == name else c for c in files.schema)
        files = replace(files, schema=tuple(schema))
    values = f"SELECT {quote(name)} AS v FROM ({scan.select([files], partitioned=False)})"
    ((lacking,),) = session.execute(f"SELECT count(*) FROM ({values}) WHERE v IS NULL")
    if lacking:
        rows = "1 row has" if lacking == 1 else f"{lacking} rows have"
        _log.warning("%s: %s no `%s`: by a watermark such rows come once or not at all",
                     source, rows, name)  # fmt: skip
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
        kind = _kind(mark)
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
            raise _unfit("overlap", mark, overlap, "a number")
        return str(Decimal(mark) - Decimal(str(overlap)))
    if re.fullmatch(r"\d+", str(overlap)):
        raise _unfit("overlap", mark, overlap, "an age like `1 day`")
    moment = f"TRY_CAST({literal(mark)} AS {_kind(mark)}) - INTERVAL {literal(str(overlap))}"
    found = _moment(session, mark, moment)
    if found is None:
        raise _unfit("overlap", mark, overlap, "left out")
    return found


def stepped(session: Session, mark: str, chunk: str) -> str:
    """Give the value at which a chunk ends that begins at a watermark: a whole month, day, number.

    Raises:
        ConfigError: the chunk is an age, but the watermark no moment; or the other way round.
    """
    count, _, unit = chunk.partition(" ")
    if re.fullmatch(_REAL, mark):
        if unit:
            raise _unfit("chunk", mark, chunk, "a number")
        return str((math.floor(Decimal(mark)) // int(count) + 1) * int(count))
    if not unit:
        raise _unfit("chunk", mark, chunk, "an age like `1 month`")
    whole = (
        f"date_trunc({literal(unit.removesuffix('s'))}, TRY_CAST({literal(mark)} AS {_kind(mark)}))"
    )
    found = _moment(session, mark, f"{whole} + INTERVAL {literal(chunk)}")
    if found is None:
        raise _unfit("chunk", mark, chunk, "left out")
    return found


def _kind(mark: str) -> str:
    return "TIMESTAMP WITH TIME ZONE" if re.search(_ZONE, mark) else "TIMESTAMP"


def _moment(session: Session, mark: str, moment: str) -> str | None:
    """Spell a moment as the watermark is, that it was made of."""
    if len(mark) == len("2024-01-15"):
        ((day,),) = session.execute(f"SELECT ({moment})::DATE::VARCHAR")
        return None if day is None else str(day)
    ((micros,),) = session.execute(f"SELECT epoch_us(({moment})::{_kind(mark)})")
    return None if micros is None else _spelled(int(micros), mark)


def _spelled(micros: int, like: str) -> str:
    """Write microseconds since 1970 in UTC with the marks, the digits and the zone of a text.

    Example:
        >>> _spelled(0, "2024-01-15T10:00:00.000Z"), _spelled(0, "2024-01-15 10:00+08")
        ('1970-01-01T00:00:00.000Z', '1970-01-01 08:00+08')
    """
    found = re.fullmatch(_MOMENT, like)
    between, seconds, fraction, zone = found.groups("") if found else (" ", ":00", "", "")
    sign, digits = zone[:1], re.sub(r"\D", "", zone).ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    local = datetime(1970, 1, 1) + timedelta(microseconds=micros)  # noqa: DTZ001  the zone is spelled
    local = local - offset if sign == "-" else local + offset
    form = f"%Y-%m-%d{between}%H:%M{':%S' if seconds else ''}"
    return f"{local:{form}}{f'.{local:%f}'[: len(fraction)]}{zone}"


_MOMENT = r"\d{4}-\d\d-\d\d([T ])\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d(?::?\d\d)?)?"
_ZONE = r":\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$"


def _unfit(option: str, mark: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"`{option}: {value}` doesn't fit the watermark `{mark}`",
        where="nomad.yaml",
        hint=f"here it is to be {wanted}",
    )
