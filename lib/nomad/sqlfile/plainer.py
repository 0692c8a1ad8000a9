"""The same query in plainer words, so that DuckDB's optimizer sees its filters. Never run.

Values are put in where the names stand, all else stays the author's own text. In doubt, nothing
changes.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

_OPEN, _CLOSE = TokenType.L_PAREN, TokenType.R_PAREN
_BEHIND_A_SOURCE = {"ON", "USING", "GROUP", "ORDER", "LIMIT"}
_SETS = {"UNION", "EXCEPT", "INTERSECT"}
_TEXT = {TokenType.STRING, _OPEN, _CLOSE}
"""What a text is written of: one that stands alone would take the type of what is beside it."""

_NO_LIMIT = "LIMIT 9000000000000000"
"""Lets no filter through from outside: a PIVOT looks for its columns among all rows."""


def without_pivots(query: str) -> str | None:
    """Write the rows that each PIVOT is made of in its place; None where that can't be done.

    Example:
        >>> without_pivots("pivot (from t where a = 1) on k using sum(v)")
        'SELECT * FROM (from t where a = 1) LIMIT 9000000000000000'
    """
    tokens = _tokens(query)
    found = [i for i, t in enumerate(tokens) if _is_statement(tokens, i)]
    text = query
    for i in reversed(found):
        end = _until(tokens, i + 1, set())
        source = _until(tokens, i + 1, _BEHIND_A_SOURCE)
        if source == i + 1 or _until(tokens, i + 1, _SETS) != end:
            return None
        rows = query[tokens[i + 1].start : tokens[source - 1].end + 1]
        after = text[tokens[end - 1].end + 1 :]
        text = f"{text[: tokens[i].start]}SELECT * FROM {rows} {_NO_LIMIT}{after}"
    return text if found else None


def with_constants(query: str) -> str | None:
    """Put the values of a CTE of one row of constants where its columns stand; None without any.

    Example:
        >>> with_constants("with p as (select date '2024-01-02' as d) from t, p where t.dt = p.d")
        "with p as (select date '2024-01-02' as d) from t, p where t.dt = (date '2024-01-02')"
    """
    values = _constants(_tokens(query), query)
    try:
        tree = sqlglot.parse_one(query, read="duckdb") if values else None
    except SqlglotError:
        return None
    if tree is None:
        return None
    text = query
    for first, last, value in sorted(_places(tree, values), reverse=True):
        text = f"{text[:first]}{value}{text[last + 1 :]}"
    return text if text != query else None


def _tokens(query: str) -> list[Token]:
    try:
        return sqlglot.tokenize(query, read="duckdb")
    except SqlglotError:
        return []


def _word(tokens: Sequence[Token], at: int) -> str:
    """Give a token that is no text, in upper case; else nothing."""
    if not 0 <= at < len(tokens) or tokens[at].token_type == TokenType.STRING:
        return ""
    return tokens[at].text.upper()


def _is_statement(tokens: Sequence[Token], at: int) -> bool:
    """Tell a PIVOT that begins a query from one behind a table."""
    before = _word(tokens, at - 1)
    return _word(tokens, at).startswith("PIVOT") and (at == 0 or before in {"(", ")", "AS"})


def _until(tokens: Sequence[Token], start: int, words: set[str]) -> int:
    """Go on to one of some words outside brackets, or to where the brackets around it close."""
    depth = 0
    for i in range(start, len(tokens)):
        kind = tokens[i].token_type
        depth += (kind == _OPEN) - (kind == _CLOSE)
        if depth < 0 or (depth == 0 and _word(tokens, i) in words):
            return i
    return len(tokens)


def _constants(tokens: Sequence[Token], query: str) -> dict[str, dict[str, str]]:
    """Find the CTEs `name as (select value as column, …)` of nothing but constants."""
    found: dict[str, dict[str, str]] = {}
    for i in range(len(tokens) - 3):
        head = [_word(tokens, i + n) for n in (1, 2, 3)]
        if head != ["AS", "(", "SELECT"] or _word(tokens, i - 1) not in {"WITH", ","}:
            continue
        columns = _columns(tokens[i + 4 : _until(tokens, i + 4, set())], query)
        if columns:
            found[tokens[i].text.lower()] = columns
    return found


def _columns(tokens: Sequence[Token], query: str) -> dict[str, str]:
    """Read `value as column, …`; nothing where a value is no constant, or two have one name."""
    found: dict[str, str] = {}
    at = 0
    while at < len(tokens):
        end = _until(tokens, at, {","})
        if _word(tokens, end - 2) != "AS" or end - 2 <= at:
            return {}
        value = query[tokens[at].start : tokens[end - 3].end + 1]
        name = tokens[end - 1].text.lower()
        if name in found or not _is_constant(value):
            return {}
        kinds = {t.token_type for t in tokens[at : end - 2]}
        found[name] = f"({value})" if kinds - _TEXT else f"CAST({value} AS VARCHAR)"
        at = end + 1
    return found


def _is_constant(value: str) -> bool:
    try:
        tree = sqlglot.parse_one(value, read="duckdb")
    except SqlglotError:
        return False
    return all(isinstance(node, _CONSTANT) for node in tree.walk())


_CONSTANT = (
    exp.Literal, exp.Cast, exp.DataType, exp.Add, exp.Sub, exp.Neg, exp.Paren, exp.Interval,
    exp.Var, exp.DateTrunc, exp.TimestampTrunc, exp.Identifier,
)  # fmt: skip


def _places(
    tree: exp.Expr, values: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[int, int, str]]:
    """Give from where to where a column of such a row stands, and what to write there."""
    rows = _Rows(tree, values)
    known = {name for columns in values.values() for name in columns}
    for column in tree.find_all(exp.Column):
        if not column.table or column.name.lower() not in known:
            continue
        value = values.get(rows.named(column), {}).get(column.name.lower())
        parts = [p.meta for p in column.parts]
        if value and len(parts) == _QUALIFIED and all("start" in p for p in parts):
            alone = isinstance(column.parent, exp.Select)
            told = f"{value} AS {column.this.sql('duckdb')}" if alone else value
            yield parts[0]["start"], parts[1]["end"], told


_QUALIFIED = 2
_ELSEWHERE = (exp.Group, exp.Order, exp.Distinct, exp.Window, exp.Lambda, exp.Comprehension)
"""Where a constant would mean something else, or a name may be another's."""


class _Rows:
    """Which table names of a query stand for its own CTEs, and for nothing else."""

    def __init__(self, tree: exp.Expr, values: Container[str]) -> None:
        with_ = tree.args.get("with_")
        own = with_.expressions if with_ and not with_.recursive else []
        names = [cte.alias.lower() for cte in tree.find_all(exp.CTE)]
        self._order = {id(cte): i for i, cte in enumerate(own)}
        self._known = {
            name: i
            for i, cte in enumerate(own)
            if (name := cte.alias.lower()) in values
            and names.count(name) == 1
            and not cte.args["alias"].columns
        }

    def named(self, column: exp.Column) -> str:
        """Name the CTE that a column is surely of: its own SELECT has it, once, in every row."""
        select = column.find_ancestor(exp.Select, *_ELSEWHERE)
        if not isinstance(select, exp.Select) or _makes_nulls(select):
            return ""
        alias = column.table.lower()
        sources = [s for s in _sources(select) if s.alias_or_name.lower() == alias]
        if len(sources) != 1 or not isinstance(source := sources[0], exp.Table):
            return ""
        name = source.name.lower()
        is_cte = name in self._known and not source.db and self._is_behind(source, name)
        return name if is_cte and _is_kept(source, select) else ""

    def _is_behind(self, source: exp.Table, name: str) -> bool:
        """Tell whether a CTE is known where a name stands: not yet in those before it."""
        at: exp.Expr | None = source
        while at and id(at) not in self._order:
            at = at.parent
        return at is None or self._order[id(at)] > self._known[name]


def _sources(select: exp.Select) -> list[exp.Expr]:
    """List all that a SELECT's FROM gives a name to."""
    found = select.find_all(exp.Table, exp.Subquery, exp.UDTF, exp.Pivot)
    return [s for s in found if s.find_ancestor(exp.Select) is select]


def _makes_nulls(select: exp.Select) -> bool:
    """Tell whether some rows of a SELECT have no row of a source, or of a grouped column."""
    group = select.args.get("group")
    sets = group and group.find(exp.Rollup, exp.Cube, exp.GroupingSets)
    return bool(sets) or any(
        j.side in ("RIGHT", "FULL") or j.method == "POSITIONAL" for j in _joins(select)
    )


def _joins(select: exp.Select) -> list[exp.Join]:
    """List the joins of a SELECT; the parser hangs those of a bare FROM on its first table."""
    first = select.args["from_"].this if select.args.get("from_") else None
    own = [node.args.get("joins") or [] for node in (select, first) if node]
    return [join for joins in own for join in joins]


_INNER = (("", "", ""), ("", "", "INNER"), ("", "", "CROSS"))


def _is_kept(table: exp.Table, select: exp.Select) -> bool:
    """Tell whether a table's one row, as it is, meets all others of a SELECT."""
    own, alias = table.parent, table.args.get("alias")
    if table.args.get("pivots") or (alias and alias.columns):
        return False
    if isinstance(own, exp.From):
        return own.parent is select
    inner = isinstance(own, exp.Join) and (own.side, own.method, own.kind) in _INNER
    return inner and any(own is join for join in _joins(select))
