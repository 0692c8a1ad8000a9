"""What a catalog file was made from, kept in the file: what is the same need not be made again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nomad.catalog.migrations import META
from nomad.engine.instance import Session
from nomad.names import literal


@dataclass(frozen=True)
class State:
    """The frame (all that touches every table), and a token each for tables and journals.

    An empty token is never the same as another.
    """

    frame: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)
    journals: Mapping[str, str] = field(default_factory=dict)


def read(session: Session) -> State:
    """Read what a file says of itself.

    Raises:
        QueryFailed: it says nothing.
    """
    rows = session.execute(f"SELECT kind, name, token FROM {META}.made_from")
    parts: dict[str, dict[str, str]] = {"frame": {}, "table": {}, "journal": {}}
    for kind, name, token in rows:
        parts[kind][name] = token
    return State(parts["frame"].get("", ""), parts["table"], parts["journal"])


def write(session: Session, state: State) -> None:
    """Write it, in the place of what was there."""
    table = f"CREATE OR REPLACE TABLE {META}.made_from (kind VARCHAR, name VARCHAR, token VARCHAR)"
    rows = [
        ("frame", "", state.frame),
        *(("table", *item) for item in state.tables.items()),
        *(("journal", *item) for item in state.journals.items()),
    ]
    values = ", ".join(f"({', '.join(literal(w) for w in row)})" for row in rows)
    session.run([table, f"INSERT INTO {META}.made_from VALUES {values}"])


def changed(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Name what is new or not the same, or of which nobody can tell."""
    return [n for n, token in now.items() if not token or before.get(n) != token]


def gone(now: Iterable[str], before: Mapping[str, str]) -> list[str]:
    """Name what is no longer there."""
    return sorted(set(before) - set(now))
