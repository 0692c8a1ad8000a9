"""The same query in plainer words, so that DuckDB's optimizer sees its filters. Never run.

Names are put in by their tokens: all else stays the author's own text. In doubt, nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType

_OPEN, _CLOSE = TokenType.L_PAREN, TokenType.R_PAREN
_BEHIND_A_SOURCE = {"ON", "USING", "GROUP", "ORDER", "LIMIT"}
_SETS = {"UNION", "EXCEPT", "INTERSECT"}
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
    tokens = _tokens(query)
    values = _constants(tokens, query)
    try:
        tree = sqlglot.parse_one(query, read="duckdb") if values else None
    except SqlglotError:
        return None
    if tree is None:
        return None
    aliases = {a: values[c] for a, c in _aliases(tree, values).items()}
    text = query
    for first, last, value in reversed(list(_places(tokens, aliases))):
        text = f"{text[: tokens[first].start]}({value}){text[tokens[last].end + 1 :]}"
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
    """Read `value as column, …`; nothing where a value is more than a constant."""
    found: dict[str, str] = {}
    at = 0
    while at < len(tokens):
        end = _until(tokens, at, {","})
        if _word(tokens, end - 2) != "AS" or end - 2 <= at:
            return {}
        value = query[tokens[at].start : tokens[end - 3].end + 1]
        if not _is_constant(value):
            return {}
        found[tokens[end - 1].text.lower()] = value
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


def _aliases(tree: exp.Expr, values: Mapping[str, object]) -> dict[str, str]:
    """Name what stands for a CTE of constants, where its row is never made NULL by a join."""
    ctes = list(tree.find_all(exp.CTE))
    names = [cte.alias.lower() for cte in ctes]
    found: dict[str, str] = {}
    others = {n.alias.lower() for n in tree.find_all(exp.Subquery, exp.Lateral, exp.Unnest)}
    others |= {n.name.lower() for n in tree.find_all(exp.Column) if not n.table}
    for table in tree.find_all(exp.Table):
        name, alias = table.name.lower(), table.alias_or_name.lower()
        if name in values and not table.db and names.count(name) == 1 and _is_kept(table):
            found[alias] = name
        else:
            others.add(alias)
    return {a: n for a, n in found.items() if a not in others and (a == n or a not in names)}


_INNER = (("", "", ""), ("", "", "INNER"), ("", "", "CROSS"))


def _is_kept(table: exp.Table) -> bool:
    """Tell whether a table's one row meets all others: no outer join makes NULL of it."""
    select, own = table.find_ancestor(exp.Select), table.parent
    joins = (select.args.get("joins") or []) if select else []
    if any(j.side in ("RIGHT", "FULL") or j.method == "POSITIONAL" for j in joins):
        return False
    joined = isinstance(own, exp.Join) and (own.side, own.method, own.kind) in _INNER
    renamed = bool(table.args["alias"].columns) if table.args.get("alias") else False
    return (joined or isinstance(own, exp.From)) and not renamed


def _places(
    tokens: Sequence[Token], aliases: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[int, int, str]]:
    """Give where `alias.column` stands, as first and last token, and its value."""
    for i, token in enumerate(tokens[:-2]):
        columns = aliases.get(token.text.lower(), {})
        dotted = tokens[i + 1].token_type == TokenType.DOT and _word(tokens, i - 1) != "."
        value = columns.get(tokens[i + 2].text.lower())
        followed = _word(tokens, i + 3) in {".", "(", "["}
        if dotted and value and not followed and token.token_type != TokenType.STRING:
            yield i, i + 2, value
