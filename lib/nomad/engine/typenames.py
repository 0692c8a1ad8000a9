"""The text of a type, as DuckDB names it, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator


def shape(kind: str) -> str:
    """Tell a list (`[`), a STRUCT, a MAP or a UNION; empty for all else."""
    if kind.endswith("]"):
        return "["
    head = kind.partition("(")[0]
    return head if head in ("STRUCT", "MAP", "UNION") else ""


def element_of(kind: str) -> str:
    """Give the type of a list's elements."""
    return kind[: kind.rindex("[")]


def fields_of(struct: str) -> Iterator[tuple[str, str]]:
    """Give the fields of a STRUCT: each name as SQL has it, and its type."""
    for part in parts_of(struct):
        quoted = re.match(r'"(?:[^"]|"")*"', part)
        name = quoted[0] if quoted else part.partition(" ")[0]
        yield name, part[len(name) :].strip()


def bare(name: str) -> str:
    """Give a field's name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def leaves_as(kind: str, into: str) -> str:
    """Put one type for each that is in no other way made of types.

    Example:
        >>> leaves_as('STRUCT("a b" INTEGER[], c MAP(DATE, DATE))', "VARCHAR")
        'STRUCT("a b" VARCHAR[], c MAP(VARCHAR, VARCHAR))'
    """
    match shape(kind):
        case "[":
            return f"{leaves_as(element_of(kind), into)}{kind[kind.rindex('[') :]}"
        case "STRUCT":
            fields = (f"{name} {leaves_as(below, into)}" for name, below in fields_of(kind))
            return f"STRUCT({', '.join(fields)})"
        case "MAP":
            return f"MAP({', '.join(leaves_as(below, into) for below in parts_of(kind))})"
        case _:
            return into


def text_alone(kind: str) -> str | None:
    """Leave of a type what is text in it, as JSON; None where nothing is.

    Example:
        >>> text_alone("STRUCT(a VARCHAR, b DOUBLE, c STRUCT(d DATE))[]"), text_alone("DATE[]")
        ('STRUCT(a JSON)[]', None)
    """
    match shape(kind):
        case "[":
            below = text_alone(element_of(kind))
            return below and f"{below}{kind[kind.rindex('[') :]}"
        case "STRUCT":
            fields = ((name, text_alone(below)) for name, below in fields_of(kind))
            left = ", ".join(f"{name} {below}" for name, below in fields if below)
            return f"STRUCT({left})" if left else None
        case "MAP":
            below = text_alone(parts_of(kind)[1])
            return below and f"MAP(VARCHAR, {below})"
        case _:
            return "JSON" if kind == "VARCHAR" else None


_MARK = r"""[(),]|"(?:[^"]|"")*"|'(?:[^']|'')*'"""


def parts_of(kind: str) -> list[str]:
    """Part what stands in a type's brackets at its commas.

    Example:
        >>> parts_of('STRUCT(a DECIMAL(4,2), "b, (" MAP(DATE, DATE))')
        ['a DECIMAL(4,2)', '"b, (" MAP(DATE, DATE)']
    """
    inside = kind[kind.index("(") + 1 : -1]
    depth, cuts = 0, [-1]
    for mark in re.finditer(_MARK, inside):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if mark[0] == "," and not depth:
            cuts.append(mark.start())
    ends = [*cuts[1:], len(inside)]
    return [inside[a + 1 : b].strip() for a, b in zip(cuts, ends, strict=True)]
