"""`nomad.yaml` as a tree of values, each with the place it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import quote

from nomad.cache import Cache
from nomad.config.yamlfile import Node, read
from nomad.errors import ConfigError, hide, hide_after, hide_in, masked, page

FILE = "nomad.yaml"

Value = str | int | float | bool | None | list[object]


class Leaf(NamedTuple):
    """A value of the file with the place it came from.

    `written` is the value before the environment was filled in.
    """

    value: Value
    origin: str
    written: Value = None


Tree = dict[str, "Leaf | Tree"]


SECRET = re.compile(
    r"^(?!.*_ur[il]$).*(?:pass(word|wd)?$|secret|token|api_?key|access_?key)", re.IGNORECASE
)
"""A key that calls its value a secret; an address is none, whatever is had there."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def parse(path: Path, environ: Mapping[str, str], faults: list[str], cache: Cache) -> Tree:
    """Read the file; faults that leave the rest readable are added to `faults`.

    A file with a password in it is not kept in the cache.

    Raises:
        ConfigError: the file can't be read, or isn't YAML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"can't be read: {e}", where=FILE) from e
    node = read(text, path=FILE, cache=cache if masked(text) == text else Cache())
    if not isinstance(node.value, dict):
        raise ConfigError(
            "must be `key: value` lines",
            where=f"{FILE}:1",
            hint=f"see {page('config.md')} for the keys",
        )
    return _tree(node, environ, faults)


def _tree(node: Node, environ: Mapping[str, str], faults: list[str]) -> Tree:
    tree: Tree = {}
    for key, below in node.items():
        if isinstance(below.value, dict):
            tree[key] = _tree(below, environ, faults)
            continue
        value, where = cast("Value", _meant(below)), f"{FILE}:{below.line}"
        if _is_secret(key, value) and not _VARIABLE.fullmatch(str(value)):
            faults.append(
                f"{where}: `{key}` holds a secret in plain text: write `${{NAME}}`"
                " and set NAME in the environment"
            )
        expanded = _expanded(value, environ, where, faults)
        _keep_secret(key, expanded, value)
        tree[key] = Leaf(expanded, where, below.spelled if isinstance(value, float) else value)
    return tree


def _meant(node: Node) -> object:
    """Give a value as it was meant: a number or a switch only where its text says so.

    YAML 1.1 takes `000100` for 64, `12:30` for 750 and `NO` for false. Those are texts here.
    """
    if isinstance(node.value, dict):
        return {key: _meant(below) for key, below in node.items()}
    if isinstance(node.value, list):
        return [_meant(below) for below in node.value]
    text, value = node.spelled, node.value
    if isinstance(value, bool):
        return value if text.lower() == str(value).lower() else text
    if isinstance(value, (int, float)) and not re.fullmatch(_NUMBER, text):
        return text
    return value


_NUMBER = (
    r"[-+]?(0|[1-9]\d*)(\.\d*)?([eE][-+]?\d+)?|[-+]?\.\d+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
"""A number in YAML 1.2, whose text is its value."""


def _is_secret(key: str, value: Value) -> bool:
    """Tell of a value that the name of its key calls a secret; a number may be one as well."""
    if isinstance(value, str):
        return bool(SECRET.search(key))
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and bool(re.search(_CALLED_SECRET, key, re.IGNORECASE))


_CALLED_SECRET = r"(pass(word|wd)?|secret|token|key)$"  # noqa: S105  names, not values


def _keep_secret(key: str, value: Value, written: Value) -> None:
    """See that a secret is shown nowhere: by its key, or by its place in an address."""
    if isinstance(value, str):
        hide_in(value)
        if _VARIABLE.fullmatch(str(written)) and re.match(_NETWORK, value):
            address, mark, asked = value.partition("?")
            hide_after(address + mark, asked)
        if SECRET.search(key):
            hide(value)


def _expanded(value: Value, environ: Mapping[str, str], where: str, faults: list[str]) -> Value:
    """Replace `${NAME}` and `${NAME:-default}` by the environment's values, in lists as well."""
    if isinstance(value, list):
        return [_within(v, environ, where, faults) for v in value]
    if not isinstance(value, str):
        return value

    expanded, end = "", 0
    for match in _VARIABLE.finditer(value):
        expanded += value[end : match.start()]
        end = match.end()
        name, default = match[1], match[2]
        if name == "PARTITION_DATE":
            expanded += match[0]
            continue
        if name not in environ and default is None:
            faults.append(f"{where}: `${{{name}}}` is not set in the environment")
        given = environ.get(name) or default or ""
        said = _encoded(given) if _says_who(value, match.start(), end) else given
        if name in environ and _is_private(value, match.start(), end):
            fixed = re.split(_LATER, expanded)[-1]
            hide_after(fixed, given)
            hide_after(fixed, said)
        expanded += said
    return expanded + value[end:]


def _within(value: object, environ: Mapping[str, str], where: str, faults: list[str]) -> object:
    """Do the same for an element of a list; a secret in a map of it is hidden by its key."""
    if not isinstance(value, dict):
        return _expanded(cast("Value", value), environ, where, faults)
    found = {k: _within(v, environ, where, faults) for k, v in value.items()}
    for key, given in found.items():
        _keep_secret(key, cast("Value", given), cast("Value", value[key]))
    return found


_LATER = r"\$<[^>]*>|\$\{[^}]*\}"
"""A variable that is filled in later, for each date say."""


def _encoded(given: str) -> str:
    """Spell a user or a password as an address does; what is spelled so already stays.

    Example:
        >>> _encoded("a/b@c"), _encoded("a%2Fb"), _encoded("10%")
        ('a%2Fb%40c', 'a%2Fb', '10%25')
    """
    return quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", given), safe=":%")


def _says_who(address: str, start: int, end: int) -> bool:
    """Tell whether a variable is in the part of an address that says who asks, before its host.

    Example:
        >>> _says_who("http://me:${PW}@host/x", 10, 15), _says_who("http://${HOST}/x@y", 7, 14)
        (True, False)
    """
    if not (scheme := re.match(_WITH_HOST, address)):
        return False
    before, after = (_VARIABLE.sub("", t) for t in (address[scheme.end() : start], address[end:]))
    return not re.search(_HOST, before) and "@" in re.split(_HOST, after)[0]


def _is_private(address: str, start: int, end: int) -> bool:
    """Tell whether what the environment fills in may be a secret, whatever stands before it.

    It may in an address on a network: what is asked there, and who asks. No secret are its host, a
    path of S3, and what a database's address calls its host, its user, its own name or the like.

    Example:
        >>> _is_private("http://host/x?code=${KEY}", 19, 25), _is_private("http://${HOST}/x", 7, 14)
        (True, False)
    """
    if not (scheme := re.match(_NETWORK, address)):
        return False
    before, after = address[:start], address[end:]
    if scheme["kind"].startswith("http"):
        return "@" in re.split(_HOST, after)[0] or bool(re.search(_HOST, before[scheme.end() :]))
    return not re.search(_OPEN, before)


_NETWORK = r"(?i)(?P<kind>https?|postgres(?:ql)?|mysql):(?://)?"
_WITH_HOST = r"(?i)(?:\w+:)?(?:https?|postgres(?:ql)?|mysql)://"
_HOST = r"[/?#]"
"""What ends the host of an address."""
_OPEN = r"\b(?:host|hostaddr|port|dbname|database|db|user|service)\s*=\s*'?$|[/@:]$"
"""What stands before a part of a database's address that is no secret."""


def overlay(base: Tree, over: Tree) -> Tree:
    """Lay one tree over another, branch by branch."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = overlay(below, value) if both else value  # type: ignore[arg-type]
    return merged


def line(value: Leaf | Tree) -> str:
    """Name the place of a value, or of the first one in a branch."""
    if isinstance(value, Leaf):
        return value.origin
    return next((line(v) for v in value.values()), FILE)
