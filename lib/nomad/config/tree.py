"""`nomad.yaml` as a tree of values, each with the place it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from nomad.errors import ConfigError

FILE = "nomad.yaml"

Value = str | int | float | bool | None | list[object]


@dataclass(frozen=True)
class Leaf:
    """A value of the file with the place it came from."""

    value: Value
    origin: str


Tree = dict[str, "Leaf | Tree"]


SECRET = re.compile(r"pass(word|wd)?$|secret|token|api_?key|access_?key", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


def parse(path: Path, environ: Mapping[str, str], faults: list[str]) -> Tree:
    """Read the file; faults that leave the rest readable are added to `faults`.

    Raises:
        ConfigError: the file can't be read, or isn't YAML.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        line = e.problem_mark.line + 1 if e.problem_mark else 1
        raise ConfigError(
            f"not valid YAML: {e.problem}", where=f"{FILE}:{line}", hint="mend that line"
        ) from e
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"can't be read: {e}", where=FILE) from e
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            "must be `key: value` lines", where=f"{FILE}:1", hint="see docs/config.md for the keys"
        )
    return _mapping(node, environ, faults)


def _mapping(node: yaml.MappingNode, environ: Mapping[str, str], faults: list[str]) -> Tree:
    tree: Tree = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in tree:
            faults.append(f"{FILE}:{line}: `{key}` is given twice")
        if isinstance(value_node, yaml.MappingNode):
            tree[key] = _mapping(value_node, environ, faults)
            continue
        try:
            value = _construct(value_node)
        except (ValueError, yaml.YAMLError) as e:
            faults.append(f"{FILE}:{line}: `{key}` can't be read: {str(e).splitlines()[0]}")
            continue
        if SECRET.search(key) and isinstance(value, str) and not _VARIABLE.fullmatch(value):
            faults.append(
                f"{FILE}:{line}: `{key}` holds a secret in plain text: write `${{NAME}}`"
                " and set NAME in the environment"
            )
        tree[key] = Leaf(_expanded(value, environ, f"{FILE}:{line}", faults), f"{FILE}:{line}")
    return tree


def _construct(node: yaml.Node) -> Value:
    """Turn one YAML node into a Python value; dates stay text."""
    if node.tag.endswith(":timestamp"):
        return str(node.value)
    value = yaml.constructor.SafeConstructor().construct_object(node, deep=True)
    plain = isinstance(value, (str, int, float, bool, list)) or value is None
    return value if plain else str(node.value)


def _expanded(value: Value, environ: Mapping[str, str], where: str, faults: list[str]) -> Value:
    """Replace `${NAME}` and `${NAME:-default}` by the environment's values."""
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if name == "PARTITION_DATE":
            return match[0]
        if name not in environ and default is None:
            faults.append(f"{where}: `${{{name}}}` is not set in the environment")
        return environ.get(name) or default or ""

    return _VARIABLE.sub(one, value)


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


def masked(text: str) -> str:
    """Hide a password inside a database's address.

    Example:
        >>> masked("postgres:dbname=shop password=hunter2"), masked("postgres://me:hunter2@db/shop")
        ('postgres:dbname=shop password=***', 'postgres://me:***@db/shop')
    """
    return re.sub(r"(password=)\S+|(://[^:/@\s]+:)[^@\s]+(?=@)", r"\1\2***", text)
