"""A query as DuckDB's own parser sees it, in the JSON of `json_serialize_sql`.

It takes whatever DuckDB takes, and knows nothing but queries. A PIVOT that looks for its columns
among the rows is several statements to DuckDB: `serializable` gives such a one made-up columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlglot.tokens import Token, TokenType

from nomad.engine.parse_tree import nodes
from nomad.sqlfile.calls import OF_A_CTE, Argument, Call


class Fault(NamedTuple):
    """A syntax error: what DuckDB says, and at which character of the text."""

    what: str
    at: int


class Table(NamedTuple):
    """A table in a FROM that is no CTE; `at` counts bytes."""

    database: str
    schema: str
    name: str
    at: int


class Seen(NamedTuple):
    """What DuckDB sees in a query."""

    tables: tuple[Table, ...]
    calls: tuple[Call, ...]
    outputs: tuple[str, ...]
    ordered: bool


def seen(answer: Any) -> Seen | Fault | None:
    """Read what `json_serialize_sql` said of a text; None where it can't tell."""
    if not answer or not answer.get("statements"):
        syntax = bool(answer) and answer.get("error_type") == "parser"
        return Fault(answer["error_message"], int(answer.get("position", 0))) if syntax else None
    found = list(_read_in([s["node"] for s in answer["statements"]]))
    node = answer["statements"][0]["node"]
    return Seen(
        tables=tuple(f for f in found if isinstance(f, Table)),
        calls=tuple(sorted((f for f in found if isinstance(f, Call)), key=lambda c: c.at)),
        outputs=_outputs(node),
        ordered=any(m["type"] == "ORDER_MODIFIER" for m in node.get("modifiers", ())),
    )


def _read_in(tree: Any) -> Iterator[Table | Call]:
    """Give the tables and table functions of a query, in the order of its tree."""
    for node, ctes in nodes(tree):
        kind = node.get("type")
        if kind == "BASE_TABLE":
            name, schema = str(node["table_name"]), str(node["schema_name"])
            if schema or name.lower() not in ctes:
                yield Table(str(node["catalog_name"]), schema, name, node["query_location"])
        elif kind == "TABLE_FUNCTION":
            yield _call(node, ctes)


def _call(node: dict[str, Any], visible: frozenset[str]) -> Call:
    function = node["function"]
    arguments = tuple(_argument(a, visible) for a in function.get("children", ()))
    return Call(
        str(function.get("function_name", "")),
        str(function.get("schema", "")),
        arguments,
        str(node.get("alias", "")),
        int(function.get("query_location", 0)),
    )


def _argument(node: dict[str, Any], visible: frozenset[str]) -> Argument:
    if node.get("class") == "CONSTANT" and isinstance(node["value"].get("value"), str):
        text = node["value"]["value"]
        return OF_A_CTE if text.lower() in visible else Argument(text=text)
    if node.get("class") == "COLUMN_REF":
        names = tuple(map(str, node["column_names"]))
        return OF_A_CTE if names[0].lower() in visible else Argument(names=names)
    if node.get("function_name") == "list_value":
        parts = [_argument(a, visible) for a in node["children"]]
        texts = tuple(p.text for p in parts if p.text)
        return Argument(listed=texts) if len(texts) == len(parts) else Argument()
    return Argument()


def _outputs(node: dict[str, Any]) -> tuple[str, ...]:
    """Name a query's columns, where its text tells them all; else nothing."""
    while "left" in node:
        node = node["left"]
    names = [_output(item) for item in node.get("select_list", ())]
    return tuple(n for n in names if n) if all(names) else ()


def _output(item: dict[str, Any]) -> str:
    """Name one column; empty where it is many, or has no name but its text."""
    if item["class"] == "STAR":
        return ""
    if item["class"] == "COLUMN_REF" and not item["alias"]:
        return str(item["column_names"][-1])
    return str(item["alias"])


# PIVOT -------------------------------------------------------------------------------------------

_AFTER_ON = {"USING", "GROUP", "ORDER", "LIMIT", ")"}


def serializable(text: str, tokens: Sequence[Token], begin: int) -> str:
    """Give a query's text as DuckDB can serialize it: each PIVOT with values for its columns.

    `tokens` are those of the query, which begins at the character `begin` of the file.
    """
    marks = [m for i, t in enumerate(tokens) if _is_pivot(t) for m in _without_values(tokens, i)]
    for at in sorted(set(marks), reverse=True):
        text = f"{text[: at - begin]} IN (''){text[at - begin :]}"
    return text


def _is_pivot(token: Token) -> bool:
    quoted = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)
    return token.text.upper() in ("PIVOT", "PIVOT_WIDER") and not quoted


def _without_values(tokens: Sequence[Token], pivot: int) -> Iterator[int]:
    """Give the ends of the columns behind a PIVOT's (last) ON that name no values with IN."""
    columns: list[list[Token]] = []
    depth = 0
    for token in tokens[pivot + 1 :]:
        word = token.text.upper() if token.token_type != TokenType.STRING else ""
        if depth == 0 and columns and word in _AFTER_ON:
            break
        depth += (word == "(") - (word == ")")
        if depth < 0:
            break
        if depth == 0 and word == "ON":
            columns = [[]]
        elif depth == 0 and word == "," and columns:
            columns.append([])
        elif columns:
            columns[-1].append(token)
    for column in columns:
        if column and not any(t.text.upper() == "IN" for t in column):
            yield column[-1].end + 1
