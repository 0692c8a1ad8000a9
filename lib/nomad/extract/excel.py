"""One sheet of an Excel file as CSV: what the cells show as codes, dates as ISO text."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nomad.config.sources import SourceConfig
from nomad.errors import Refused
from nomad.extract.extras import needing

_ZEROS = re.compile(r"0+")
"""The format of a code: so many digits, zeros in front."""


def to_csv(original: Path, landed: Path, source: SourceConfig, told: str) -> None:
    """Write one sheet as CSV.

    Raises:
        Refused: there is no such sheet, or a formula whose value the file doesn't hold.
        ConfigError: openpyxl isn't there.
    """
    with needing("reading Excel needs openpyxl", "excel", source):
        import openpyxl
        from openpyxl.utils.exceptions import InvalidFileException
    try:
        with (
            original.open("rb") as one,
            original.open("rb") as two,
            landed.open("w", encoding="utf-8", newline="") as f,
        ):
            values = openpyxl.load_workbook(one, read_only=True, data_only=True)
            formulas = openpyxl.load_workbook(two, read_only=True)
            name = str(source.options.get("sheet", values.sheetnames[0]))
            rows = zip(values[name].iter_rows(), formulas[name].iter_rows(), strict=True)
            csv.writer(f).writerows(_texts(source, told, *pair) for pair in rows)
    except (KeyError, OSError, ValueError, InvalidFileException, zipfile.BadZipFile) as e:
        why = str(e).strip("'\"").replace(str(original), "the file")
        raise Refused(
            f"source `{source.name}`: no readable sheet: {why}",
            where=told,
            hint="is it Excel's .xlsx, and `sheet:` one of its sheets?",
        ) from e


def _texts(source: SourceConfig, told: str, shown: Any, written: Any) -> Iterator[object]:
    for value, formula in zip(shown, written, strict=True):
        if value.value is None and formula.value is not None:
            raise Refused(
                f"source `{source.name}`: cell {formula.coordinate} is a formula"
                " whose value is not in the file",
                where=told,
                hint="save the file in Excel, which computes it, or deliver values",
            )
        yield _text(value)


def _text(cell: Any) -> object:
    """Give a value; a whole number that is shown with zeros in front is a code."""
    value, form = cell.value, getattr(cell, "number_format", "")
    is_code = isinstance(value, int) and not isinstance(value, bool) and _ZEROS.fullmatch(form)
    return str(value).zfill(len(form)) if is_code else value
