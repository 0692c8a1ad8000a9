"""The parts that a source is fetched by, as its `each` says: values, months or years, files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from nomad.config.sources import SourceConfig
from nomad.dates import DateRange
from nomad.errors import ConfigError
from nomad.run.fetching import Each

EACH = "each"
BY_FILE = "file"
"""The connector itself tells the parts: the files that it finds."""

_SPANS = {"months": "%Y-%m", "years": "%Y"}


def of(source: SourceConfig, today: date) -> Iterator[Each]:
    """Give the parts of a source, the first first; the whole, where it has none.

    Raises:
        ConfigError: `each` says something else.
    """
    each = source.options.get(EACH)
    if each is None or each == BY_FILE:
        yield Each()
    elif isinstance(each, list):
        yield from (Each(str(value)) for value in each)
    elif isinstance(each, dict) and len(each) == 1 and set(each) <= set(_SPANS):
        ((unit, first),) = each.items()
        yield from _spans(source, str(unit), str(first), today)
    else:
        raise ConfigError(
            f"source `{source.name}`: `each` can't be {each!r}",
            where=source.origin,
            hint="write `file`, a list of values, or {months: 2020-01} or {years: 2015}",
        )


def _spans(source: SourceConfig, unit: str, first: str, today: date) -> Iterator[Each]:
    """Give the months or years from one on up to the present one."""
    try:
        begin = date.fromisoformat(f"{first}-01" if unit == "months" else f"{first}-01-01")
    except ValueError as e:
        raise ConfigError(
            f"source `{source.name}`: `each: {{{unit}: {first}}}` is no such time",
            where=source.origin,
            hint="write {months: 2020-01} or {years: 2015}",
        ) from e
    form = _SPANS[unit]
    days: dict[str, list[date]] = {}
    for day in DateRange(begin, max(begin, today)):
        days.setdefault(day.strftime(form), []).append(day)
    for name, found in days.items():
        yield Each(name, found[0], _last_of(unit, found[-1]))


def _last_of(unit: str, day: date) -> date:
    first = day.replace(day=1, month=12 if unit == "years" else day.month)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return date.fromordinal(after.toordinal() - 1)
