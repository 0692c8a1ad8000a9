"""The sources of `nomad.yaml`: their connectors, and every option of each with its rule."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from nomad.config.tree import Leaf, Tree, Value, line
from nomad.names import did_you_mean, is_plain

Option = Value | Mapping[str, object]
"""What an option holds: one value, or a map of them."""


class SourceConfig(NamedTuple):
    """One source: its connector and that connector's own options.

    `written` are the options as the file has them, before the environment is filled in.
    """

    name: str
    connector: str
    options: Mapping[str, Option]
    origin: str
    written: Mapping[str, Option] = {}


KINDS: Mapping[str, str] = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json",
    ".ndjson": "json", ".parquet": "parquet", ".xlsx": "xlsx",
}  # fmt: skip
"""Format of a file by the ending of its name."""

ALLOW, REFUSE = "allow", "refuse"
"""What `drift` says of a header that lost a column, or of one of another kind."""

_DATED = re.compile(r"\$<PARTITION_DATE:([^>]*)>", re.IGNORECASE)
"""The date in a spelling of one's own, as `$<PARTITION_DATE:%Y%m%d>`."""

_DIRECTIVE = r"%[YymdjbBGVuUW]|[^%]"
_VARIABLE = r"\$[<{]"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".tar", ".tgz")


def spelled(text: str, one: Callable[[str], str]) -> str:
    """Replace each `$<PARTITION_DATE:format>` by what `one` makes of its format.

    Example:
        >>> spelled("x-$<PARTITION_DATE:%Y%m%d>.csv", lambda f: f"<{f}>")
        'x-<%Y%m%d>.csv'
    """
    return _DATED.sub(lambda m: one(m[1]), text)


def suffix(path: str) -> str:
    """Give the ending of a path or an address, in small letters.

    Example:
        >>> suffix("in/x.CSV"), suffix("https://x.org/a.json?page=1")
        ('.csv', '.json')
    """
    bare = re.split(r"[?#]", path)[0] if path.startswith(("http://", "https://")) else path
    name = bare.rsplit("/", 1)[-1]
    return f".{name.rsplit('.', 1)[1]}".lower() if "." in name else ""


_WHO = r"(?i)https?://(?:\[[^\]]*\])?[^/?#\[@]*:(?!\d*[/?#])[^/?#@]*[/?#].*@"


def is_cut_short(path: str) -> bool:
    """Tell whether a password in an address ends its host by a `/`, `?` or `#` of its own.

    Example:
        >>> is_cut_short("http://me:a/b@host/x.csv"), is_cut_short("http://host:80/x@y.csv")
        (True, False)
    """
    return bool(re.match(_WHO, path))


# Rules of options: what is wrong with a value, or None ----------------------------------------

_Rule = Callable[[Option], str | None]


def _text(value: Option) -> str | None:
    return None if not isinstance(value, (dict, list)) and str(value) else "must be a text"


def _mark(value: Option) -> str | None:
    good = isinstance(value, str) and (len(value) == 1 or re.search(_VARIABLE, value))
    return None if good else f"must be a single character (got {value!r})"


def _one_of(*known: str) -> _Rule:
    def rule(value: Option) -> str | None:
        if value in known or re.search(_VARIABLE, str(value)):
            return None
        near = did_you_mean(str(value), known) or f"it can be {' or '.join(known)}"
        return f"can't be `{value}`: {near}"

    return rule


def _encoding(value: Option) -> str | None:
    if re.search(_VARIABLE, str(value)):
        return None
    try:
        codecs.lookup(str(value))
    except LookupError:
        return f"is no encoding `{value}`"
    return None


def _path(value: Option) -> str | None:
    """Refuse an address that no file can have, or that would need what nomad doesn't do."""
    if not isinstance(value, str) or not value:
        return "must be a text"
    scheme = _SCHEME.match(value)
    if scheme and scheme[1] not in ("s3", "http", "https"):
        return f"can't be `{scheme[1]}://…`: files are read from a disk, s3://, http:// or https://"
    if "*" in value and (not scheme or scheme[1] == "s3"):
        return "can't be a pattern (`*`): a source is one file, or one file a date"
    if value.lower().endswith(_PACKED):
        return f"ends in `{suffix(value)}`: packed files are not read, unpack it first"
    for form in _DATED.findall(value):
        if "%" not in form or "".join(re.findall(_DIRECTIVE, form)) != form:
            return f"has a date in a form that isn't known: `{form}`, write it like `%Y%m%d`"
    return None


def _rename(value: Option) -> str | None:
    if not isinstance(value, dict):
        return "must hold `delivered name: new name` pairs"
    names = [v for v in value.values() if isinstance(v, str) and v.strip()]
    if len(names) < len(value):
        return "must give each column a new name"
    twice = [n for n in names if [m.lower() for m in names].count(n.lower()) > 1]
    return f"gives two columns the name `{twice[0]}`" if twice else None


CONNECTORS: Mapping[str, Mapping[str, _Rule]] = {
    "file": {
        "path": _path,
        "format": _one_of("csv", "json", "parquet", "xlsx"),
        "encoding": _encoding,
        "delimiter": _mark,
        "quote": _mark,
        "escape": _mark,
        "sheet": _text,
        "rename": _rename,
        "drift": _one_of(REFUSE, ALLOW),
    }
}
"""Every connector, and its options each with its rule."""


# Reading ---------------------------------------------------------------------------------------


def read(tree: Tree, faults: list[str]) -> dict[str, SourceConfig]:
    """Read the branch `sources`; faults are added to `faults`."""
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
        faults += _faults(name, connector, given, where)
        options = {k: _option(v) for k, v in given.items()}
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


def _faults(name: str, connector: Leaf, given: Tree, where: str) -> Iterator[str]:
    known = CONNECTORS.get(str(connector.value))
    if known is None:
        near = (
            did_you_mean(str(connector.value), CONNECTORS) or f"there is: {', '.join(CONNECTORS)}"
        )
        yield f"{connector.origin}: source `{name}`: no connector `{connector.value}`: {near}"
        return
    for option, value in given.items():
        if option not in known:
            near = did_you_mean(option, known) or f"it has: {', '.join(known)}"
            what = f"connector `{connector.value}` has no option `{option}`"
            yield f"{line(value)}: source `{name}`: {what}: {near}"
        elif fault := known[option](_option(value)):
            yield f"{line(value)}: source `{name}`: `{option}` {fault}"
    if "path" not in given:
        yield f"{where}: source `{name}` needs a `path`"
    elif isinstance(path := _option(given["path"]), str):
        yield from _kindless(name, path, given)


def _kindless(name: str, path: str, given: Tree) -> Iterator[str]:
    """Tell of a path whose ending says nothing of the format, where nothing else does."""
    ending = suffix(path)
    known = "format" in given or ending in KINDS or re.search(_VARIABLE, ending)
    if known or _path(path) or is_cut_short(path):
        return
    yield (
        f"{line(given['path'])}: source `{name}`: no format is known for `{ending}`:"
        " set `format:` to csv, json, parquet or xlsx"
    )


def _option(value: Leaf | Tree) -> Option:
    if isinstance(value, Leaf):
        return value.value
    return {k: v.value if isinstance(v, Leaf) else _option(v) for k, v in value.items()}


def _as_written(value: Leaf | Tree) -> Option:
    if isinstance(value, Leaf):
        return value.written
    return {k: v.written if isinstance(v, Leaf) else _as_written(v) for k, v in value.items()}
