"""Find the tables that a statement reads: every FROM, wherever it hides, less the CTEs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from nomad.errors import SqlFileError
from nomad.sqlfile.calls import Argument, Call
from nomad.sqlfile.file import Ref
from nomad.sqlfile.variables import undated


def read_by(tree: exp.Expr, *, first_line: int = 1) -> tuple[Ref, ...]:
    """List the tables one statement names in a FROM, each once, in the order of reading."""
    found: dict[str, Ref] = {}
    for node in tables_in(tree):
        if not isinstance(node.this, exp.Func) and node.name:
            line = int(node.this.meta.get("line", 1)) + first_line - 1
            ref = Ref(node.name, node.db, node.catalog, line)
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
    what = fault.get("description") or str(e).splitlines()[0]
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    begin = len(undated(shown[: max(column - len(word), 0)]))
    return SqlFileError(
        f"syntax error: {what}\n{marked(undated(shown), begin, len(word))}",
        where=f"{path}:{line + first_line - 1}",
    )


def marked(line: str, begin: int, length: int) -> str:
    """Show a line, and below it a mark under so many characters.

    Example:
        >>> print(marked("select a b c", 9, 1))
            select a b c
                     ^
    """
    blank = "".join("\t" if c == "\t" else " " * cells(c) for c in line[:begin])
    wide = sum(map(cells, line[begin : begin + length]))
    return f"    {line}\n    {blank}{'^' * max(wide, 1)}"


def cells(character: str) -> int:
    """Tell how many cells of a terminal a character takes."""
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _within(node: exp.Expr, top: exp.Expr) -> bool:
    current: exp.Expr | None = node
    while current is not None and current is not top:
        current = current.parent
    return current is top


def calls_in(tree: exp.Expr) -> tuple[Call, ...]:
    """Give the table functions in a FROM."""
    return tuple(_call(n) for n in tables_in(tree) if isinstance(n.this, exp.Func))


def _call(node: exp.Table) -> Call:
    call = node.this
    arguments = call.expressions if isinstance(call, exp.Anonymous) else ()
    return Call(
        call.name if isinstance(call, exp.Anonymous) else call.sql_name(),
        node.db,
        tuple(_argument(a) for a in arguments),
    )


def _argument(node: exp.Expr) -> Argument:
    if isinstance(node, exp.Literal) and node.is_string:
        return Argument(text=node.name)
    if isinstance(node, exp.Column):
        return Argument(names=tuple(p.name for p in node.parts))
    if isinstance(node, exp.Array) and all(isinstance(e, exp.Literal) for e in node.expressions):
        return Argument(listed=tuple(e.name for e in node.expressions))
    return Argument()


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
