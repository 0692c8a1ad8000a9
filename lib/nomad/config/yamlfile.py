"""A YAML file as plain values that know their lines; one that is known is not parsed again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nomad.cache import Cache
from nomad.errors import ConfigError

if TYPE_CHECKING:
    import yaml

Plain = str | int | float | bool | None

_FORMAT = "2"
"""Part of every key of the cache: raise it when reading changes."""


class Node(NamedTuple):
    """A scalar, a list of nodes or a map of nodes, and the line on which it begins.

    `written` is a scalar as it stands in the file, where that is not the text of its value: YAML
    takes `NO` for false and `010` for eight.
    """

    value: Plain | list[Node] | dict[str, Node]
    line: int
    written: str = ""

    @property
    def scalar(self) -> Plain:
        """The scalar; None of a list or a map."""
        return None if isinstance(self.value, (list, dict)) else self.value

    @property
    def spelled(self) -> str:
        """The scalar as it was typed; empty of nothing."""
        return self.written or ("" if self.scalar is None else str(self.scalar))

    def items(self) -> Iterator[tuple[str, Node]]:
        """Give the pairs of a map; of anything else, none."""
        yield from (self.value.items() if isinstance(self.value, dict) else ())

    def elements(self) -> list[Node]:
        """Give the elements of a list; a scalar is a list of one, nothing is none."""
        if isinstance(self.value, list):
            return self.value
        return [] if self.value is None else [self]

    def get(self, key: str) -> Node | None:
        """Give one value of a map."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    def plain(self) -> object:
        """Give it all without the lines."""
        if isinstance(self.value, dict):
            return {k: v.plain() for k, v in self.value.items()}
        return [v.plain() for v in self.value] if isinstance(self.value, list) else self.value


def read(text: str, *, path: str, cache: Cache) -> Node:
    """Read a file's text; `path` is how messages name it.

    Raises:
        ConfigError: it is no YAML, or a key is given twice.
    """
    key = hashlib.sha256(f"yaml {_FORMAT} {text}".encode()).hexdigest()[:32]
    if (kept := cache.get(key)) is not None:
        return _from_body(*kept)
    node = _parsed(text, path)
    cache.put(key, node)
    return node


def _from_body(value: Any, line: int, written: str) -> Node:
    """Read a node back: JSON has made lists of them all."""
    if isinstance(value, dict):
        return Node({k: _from_body(*v) for k, v in value.items()}, line)
    plain = [_from_body(*v) for v in value] if isinstance(value, list) else value
    return Node(plain, line, written)


def _parsed(text: str, path: str) -> Node:
    import yaml

    _refuse_size(text, path)
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Reader(path).node(node) if node else Node({}, 1)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ConfigError(
            f"not valid YAML: {e.problem}", where=f"{path}:{line}", hint="fix that line"
        ) from e
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        told = str(e).splitlines()[0] if str(e) else "it refers to itself"
        raise ConfigError(f"not valid YAML: {told}", where=path) from e


_MOST_BYTES = 10_000_000
_MOST_VALUES = 200_000
_DEEPEST = 60
_LONGEST_NUMBER = 1_000
"""Bounds of a file that is written by hand, many times over: an alias may repeat what repeats."""


def _refuse_size(text: str, path: str) -> None:
    if len(text) > _MOST_BYTES:
        raise ConfigError(
            f"too large: more than {_MOST_BYTES // 1_000_000} MB",
            where=path,
            hint="keep values that are data in a table",
        )


@dataclass
class _Reader:
    """Reads nodes and counts them, each alias anew: what it stands for is there as often."""

    path: str
    values: int = 0

    def node(self, node: yaml.Node, depth: int = 0) -> Node:
        """Read a node; dates, and what has no plain value, stay text."""
        import yaml

        line = node.start_mark.line + 1
        self._count(line, depth)
        if isinstance(node, yaml.MappingNode):
            return Node(self._pairs(node, depth), line)
        if isinstance(node, yaml.SequenceNode):
            return Node([self.node(v, depth + 1) for v in node.value], line)
        if node.tag.endswith((":timestamp", ":value")):
            return Node(str(node.value), line)
        if node.tag.endswith(":int") and len(str(node.value)) > _LONGEST_NUMBER:
            raise ConfigError(
                "the number is too long",
                where=f"{self.path}:{line}",
                hint="in quotes it is a text",
            )
        value = yaml.constructor.SafeConstructor().construct_object(node)
        if value is None or not isinstance(value, (str, int, float, bool)):
            return Node(None if value is None else str(node.value), line)
        return Node(value, line, "" if str(value) == node.value else node.value)

    def _count(self, line: int, depth: int) -> None:
        self.values += 1
        if self.values <= _MOST_VALUES and depth <= _DEEPEST:
            return
        deep = f"nested more than {_DEEPEST} deep"
        raise ConfigError(
            deep if depth > _DEEPEST else f"more than {_MOST_VALUES} values, aliases written out",
            where=f"{self.path}:{line}",
            hint="look for `&` and `*`: an alias of aliases grows with each line",
        )

    def _pairs(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        """Read a map; a value is said to begin where its key does."""
        found: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key.value, str):
                raise ConfigError(
                    "a key must be a single value",
                    where=f"{self.path}:{line}",
                    hint="a name followed by a colon",
                )
            if key.value in found:
                raise ConfigError(
                    f"`{key.value}` is given twice",
                    where=f"{self.path}:{line}",
                    hint="keep one of them",
                )
            found[key.value] = self.node(value, depth + 1)._replace(line=line)
        return found
