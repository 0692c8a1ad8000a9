"""Walks a query's tree as DuckDB's own parser gives it, in the JSON of `json_serialize_sql`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Names = frozenset[str]


def nodes(tree: Any, visible: Names = frozenset()) -> Iterator[tuple[dict[str, Any], Names]]:
    """Give every node, CTEs before what reads them, with the CTEs that are in scope there.

    Example:
        >>> cte = {"key": "T", "value": {"query": {"node": {"type": "SELECT_NODE"}}}}
        >>> tree = {"type": "JOIN", "cte_map": {"map": [cte]}, "left": {"type": "BASE_TABLE"}}
        >>> [(node["type"], *names) for node, names in nodes(tree) if "type" in node]
        [('JOIN', 't'), ('SELECT_NODE',), ('BASE_TABLE', 't')]
    """
    stack = [(tree, visible)]
    while stack:
        node, names = stack.pop()
        below: list[tuple[Any, Names]] = []
        if isinstance(node, dict):
            for cte in (node.get("cte_map") or {}).get("map", ()):
                name = str(cte["key"]).lower()
                below.append((cte, names | {name} if _is_recursive(cte) else names))
                names |= {name}
            yield node, names
            node = [part for key, part in node.items() if key != "cte_map"]
        below += [(part, names) for part in node if isinstance(part, (dict, list))]
        stack += reversed(below)


def _is_recursive(cte: dict[str, Any]) -> bool:
    return bool(cte["value"]["query"].get("node", {}).get("type") == "RECURSIVE_CTE_NODE")
