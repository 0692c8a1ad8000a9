"""Which calendars a table or a source goes by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from nomad.config.calendars import Calendar, Of, calendar_of
from nomad.config.config import Config
from nomad.names import RAW, TableName
from nomad.project.project import Project

Reads = Callable[[Calendar], frozenset[TableName]]
"""Names the tables and sources that a calendar is read from."""


class Calendars:
    """Finds the calendars of tables and sources.

    A source goes by its own, or else by the project's; a table by its contract's, or else by all
    those of its inputs by date, or the project's where it has no such input. What a calendar is
    made of is not subject to it. The project is asked for where that is needed.
    """

    def __init__(self, config: Config, project: Callable[[], Project], reads: Reads) -> None:
        self._config, self._open, self._reads = config, project, reads
        self._known: dict[TableName, frozenset[Calendar]] = {}
        self._below: dict[Calendar, frozenset[TableName]] = {}

    @cached_property
    def _project(self) -> Project:
        return self._open()

    def of(self, name: TableName) -> frozenset[Calendar]:
        """Give the calendars that a date must be in to be due; of none, every date is."""
        if name not in self._known:
            found = self._of_source(name) if name.layer == RAW else self._of_table(name)
            self._known[name] = frozenset(c for c in found if not self._is_made_of(c, name))
        return self._known[name]

    def _of_source(self, name: TableName) -> Iterable[Calendar]:
        source = self._config.sources[name.name]
        if (told := source.options.get("calendar")) is not None:
            return _named(calendar_of(told, source.origin))
        return _named(self._config.calendar)

    def _of_table(self, name: TableName) -> Iterable[Calendar]:
        table = self._project.tables[name]
        if table.contract and table.contract.calendar:
            return _named(table.contract.calendar)
        dated = [i for i in table.inputs if i != name and self._project.partitioned(i)]
        if not dated:
            return _named(self._config.calendar)
        return (c for i in dated for c in self.of(i))

    def _is_made_of(self, calendar: Calendar, name: TableName) -> bool:
        if calendar.of is Of.FILE:
            return False
        if calendar not in self._below:
            self._below[calendar] = self._ancestors(self._reads(calendar))
        return name in self._below[calendar]

    def _ancestors(self, names: Iterable[TableName]) -> frozenset[TableName]:
        """Name some tables and sources with all that they descend from."""
        found, left = set[TableName](), list(names)
        while left:
            if (name := left.pop()) not in found:
                found.add(name)
                table = self._project.tables.get(name)
                left += table.inputs if table else ()
        return frozenset(found)


def _named(calendar: Calendar | None) -> tuple[Calendar, ...]:
    """Give a calendar, if there is one and it is not `none`."""
    return () if calendar is None or calendar.of is Of.NONE else (calendar,)
