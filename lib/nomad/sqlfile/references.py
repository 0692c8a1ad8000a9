"""Find the tables that a statement reads: every FROM, wherever it hides, less the CTEs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from nomad.errors import SqlFileError
from nomad.sqlfile import Ref


def read_by(tree: exp.Expr, *, path: str, first_line: int = 1) -> tuple[Ref, ...]:
    """List the tables one statement reads, each once, in the order of reading.

    Raises:
        SqlFileError: a reference that can't be known before the query runs.
    """
    found: dict[str, Ref] = {}
    for node in tables_in(tree):
        for ref in _refs(node, path, first_line):
            found.setdefault(str(ref).lower(), ref)
    return tuple(found.values())


def tables_in(tree: exp.Expr) -> Iterator[exp.Table]:
    """Give every table in a FROM, table functions included; no CTE, nor what a CREATE makes."""
    own = tree.this if isinstance(tree, exp.Create) else None
    for node in tree.find_all(exp.Table):
        made = own is not None and _within(node, own)
        if not made and (node.db or isinstance(node.this, exp.Func) or not _is_cte(node)):
            yield node


def outputs_of(tree: exp.Expr) -> tuple[str, ...]:
    """Name a query's columns, where its text tells them all; else nothing.

    Example:
        >>> outputs_of(parse_one("select a, b + 1 as c from t", path="x"))
        ('a', 'c')
        >>> outputs_of(parse_one("from t", path="x"))
        ()
    """
    if not isinstance(tree, exp.Query) or tree.is_star:
        return ()
    return tuple(tree.named_selects)


def is_ordered(tree: exp.Expr) -> bool:
    """Tell whether the query as a whole has an ORDER BY; one in a CTE or a window is not that.

    Example:
        >>> is_ordered(parse_one("select a from t order by a", path="x"))
        True
        >>> is_ordered(parse_one("select rank() over (order by a) from t", path="x"))
        False
    """
    query: object = tree
    while isinstance(query, exp.Query) and not query.args.get("order"):
        query = query.this if isinstance(query, exp.Subquery) else _passed_on(query)
    return isinstance(query, exp.Query)


def _passed_on(query: exp.Query) -> object:
    """Give what stands in the brackets of a bare `SELECT * FROM (…)`; else None."""
    filled = {k for k, v in query.args.items() if v}
    source = query.args["from_"].this if filled == {"expressions", "from_"} else None
    return source if query.is_star and isinstance(source, exp.Subquery) else None


_PART = re.compile(r'"((?:[^"]|"")*)"|([^."\s]+)')


def compare(ours: Iterable[Ref], theirs: Iterable[str], *, where: str) -> None:
    """Hold the tables found here against those DuckDB names, as `schema.table`.

    One found here alone does no harm (a CTE that nobody reads, say): it is waited for.

    Raises:
        SqlFileError: DuckDB sees a table that was not found here.
    """
    mine = {str(r).lower() for r in ours}
    yours = {_unquoted(name) for name in theirs}
    if yours - mine:
        raise SqlFileError(
            f"which tables this reads is unclear: nomad finds {_listed(mine - yours)} alone,"
            f" DuckDB finds {_listed(yours - mine)} alone",
            where=where,
            hint="write the table into a plain FROM clause, in a CTE of its own",
        )


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{n}`" for n in sorted(names)) or "nothing"


def _unquoted(name: str) -> str:
    """Take the quotes off DuckDB's spelling, and what follows a table's name (TABLESAMPLE …)."""
    parts, at = [], 0
    while match := _PART.match(name, at):
        parts.append(match[2] or match[1].replace('""', '"'))
        at = match.end() + 1
        if name[match.end() : at] != ".":
            break
    return ".".join(parts).lower()


def created_by(text: str, *, path: str) -> str | None:
    """Name the table that a CREATE makes; None for another statement."""
    tree = parse_one(text, path=path)
    node = tree.find(exp.Table) if isinstance(tree, exp.Create) else None
    return node.name if node is not None else None


def parse_one(text: str, *, path: str, first_line: int = 1) -> exp.Expr:
    """Parse one statement.

    Raises:
        SqlFileError: a syntax error; the message shows the line and marks the word.
    """
    try:
        return sqlglot.parse_one(text, read="duckdb")
    except SqlglotError as e:
        raise _syntax_error(e, text, path, first_line) from e


def _syntax_error(e: SqlglotError, text: str, path: str, first_line: int) -> SqlFileError:
    fault = (getattr(e, "errors", None) or [{}])[0]
    line, column, word = (
        fault.get("line") or 1, fault.get("col") or 1, fault.get("highlight") or "",
    )  # fmt: skip
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    mark = " " * max(column - len(word), 0) + "^" * max(len(word), 1)
    what = fault.get("description") or str(e).splitlines()[0]
    return SqlFileError(
        f"syntax error: {what}\n    {shown}\n    {mark}", where=f"{path}:{line + first_line - 1}"
    )


def _within(node: exp.Expr, top: exp.Expr) -> bool:
    current: exp.Expr | None = node
    while current is not None and current is not top:
        current = current.parent
    return current is top


def _refs(node: exp.Table, path: str, first_line: int) -> Iterator[Ref]:
    if isinstance(node.this, exp.Func):
        yield from _by_function(node.this, path, first_line)
    elif node.name:
        line = int(node.this.meta.get("line", 1)) + first_line - 1
        yield Ref(node.name, node.db, node.catalog, line)


def _by_function(call: exp.Func, path: str, first_line: int) -> Iterator[Ref]:
    """Find the table in `query_table('t')`; other table functions read none."""
    if call.name.upper() != "QUERY_TABLE":
        return
    for argument in call.expressions[:1]:
        if not (isinstance(argument, exp.Literal) and argument.is_string):
            raise SqlFileError(
                "`query_table` of a computed name hides which table is read",
                where=f"{path}:{first_line}",
                hint="name the table in the FROM clause",
            )
        database, schema, name = (["", "", *str(argument.this).split(".")])[-3:]
        yield Ref(name, schema, database, first_line)


def _is_cte(node: exp.Table) -> bool:
    """Tell whether a bare name means a CTE that is visible where it stands."""
    passed: exp.Expr | None = None
    child: exp.Expr = node
    while (parent := child.parent) is not None:
        if isinstance(child, exp.CTE):
            passed = child
        clause = parent.args.get("with_")
        if isinstance(clause, exp.With):
            seen = _before(clause, passed) if child is clause else _all(clause)
            if node.name.lower() in seen:
                return True
        child = parent
    return False


def _all(clause: exp.With) -> list[str]:
    return [cte.alias.lower() for cte in clause.expressions]


def _before(clause: exp.With, inside: exp.Expr | None) -> list[str]:
    """Name the CTEs seen from inside one of them: those before it, itself if recursive."""
    place = next((i for i, cte in enumerate(clause.expressions) if cte is inside), 0)
    return _all(clause)[: place + bool(clause.args.get("recursive"))]
