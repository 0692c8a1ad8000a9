"""What an option of a source may hold: declared by its connector, checked with `nomad.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

from nomad.config.tree import Value
from nomad.names import did_you_mean

Held = Value | Mapping[str, object]
"""What an option holds: one value, a list, or a map of them, as deep as it likes."""

Rule = Callable[[Held, Mapping[str, Held]], str | None]
"""Says what is wrong with a value, in words that follow its name; the rest may count as well."""

_VARIABLE = r"\$[<{]"
_FROM_ENVIRONMENT: Mapping[str, Any] = {"type": "string", "pattern": r"\$\{"}


class Kind(NamedTuple):
    """A type of option: what is wrong with a value, and the same as JSON Schema, for editors.

    `words` say it to people; `parts` are the options that one holds which is a group.
    """

    fault: Callable[[Held], str | None]
    schema: Mapping[str, Any]
    words: str = "anything"
    parts: Sequence[Option] = ()


def holds_variable(value: Held) -> bool:
    """Tell whether a value has something in it that is only filled in later."""
    return bool(re.search(_VARIABLE, str(value)))


def _text(value: Held) -> str | None:
    return None if isinstance(value, str) and value else "must be a text"


def _single(value: Held) -> str | None:
    return None if not isinstance(value, (dict, list)) and str(value) else "must be a text"


def _character(value: Held) -> str | None:
    good = isinstance(value, str) and (len(value) == 1 or holds_variable(value))
    return None if good else f"must be a single character (got {value!r})"


def _names(value: Held) -> str | None:
    if not isinstance(value, dict):
        return "must hold `delivered name: new name` pairs"
    names = [v for v in value.values() if isinstance(v, str) and v.strip()]
    if len(names) < len(value):
        return "must give each column a new name"
    twice = [n for n in names if [m.lower() for m in names].count(n.lower()) > 1]
    return f"gives two columns the name `{twice[0]}`" if twice else None


def _types(value: Held) -> str | None:
    if not isinstance(value, dict):
        return "must hold `name: type` pairs"
    wrong = next((n for n, kind in value.items() if not _is_type(kind)), None)
    return f"must give `{wrong}` a type like DECIMAL(18,4)" if wrong is not None else None


def _is_type(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(_NAMED_TYPE, value))


_NAMED_TYPE = r"""[A-Za-z](?:[\w \[\](),"]|'(?:[^']|'')*')*"""
"""A type as DuckDB names it; texts are those of an ENUM."""


def _number(value: Held) -> str | None:
    if isinstance(value, bool) or not re.fullmatch(_NUMERIC, str(value)):
        return None if holds_variable(value) else f"must be a number (got {value!r})"
    return None


_NUMERIC = r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?"
"""What is a number as a text of the environment, too."""


def _switch(value: Held) -> str | None:
    good = isinstance(value, bool) or holds_variable(value)
    return None if good else f"must be true or false (got {value!r})"


def _texts(value: Held) -> str | None:
    all_of = value if isinstance(value, list) else [value]
    good = bool(all_of) and not any(isinstance(v, (dict, list)) or v in (None, "") for v in all_of)
    return None if good else "must be a text, or a list of texts"


def _map(value: Held) -> str | None:
    return None if isinstance(value, dict) else "must hold `name: value` pairs"


TEXT = Kind(_text, {"type": ["string", "null"]}, "text")
"""A text."""
SINGLE = Kind(_single, {"type": ["string", "number", "boolean", "null"]}, "text or number")
"""A text, or a number or a switch that is taken as one."""
CHARACTER = Kind(_character, {"type": ["string", "null"]}, "one character")
"""A single character."""
NAMES = Kind(
    _names,
    {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
    "old name: new name",
)
"""New names of columns, by the old."""
TYPES = Kind(_types, {"type": ["object", "null"], "additionalProperties": {"type": "string"}})
"""Types of columns, by their names."""
NUMBER = Kind(_number, {"anyOf": [{"type": ["number", "null"]}, _FROM_ENVIRONMENT]}, "number")
"""A number."""
SWITCH = Kind(
    _switch, {"anyOf": [{"type": ["boolean", "null"]}, _FROM_ENVIRONMENT]}, "true or false"
)
"""Yes or no."""
TEXTS = Kind(_texts, {"type": ["string", "number", "array", "null"]}, "text, or a list")
"""A text, or a list of texts."""
ANY = Kind(lambda _: None, {})
"""Anything; a rule says the rest."""
MAP = Kind(_map, {"type": ["object", "null"]}, "name: value")
"""Values by names that the source chooses, as deep as it likes."""


def one_of(*words: str) -> Kind:
    """Make the kind of an option that is one of a few words."""

    def fault(value: Held) -> str | None:
        if value in words or holds_variable(value):
            return None
        near = did_you_mean(str(value), words) or f"it can be {' or '.join(words)}"
        return f"can't be `{value}`: {near}"

    schema = {"anyOf": [{"enum": [*words, None]}, _FROM_ENVIRONMENT]}
    return Kind(fault, schema, " or ".join((", ".join(words[:-1]), words[-1])))


def _unruled(_value: Held, _given: Mapping[str, Held]) -> str | None:
    return None


@dataclass(frozen=True)
class Option:
    """An option of a connector, with a sentence for whoever points at it.

    `rule` says what else is wrong with a value that is of its kind. `asks` is False of an option
    that changes nothing of what a source is asked for: what was landed stays as good.

    Example:
        >>> symbols = Option("symbols", "Whose prices are asked for.", required=True)
        >>> symbols.fault("600519", {}), symbols.fault({"a": 1}, {})
        (None, 'must be a text')
    """

    name: str
    sentence: str
    kind: Kind = TEXT
    required: bool = False
    rule: Rule = _unruled
    asks: bool = True

    def fault(self, value: Held, given: Mapping[str, Held]) -> str | None:
        """Say what is wrong with a value, if anything is; `given` are all options of the source."""
        return self.kind.fault(value) or self.rule(value, given)

    @property
    def schema(self) -> dict[str, Any]:
        """Describe it to an editor."""
        needed = {"type": "string", "minLength": 1} if self.required and self.kind == TEXT else {}
        return {"description": self.sentence, **self.kind.schema, **needed}


class Declares(Protocol):
    """What is known of a connector before it is used."""

    @property
    def options(self) -> Sequence[Option]:
        """Its options, in the order in which they are listed."""


def group(*options: Option) -> Kind:
    """Make the kind of an option that holds options of its own.

    Example:
        >>> paging = group(Option("size", "Rows of a page.", NUMBER, required=True))
        >>> paging.fault({"sise": 1})
        'has no option `sise`: did you mean `size`?'
        >>> paging.fault({"size": "x"}), paging.fault({})
        ("`size` must be a number (got 'x')", 'needs a `size`')
    """
    known = {o.name: o for o in options}

    def fault(value: Held) -> str | None:
        if not isinstance(value, dict):
            return f"must hold options: {', '.join(known)}"
        for name, held in value.items():
            if name not in known:
                return f"has no option `{name}`: {_nearest(name, known)}"
            if wrong := known[name].fault(held, value):
                return f"`{name}` {wrong}"
        lacking = [o.name for o in options if o.required and o.name not in value]
        return f"needs a `{lacking[0]}`" if lacking else None

    schema = {
        "type": ["object", "null"],
        "properties": {name: option.schema for name, option in known.items()},
        "additionalProperties": False,
    }
    return Kind(fault, schema, "options", options)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    return did_you_mean(name, known) or f"it has: {', '.join(known)}"


def filled(value: Held, fill: Callable[[str], str]) -> Held:
    """Fill in every text of a value, however deep.

    Example:
        >>> filled({"a": ["x", 1]}, str.upper)
        {'a': ['X', 1]}
    """
    return cast("Held", _filled(value, fill))


def _filled(value: object, fill: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return fill(value)
    if isinstance(value, Mapping):
        return {name: _filled(held, fill) for name, held in value.items()}
    return [_filled(held, fill) for held in value] if isinstance(value, list) else value


def texts(value: object) -> Iterator[str]:
    """Give every text of a value, however deep.

    Example:
        >>> list(texts({"a": ["x", 1], "b": {"c": "y"}}))
        ['x', 'y']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, (Mapping, list)):
        for held in value.values() if isinstance(value, Mapping) else value:
            yield from texts(held)
