"""Tell queries to which the date is but a name: what they read for one date, they read for any.

Where the date stands beside `dt =` alone, and `dt` is only ever compared with the date or another
`dt`, grouped by, or passed on, to swap two dates in the data and in the query changes nothing but
those two dates in the answer. So what is known of one date is known of all. In doubt, no.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from nomad.partitions import COLUMN
from nomad.sqlfile.variables import SENTINEL


def same_day(tree: exp.Expr) -> bool:
    """Tell whether a query treats all dates alike.

    Example:
        >>> import sqlglot
        >>> same_day(sqlglot.parse_one(f"select dt, a from t where dt = '{SENTINEL}'"))
        True
        >>> same_day(sqlglot.parse_one(f"select dt, a from t where dt <= '{SENTINEL}'"))
        False
    """
    nodes = list(tree.walk())
    relations = {n.alias_or_name.lower() for n in nodes if isinstance(n, exp.Table | exp.CTE)}
    relations |= {n.alias.lower() for n in nodes if isinstance(n, exp.Subquery)}
    return isinstance(tree, exp.Select) and all(_alike(n, relations) for n in nodes)


def _is_dt(node: object) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() == COLUMN


def _is_date(node: object) -> bool:
    """Know the partition's date, as a text or a DATE."""
    if isinstance(node, exp.Cast) and node.is_type("date"):
        node = node.this
    return isinstance(node, exp.Literal) and node.is_string and node.name == SENTINEL


def _compared(date: exp.Expr) -> bool:
    """Tell whether the date stands on one side of `=`, and a `dt` on the other."""
    value = date.parent if isinstance(date.parent, exp.Cast) else date
    asked = value.parent if value is not None else None
    return _is_date(value) and isinstance(asked, exp.EQ) and _is_equality(asked)


def _is_equality(asked: exp.EQ) -> bool:
    sides = (asked.left, asked.right)
    return any(map(_is_dt, sides)) and all(_is_dt(s) or _is_date(s) for s in sides)


def _passed_on(dt: exp.Column) -> bool:
    """Tell whether a `dt` is compared for equality, grouped by, or passed on by its name."""
    match dt.parent:
        case exp.EQ() as asked:
            return _is_equality(asked)
        case exp.Alias() as named:
            return named.alias.lower() == COLUMN and isinstance(named.parent, exp.Select)
        case exp.Window():
            return dt.arg_key == "partition_by"
    return isinstance(dt.parent, exp.Select | exp.Group)


def _is_relation(select: exp.Select) -> bool:
    """Tell a query that is read as a table from one whose value is computed with."""
    parent = select.parent
    if isinstance(parent, exp.Subquery):
        parent = parent.parent
        return parent is None or isinstance(parent, exp.From | exp.Join)
    return parent is None or isinstance(parent, exp.CTE)


def _is_plain(star: exp.Star) -> bool:
    """Tell a `*` that passes on each column as it is, or counts rows."""
    parent = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
    changed = star.args.get("replace") or star.args.get("rename")
    return not changed and isinstance(parent, exp.Select | exp.Count)


def _means_a_column(node: exp.Column, relations: set[str]) -> bool:
    """Refuse a whole row as a value: it has the date in it."""
    if isinstance(node.this, exp.Star):
        return True
    return _passed_on(node) if _is_dt(node) else node.name.lower() not in relations


def _names_no_date(node: exp.Expr, _: object) -> bool:
    return SENTINEL not in node.name or _compared(node)


_RULES: dict[type[exp.Expr], Callable[[Any, set[str]], bool]] = {
    exp.Literal: _names_no_date,
    exp.Identifier: _names_no_date,
    exp.Column: _means_a_column,
    exp.Alias: lambda node, _: node.alias.lower() != COLUMN or _is_dt(node.this),
    exp.Select: lambda node, _: _is_relation(node),
    exp.Star: lambda node, _: _is_plain(node),
    exp.Table: lambda node, _: not isinstance(node.this, exp.Func),
    exp.TableAlias: lambda node, _: not node.columns,
    exp.Join: lambda node, _: node.method.upper() != "ASOF",
    **dict.fromkeys(
        (exp.Union, exp.Except, exp.Intersect, exp.Pivot, exp.Values, exp.Unnest, exp.Lateral,
         exp.Columns, exp.Placeholder),
        lambda _, __: False,
    ),
}  # fmt: skip
"""What must be so of each kind of node; the last ones may hand on a `dt` by another name."""


def _alike(node: exp.Expr, relations: set[str]) -> bool:
    rule = _RULES.get(type(node))
    return rule is None or rule(node, relations)
