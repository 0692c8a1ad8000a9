"""The parts that a source is fetched by, as its `each` says: values, a query, months, files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from nomad import query
from nomad.config.sources import EACH, SourceConfig
from nomad.dates import DateRange
from nomad.errors import ConfigError, Misuse, QueryFailed, Refused, SourceMissing
from nomad.run.fetching import Each
from nomad.workspace import Workspace

BY_FILE = "file"
"""The connector itself tells the parts: the files that it finds."""

_QUERY = "query"
_SPANS = {"months": "%Y-%m", "years": "%Y"}


def of(workspace: Workspace, source: SourceConfig) -> Iterator[Each]:
    """Give the parts of a source, the first first; the whole, where it has none.

    Raises:
        ConfigError: `each` says something else.
        QueryFailed: it is a query that fails, as one of its tables was never published.
        SourceMissing: it is a query that gives no row.
    """
    each = source.options.get(EACH)
    if each is None or each == BY_FILE:
        yield Each()
    elif isinstance(each, list):
        yield from (Each(str(value)) for value in each)
    elif isinstance(each, dict) and len(each) == 1 and set(each) <= set(_SPANS):
        ((unit, first),) = each.items()
        yield from _spans(source, str(unit), str(first), workspace.today)
    elif isinstance(each, dict) and each.keys() == {_QUERY}:
        yield from (Each(value) for value in _asked(workspace, source, str(each[_QUERY])))
    else:
        raise ConfigError(
            f"source `{source.name}`: `each` can't be {each!r}",
            where=source.origin,
            hint="write `file`, a list of values, {months: 2020-01}, {years: 2015} or"
            " {query: select …}",
        )


def may_lack(source: SourceConfig) -> bool:
    """Tell whether a part may have nothing: a month among others, not what is named."""
    each = source.options.get(EACH)
    return isinstance(each, dict) and each.keys() <= _SPANS.keys()


def _asked(workspace: Workspace, source: SourceConfig, text: str) -> list[str]:
    """Give the rows of a query over what is published, each once."""
    try:
        answer = query.ask(workspace, query.prepared(workspace, text))
    except (QueryFailed, Misuse) as e:
        told = f"source `{source.name}`: the query of its `each`: {e.what}"
        raise e.replace(what=told, where=source.origin) from e
    if len(answer.columns) != 1:
        raise ConfigError(
            f"source `{source.name}`: the query of its `each` gives {len(answer.columns)} columns:"
            f" {', '.join(answer.columns)}",
            where=source.origin,
            hint="have it give one: the value of $<EACH>",
        )
    values = list(dict.fromkeys(value for (value,) in answer.rows))
    if not all(values):
        told = f"source `{source.name}`: the query of its `each` gives a row without a value"
        raise Refused(told, where=source.origin, hint=f"add `where {answer.columns[0]} <> ''`")
    if not values:
        told = f"source `{source.name}`: the query of its `each` gives no row"
        raise SourceMissing(told, where=source.origin, hint="ask it by `nomad sql`")
    return values


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
