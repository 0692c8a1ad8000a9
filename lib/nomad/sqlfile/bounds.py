"""Say why no date bounds what a query reads: by its text, for people. It decides nothing."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from nomad.errors import SqlFileError
from nomad.partitions import COLUMN
from nomad.sqlfile.references import parse_one


def unbounded_by(query: str) -> str:
    """Name what lets no filter on `dt` through to what is read.

    Example:
        >>> unbounded_by("select a from t")
        'nothing in it bounds `dt`'
        >>> unbounded_by("select lag(v) over (order by dt) from t where dt = '2024-01-02'")
        'no filter on `dt` comes through a window over dates'
    """
    try:
        tree = parse_one(query, path="query")
    except SqlFileError:
        return _IN_GENERAL
    if not any(map(_bounds, tree.find_all(exp.Column))):
        return "nothing in it bounds `dt`"
    found = next((name for name, is_there in _OBSTACLES if is_there(tree)), None)
    return f"no filter on `dt` comes through {found}" if found else _IN_GENERAL


_IN_GENERAL = "no filter on `dt` comes through to it"


def _is_dt(node: object) -> bool:
    return isinstance(node, exp.Column) and node.name.lower() == COLUMN


def _bounds(column: exp.Column) -> bool:
    """Tell whether something is asked of a `dt`; it may just be passed on."""
    asked = column.find_ancestor(exp.Predicate, exp.Where, exp.Having, exp.Join)
    return _is_dt(column) and asked is not None


def _over_dates(tree: exp.Expr) -> bool:
    """Know a window whose rows are of more than one `dt`."""
    windows = tree.find_all(exp.Window)
    return any(not any(map(_is_dt, w.args.get("partition_by") or [])) for w in windows)


def _is_dynamic(pivot: exp.Pivot) -> bool:
    columns = (*pivot.expressions, *(pivot.args.get("fields") or []))
    return not pivot.args.get("unpivot") and not any(isinstance(c, exp.In) for c in columns)


def _with_a_subquery(tree: exp.Expr) -> bool:
    asked = tree.find_all(exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between)
    return any(_is_dt(node.this) and node.find(exp.Query) is not None for node in asked)


def _with_a_column(tree: exp.Expr) -> bool:
    return any(
        _is_dt(side) and other.find(exp.Column)
        for node in tree.find_all(exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
        for side, other in ((node.left, node.right), (node.right, node.left))
    )


_OBSTACLES: tuple[tuple[str, Callable[[exp.Expr], object]], ...] = (
    ("a PIVOT without `in (…)`", lambda tree: any(map(_is_dynamic, tree.find_all(exp.Pivot)))),
    ("a window over dates", _over_dates),
    ("`distinct on`", lambda tree: any(d.args.get("on") for d in tree.find_all(exp.Distinct))),
    ("an ASOF join", lambda tree: any(j.method.upper() == "ASOF" for j in tree.find_all(exp.Join))),
    ("a rollup", lambda tree: tree.find(exp.Rollup, exp.Cube, exp.GroupingSets)),
    ("a limit", lambda tree: tree.find(exp.Limit)),
    ("`exists`", lambda tree: tree.find(exp.Exists)),
    ("a comparison of `dt` with a subquery", _with_a_subquery),
    ("a comparison of `dt` with another column", _with_a_column),
)
