"""What a condition that doesn't hold compared: the values on both sides, as `18 > 36.0`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from nomad.engine.instance import Session
from nomad.errors import QueryFailed
from nomad.names import literal

_SIGNS = {
    "COMPARE_EQUAL": "=",
    "COMPARE_NOTEQUAL": "<>",
    "COMPARE_GREATERTHAN": ">",
    "COMPARE_GREATERTHANOREQUALTO": ">=",
    "COMPARE_LESSTHAN": "<",
    "COMPARE_LESSTHANOREQUALTO": "<=",
}


def compared(session: Session, query: str) -> str:
    """Tell what the comparisons of a condition come to; `query` selects it.

    Empty where it compares nothing by itself, or row by row.
    """
    with suppress(QueryFailed):
        (parsed,) = session.parsed([query])
        node = parsed["statements"][0]["node"] if parsed.get("statements") else {}
        found = list(_comparisons(node["select_list"][0])) if node.get("select_list") else []
        if found:
            node["select_list"] = [side for c in found for side in (c["left"], c["right"])]
            return _told(session, [_SIGNS[c["type"]] for c in found], json.dumps(parsed))
    return ""


def _comparisons(expression: Any) -> Iterator[Any]:
    """Give the comparisons of which a condition consists, joined by AND and OR."""
    if expression.get("class") == "CONJUNCTION":
        for part in expression["children"]:
            yield from _comparisons(part)
    elif expression.get("type") in _SIGNS:
        yield expression


def _told(session: Session, signs: list[str], tree: str) -> str:
    ((query,),) = session.execute(f"SELECT json_deserialize_sql({literal(tree)})")
    rows = list(session.execute(f"FROM ({query}) LIMIT 2"))
    if len(rows) != 1:
        return ""
    values = ["NULL" if value is None else str(value) for value in rows[0]]
    sides = zip(values[::2], signs, values[1::2], strict=True)
    return ", ".join(" ".join(side) for side in sides)
