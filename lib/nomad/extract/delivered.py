"""From files as they were delivered to files as they land: unpacked, text in UTF-8, sheets as CSV.

Where a file comes from, `places` knows; of several for one window, all have the same columns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nomad.config.options import CHARACTER
from nomad.config.sources import SourceConfig
from nomad.errors import ConfigError, Refused, SourceMissing
from nomad.extract import delimiters, places, texts
from nomad.extract.base import NEW, Landed, Request
from nomad.extract.formats import KINDS, suffix, unpacked
from nomad.extract.packed import Unpacked, unpack
from nomad.extract.places import Found, Place

DIALECT = {"delimiter": "delim", "quote": "quote", "escape": "escape"}
FORMATS = "csv, json, parquet or xlsx"
_LONGEST = 60


class File(NamedTuple):
    """A file of a source as it lands, and what it was called."""

    path: Path
    told: str
    dialect: dict[str, str]
    detected: dict[str, str]


def kind_of(source: SourceConfig, name: str) -> str:
    """Name the format of a file; where the name doesn't tell, the path of the source does.

    Raises:
        ConfigError: none is known.
    """
    told = source.options.get("format")
    path = unpacked(str(source.options.get("path")))
    endings = [suffix(unpacked(name)), suffix(path)]
    kind = str(told) if told else next((KINDS[e] for e in endings if e in KINDS), "")
    if kind not in KINDS.values():
        raise ConfigError(
            f"source `{source.name}`: no format is known for `{told or endings[0]}`",
            where=source.origin,
            hint=f"set `format:` to {FORMATS}",
        )
    return kind


def dialect_of(source: SourceConfig, name: str) -> dict[str, str]:
    """Say how a CSV differs from the usual.

    Raises:
        ConfigError: what a variable put there is no single character.
    """
    options = source.options
    told = {mark: str(options[option]) for option, mark in DIALECT.items() if option in options}
    if told.get("delim") == texts.AUTO:
        return {m: c for m, c in told.items() if m != "delim"}
    for mark, character in told.items():
        if fault := CHARACTER.fault(character):
            what = f"source `{source.name}`: `{mark}` {fault}"
            raise ConfigError(what, where=source.origin)
    if suffix(unpacked(name)) == ".tsv":
        told.setdefault("delim", "\t")
    return told


def delivered(
    place: Place, request: Request, found: Found, into: Path, prefix: str
) -> Iterator[File]:
    """Bring a file and make of it what lands; of a zip with several, each.

    Raises:
        SourceMissing: it is not there.
        Unreachable: it can't be had.
        Refused: it is not what it should be.
    """
    original = into / f"{prefix}-delivered"
    places.bring(place, request, found, original)
    source, told = request.source, found.address
    for number, one in enumerate(unpack(original, told, source)):
        where = f"{told}/{one.name}" if "member" in source.options else told
        yield _landing(request, one, into / f"{prefix}-{number}", where)


def _landing(request: Request, one: Unpacked, base: Path, told: str) -> File:
    """Make of one file what lands."""
    source = request.source
    kind = kind_of(source, one.name)
    ending = "csv" if kind == "xlsx" else kind
    landed = base.with_name(f"{base.name}-{_safe(one.name)}.{ending}")
    texts.refuse_disguised(one.path, kind, source, told)
    detected: dict[str, str] = {}
    if kind == "csv":
        encoding = texts.told_by(one.path, source, told)
        texts.to_utf8(one.path, landed, source, encoding=encoding, told=told)
        detected = {"encoding": encoding} if texts.encoding_of(source) == texts.AUTO else {}
    elif kind == "xlsx":
        from nomad.extract import excel

        excel.to_csv(one.path, landed, source, told)
    else:
        one.path.replace(landed)
    one.path.unlink(missing_ok=True)
    dialect = dialect_of(source, one.name) if kind == "csv" else {}
    if kind == "csv" and source.options.get("delimiter") == texts.AUTO:
        detected["delimiter"] = _delimiter(landed, source, told)
        dialect |= {"delim": detected["delimiter"]} if detected["delimiter"] != "," else {}
    if request.limit is not None and ending == "csv":
        texts.cut(landed, request.limit, dialect.get("quote", '"'))
    return File(landed, told, dialect, detected)


def _delimiter(path: Path, source: SourceConfig, told: str) -> str:
    """Tell by what a CSV is cut."""
    found = delimiters.detect(path, str(source.options.get("quote", '"')))
    if len(found) == 1:
        return found[0]
    marks = " or ".join(repr(m) for m in found)
    what = f"it may be {marks}" if found else "by none have all lines as many fields"
    hint = f"write which: `delimiter: {found[0] if found else ','!r}` of the source, say"
    raise texts.refused(source, f"its delimiter can't be told: {what}", hint, told)


def _safe(name: str) -> str:
    """Give a name that is a pattern to nobody."""
    bare = unpacked(name).split("?")[0].rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return re.sub(r"[^\w=.-]", "_", bare)[:_LONGEST]


# Several -----------------------------------------------------------------------------------------


def all_of(place: Place, request: Request, files: list[Found], into: Path) -> Iterator[Landed]:
    """Bring the files of a window, each of the same columns; of a sample, as many as will do.

    Raises:
        Refused: one has another header, or is of another kind, than the first.
    """
    several = places.may_be_several(str(request.source.options["path"]))
    first: File | None = None
    for number, found in enumerate(files):
        for file in delivered(place, request, found, into, str(number)):
            first = first or file
            _refuse_other(request.source, first, file)
            part = places.key(file.told) if several or "member" in request.source.options else ""
            state = NEW._replace(stamp=found.stamp) if part else NEW
            yield Landed(
                file.path, request.window, file.dialect,
                part=part, state=state, detected=file.detected,
            )  # fmt: skip
            if request.limit is not None:
                return
    if first is None:
        raise SourceMissing(f"source `{request.source.name}` has no file")


def _refuse_other(source: SourceConfig, first: File, file: File) -> None:
    if first is file:
        return
    fault = _difference(first, file)
    if fault:
        raise Refused(
            f"source `{source.name}`: {fault}, against {first.told}",
            where=file.told,
            hint="let `path:` name files of one kind; nothing of them was landed",
        )


def _difference(first: File, file: File) -> str | None:
    """Say in what a file differs from the first of its window; of CSV alone, the rest is typed."""
    if file.path.suffix != first.path.suffix:
        return f"it is {file.path.suffix[1:]}"
    if file.dialect != first.dialect:
        return f"it is cut by {file.dialect.get('delim', ',')!r}"
    if file.path.suffix != ".csv":
        return None
    had, has = _header(first), _header(file)
    lacks = [n for n in had if n not in has]
    new = [n for n in has if n not in had]
    if lacks or new:
        parts = [f"lacks {_listed(lacks)}"] if lacks else []
        return "; ".join(parts + ([f"has {_listed(new)}"] if new else []))
    return None if had == has else f"its columns are in another order: {_listed(has)}"


def _header(file: File) -> list[str]:
    delimiter, quote = file.dialect.get("delim", ","), file.dialect.get("quote", '"')
    with file.path.open(encoding="utf-8", newline="") as f:
        try:
            row = next(csv.reader(f, delimiter=delimiter, quotechar=quote), [])
        except csv.Error:
            row = []
    return [n.strip() for n in row]


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)
