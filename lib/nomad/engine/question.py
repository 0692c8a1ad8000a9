"""What a question may be: one statement that reads. DuckDB's own parse tells.

DuckDB keeps a query inside the folders it may use, but there it may write as well, by COPY and by
a few functions that a SELECT can call. Those are refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from nomad.engine.forbidden import is_function, view_in
from nomad.engine.parse_tree import nodes
from nomad.engine.session import Session
from nomad.errors import Misuse, QueryFailed
from nomad.names import literal

_OF_TEXT = ("query", "json_execute_serialized_sql")
"""Functions that run the text they are given."""

_OF_NAME = "query_table"
"""Reads the table that its text names."""

_GAP = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_RUNS_TEXT = rf'(?is)\b(query|query_table)"?{_GAP}\('
_EXPLAIN = rf"(?is){_GAP}explain\b{_GAP}(analy[sz]e\b|\([^()]*\))?"
_PIVOT = ["CREATE", "SELECT"]
"""What a PIVOT without its values comes apart into; both have no text of their own."""

_A_TABLE = "a table is a file sql/<layer>/<table>.sql, and `nomad run` makes it"
_HINTS = {
    "COPY": "`nomad sql … -o parquet > x.parquet` writes the answer to a file",
    "EXPORT": "`nomad sql … -o parquet > x.parquet` writes the answer to a file",
    "ATTACH": "name a database under `attach:` in nomad.yaml: it is opened read-only",
    "DETACH": "name a database under `attach:` in nomad.yaml: it is opened read-only",
    "SET": "each query has a session of its own; nomad.yaml has its time zone and memory",
    "PRAGMA": "each query has a session of its own; nomad.yaml has its time zone and memory",
    "LOAD": "what DuckDB brings along is there; databases go under `attach:` in nomad.yaml",
    "CALL": "ask a function with `from`",
}


def refuse_writing(session: Session, text: str) -> None:
    """See that a text is one statement, and that it only reads.

    What DuckDB can't parse passes: to run it gives the better message, with the place.

    Raises:
        Misuse: it writes, sets something, or may do so.
    """
    kinds = _kinds(session, text)
    if kinds is None:
        return
    if "EXPLAIN" in kinds and (match := re.match(_EXPLAIN, text)):
        text = text[match.end() :]
        kinds = _kinds(session, text) or ["EXPLAIN"]
    if kinds == _PIVOT and _is_one(session, text):
        _refuse_words(text)
    elif kinds == ["SELECT"]:
        _refuse_functions(session, text)
    elif len(kinds) > 1:
        raise Misuse("more than one query", where="query", hint="ask them one by one")
    else:
        raise Misuse(
            f"the lake is only read here: no {kinds[0].replace('_', ' ')}",
            where="query",
            hint=_HINTS.get(kinds[0], _A_TABLE),
        )


_INSIDE = {
    "SELECT", "CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "MERGE_INTO", "SET",
    "TRANSACTION",
}  # fmt: skip


def refuse_leaving(session: Session, text: str, where: str) -> None:
    """See that statements of a catalog's migration stay in the catalog.

    Raises:
        QueryFailed: one writes a file, loads or attaches something.
    """
    kind = next((k for k in _kinds(session, text) or () if k not in _INSIDE), None)
    words = re.findall(r"\w+", text)
    word = kind or next((w for w in words if is_function(w) or w in _OF_TEXT), None)
    if word:
        raise QueryFailed(
            f"a migration runs no `{word.replace('_', ' ')}`",
            where=where,
            hint="it makes views, macros, types and tables of the catalog, and nothing elsewhere",
        )


def _kinds(session: Session, text: str) -> list[str] | None:
    import duckdb

    try:
        return [s.type.name for s in session.con.extract_statements(text)]
    except (duckdb.Error, RuntimeError):
        return None


def _is_one(session: Session, text: str) -> bool:
    return not any(s.query.strip() for s in session.con.extract_statements(text))


def _refuse_functions(session: Session, text: str) -> None:
    """Look at every function that a SELECT calls, also inside of texts that are run."""
    row = session.execute(f"SELECT json_serialize_sql({literal(text)})")[0]
    tree = json.loads(str(row[0]))
    if tree["error"]:
        _refuse_words(text)
        return
    for named in _with(tree, "table_name"):
        _refuse_view(str(named["table_name"]))
    for call in _with(tree, "function_name"):
        name = str(call["function_name"])
        if is_function(name):
            raise _unfit(name)
        if name.lower() in _OF_TEXT:
            _refuse_functions(session, _constant(call, name))
        if name.lower() == _OF_NAME:
            _refuse_named(call)


def _with(tree: Any, key: str) -> Iterator[dict[str, Any]]:
    """Give the nodes that have a key."""
    return (node for node, _ in nodes(tree) if node.get(key))


def _refuse_view(name: str) -> None:
    if view := view_in(name):
        raise _unfit(view)


def _refuse_named(call: dict[str, Any]) -> None:
    """See that `query_table` names its tables as they stand, and none that is unfit."""
    inner = {str(c["function_name"]) for c in _with(call["children"], "function_name")}
    if inner - {"list_value"}:
        raise _computed(_OF_NAME)
    for constant in _with(call["children"], "value"):
        _refuse_view(str(constant["value"]))


def _constant(call: dict[str, Any], name: str) -> str:
    given = call["children"][0] if len(call.get("children", ())) == 1 else {}
    if name.lower() != "query" or given.get("class") != "CONSTANT":
        raise _computed(name)
    return str(given["value"].get("value"))


def _computed(name: str) -> Misuse:
    return Misuse(
        f"`{name}` runs a text that is computed",
        where="query",
        hint="write the query itself, or its text as it stands: query('from …')",
    )


def _refuse_words(text: str) -> None:
    """Where the parse can't be had, look at the words alone."""
    words = re.findall(r"\w+", text.lower())
    if unfit := next((w for w in words if is_function(w) or w in _OF_TEXT[1:]), None):
        raise _unfit(unfit)
    if match := re.search(_RUNS_TEXT, text):
        raise _unfit(match[1])


def _unfit(name: str) -> Misuse:
    return Misuse(
        f"`{name}` is not for a query: the lake is only read here", where="query", hint=_A_TABLE
    )
