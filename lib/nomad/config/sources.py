"""The sources of `nomad.yaml`: each with its connector, and that one's options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from nomad.config.calendars import CALENDAR
from nomad.config.lookback import LOOKBACK, of_dates
from nomad.config.options import (
    ANY,
    NAMES,
    SINGLE,
    SWITCH,
    TEXT,
    TEXTS,
    TYPES,
    Declares,
    Held,
    Option,
    holds_variable,
    one_of,
    texts,
)
from nomad.config.ready import READY, by_date_alone
from nomad.config.tree import Leaf, Tree, line
from nomad.errors import ConfigError
from nomad.names import did_you_mean, is_plain


class SourceConfig(NamedTuple):
    """One source: its connector and that connector's own options.

    `written` are the options as the file has them, before the environment is filled in.
    """

    name: str
    connector: str
    options: Mapping[str, Held]
    origin: str
    written: Mapping[str, Held] = {}

    @property
    def in_parts(self) -> bool:
        """Whether it lands in parts, rather than a date or all of it at a time."""
        return _lands_in_parts(self.options)


EACH, WATERMARK = "each", "watermark"
"""The options by which a source is fetched in parts, or what is new of it."""


def _lands_in_parts(options: Mapping[str, Held]) -> bool:
    return any(option in options for option in (EACH, WATERMARK, "dt"))


ALLOW, REFUSE = "allow", "refuse"
"""What `drift` says of a header that lost a column, or of one of another kind."""

_DATED = re.compile(r"\$<PARTITION_DATE:([^>]*)>", re.IGNORECASE)
"""The date in a spelling of one's own, as `$<PARTITION_DATE:%Y%m%d>`."""

_FORMED = re.compile(r"\$<(WATERMARK|UNTIL):[^>]*>", re.IGNORECASE)

_DIRECTIVE = r"%[YymdjbBGVuUW]|[^%]"


def spelled(text: str, one: Callable[[str], str]) -> str:
    """Replace each `$<PARTITION_DATE:format>` by what `one` makes of its format.

    Example:
        >>> spelled("x-$<PARTITION_DATE:%Y%m%d>.csv", lambda f: f"<{f}>")
        'x-<%Y%m%d>.csv'
    """
    return _DATED.sub(lambda m: one(m[1]), text)


def _odd_date(value: Held) -> str | None:
    """Say of a text that it has a date in a form by which no date can be spelled."""
    if found := next((m for text in texts(value) if (m := _FORMED.search(text))), None):
        return f"holds {found[0]}: a watermark is sent as it was delivered, write $<{found[1]}>"
    for form in (form for text in texts(value) for form in _DATED.findall(text)):
        if "%" not in form or "".join(re.findall(_DIRECTIVE, form)) != form:
            return f"has a date in a form that isn't known: `{form}`, write it like `%Y%m%d`"
    return None


def _in_parts(_value: Held, given: Mapping[str, Held]) -> str | None:
    """Refuse what is only of use for a source that lands in parts."""
    return None if _lands_in_parts(given) else "needs `each:`, `watermark:` or `dt:`"


def _one_way(_value: Held, given: Mapping[str, Held]) -> str | None:
    return "can't be told together with `each:`" if "each" in given else None


def _of_watermark(_value: Held, given: Mapping[str, Held]) -> str | None:
    return None if "watermark" in given else "needs a `watermark:`"


def _age(value: Held, given: Mapping[str, Held]) -> str | None:
    good = isinstance(value, int) or re.fullmatch(AGE, str(value)) or holds_variable(value)
    if not good:
        return f"must be like `3 days` (got {value!r})"
    return _of_watermark(value, given) or (
        None if "key" in given else "needs a `key:`: without one, rows would be there twice"
    )


def _chunk(value: Held, given: Mapping[str, Held]) -> str | None:
    good = re.fullmatch(rf"{AGE}|0*[1-9]\d*", str(value)) or holds_variable(value)
    if not good or re.match(r"0+\b", str(value)):
        return f"must be like `1 month` (got {value!r})"
    return _of_watermark(value, given)


def _start(value: Held, given: Mapping[str, Held]) -> str | None:
    if not (re.match(r"\d{4}-\d\d-\d\d", str(value)) or holds_variable(value)):
        return f"must be a date or a moment like `2020-01-01` (got {value!r})"
    return None if "chunk" in given else "needs a `chunk:`"


AGE = r"\d+ (second|minute|hour|day|week|month|year)s?"

_about_landing = partial(Option, asks=False)
"""An option that says what becomes of what came; of what is asked for it changes nothing."""

COMMON = (
    Option("rename", "Delivered name: new name.", NAMES),
    _about_landing("drift", "allow: a header may lose or rename columns.", one_of(REFUSE, ALLOW)),
    Option("columns", "Column: the type of DuckDB's that it is to have.", TYPES),
    _about_landing("each", "What it is fetched by: file, months, years, a list, or a query.", ANY),
    _about_landing(
        "once", "Of a piece that is landed, nothing is asked again.", SWITCH, rule=_in_parts
    ),
    Option("watermark", "The column by which what is new is told.", TEXT, rule=_one_way),
    _about_landing("overlap", "How far before the watermark to look again.", SINGLE, rule=_age),
    _about_landing(
        "chunk", "How much of the watermark is asked for at once, at first.", SINGLE, rule=_chunk
    ),
    Option("since", "From which value of the watermark on, in chunks.", SINGLE, rule=_start),
    _about_landing("dt", "The column with the date of the partition of a row.", TEXT),
    _about_landing(
        "lookback", "How many due dates are asked for again: 3 days.", LOOKBACK, rule=of_dates
    ),
    _about_landing("calendar", "Which dates are due: a table, a query, a file, or none.", CALENDAR),
    _about_landing(
        "ready_after", "From when on a date may be asked for: 16:30.", READY, rule=by_date_alone
    ),
    _about_landing("complete", "In SQL: only rows for which it holds are published.", TEXT),
    _about_landing(
        "key", "The columns that tell rows apart: of a key, the last stays.", TEXTS, rule=_in_parts
    ),
)
"""The options that every source has, whatever its connector."""


# Reading ---------------------------------------------------------------------------------------


def read(
    tree: Tree, faults: list[str], connectors: Mapping[str, Declares] | None
) -> dict[str, SourceConfig]:
    """Read the branch `sources`; faults are added to `faults`.

    Options are checked by what the `connectors` declare; without any, they are taken as they are.
    """
    branch = tree.get("sources", {})
    if isinstance(branch, Leaf):
        if branch.value is not None:
            faults.append(f"{branch.origin}: `sources` must be a list of `name: {{connector: …}}`")
        return {}
    _refuse_twins(branch, faults)
    found: dict[str, SourceConfig] = {}
    for name, body in branch.items():
        where = line(body)
        connector = body.get("connector") if isinstance(body, dict) else None
        if not is_plain(name):
            faults.append(f"{where}: source `{name}`: use letters, digits and `_`")
        if not isinstance(body, dict) or not isinstance(connector, Leaf):
            faults.append(f"{where}: source `{name}` needs a `connector`, e.g. `file`")
            continue
        given = {k: v for k, v in body.items() if k != "connector" and not _is_nothing(v)}
        options = {k: _held(v) for k, v in given.items()}
        if connectors is not None:
            faults += _faults(name, connector, given, where, connectors)
        written = {k: _as_written(v) for k, v in given.items()}
        found[name] = SourceConfig(name, str(connector.value), options, where, written)
    return found


def _is_nothing(value: Leaf | Tree) -> bool:
    return isinstance(value, Leaf) and value.value is None


def _refuse_twins(branch: Tree, faults: list[str]) -> None:
    """Case tells no two tables apart in SQL, nor two folders on many disks."""
    seen: dict[str, str] = {}
    for name, body in branch.items():
        if (twin := seen.setdefault(name.lower(), name)) != name:
            faults.append(
                f"{line(body)}: source `{name}` differs from `{twin}` only in case:"
                " rename one of them"
            )


def _faults(
    name: str, connector: Leaf, given: Tree, where: str, connectors: Mapping[str, Declares]
) -> Iterator[str]:
    word = str(connector.value)
    try:
        declared = connectors[word].options
    except KeyError:
        near = did_you_mean(word, connectors) or f"there is: {', '.join(connectors)}"
        yield f"{connector.origin}: source `{name}`: no connector `{word}`: {near}"
        return
    except ConfigError as e:
        yield f"{connector.origin}: source `{name}`: {e.what}"
        return
    known = {o.name: o for o in (*declared, *COMMON)}
    held = {k: _held(v) for k, v in given.items()}
    for option, value in given.items():
        if option not in known:
            near = did_you_mean(option, known) or f"it has: {', '.join(known)}"
            what = f"connector `{word}` has no option `{option}`"
            yield f"{line(value)}: source `{name}`: {what}: {near}"
        elif fault := known[option].fault(held[option], held) or _odd_date(held[option]):
            yield f"{line(value)}: source `{name}`: `{option}` {fault}"
    for option in (o.name for o in declared if o.required and o.name not in given):
        yield f"{where}: source `{name}` needs a `{option}`"


def _held(value: Leaf | Tree) -> Held:
    if isinstance(value, Leaf):
        return value.value
    return {k: v.value if isinstance(v, Leaf) else _held(v) for k, v in value.items()}


def _as_written(value: Leaf | Tree) -> Held:
    if isinstance(value, Leaf):
        return value.written
    return {k: v.written if isinstance(v, Leaf) else _as_written(v) for k, v in value.items()}
