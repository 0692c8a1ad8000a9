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
            for each in self._inputs_first(name):
                found = self._of_source(each) if each.layer == RAW else self._of_table(each)
                self._known[each] = frozenset(c for c in found if not self._is_made_of(c, each))
        return self._known[name]

    def _inputs_first(self, name: TableName) -> list[TableName]:
        """Name what is not known yet of a table and all that it goes by, each after its inputs."""
        order, left = dict[TableName, None](), [name]
        while left:
            inputs = self._goes_by(left[-1])
            lacking = [i for i in inputs if i not in self._known and i not in order]
            left += lacking
            if not lacking:
                order[left.pop()] = None
        return list(order)

    def _of_source(self, name: TableName) -> Iterable[Calendar]:
        source = self._config.sources[name.name]
        if (told := source.options.get("calendar")) is not None:
            return _named(calendar_of(told, source.origin))
        return _named(self._config.calendar)

    def _of_table(self, name: TableName) -> Iterable[Calendar]:
        contract, inputs = self._project.tables[name].contract, self._goes_by(name)
        if contract and contract.calendar:
            return _named(contract.calendar)
        if not inputs:
            return _named(self._config.calendar)
        return (c for i in inputs for c in self._known[i])

    def _goes_by(self, name: TableName) -> list[TableName]:
        """Name the inputs by date of a table that has no calendar of its own."""
        table = None if name.layer == RAW else self._project.tables[name]
        if table is None or (table.contract and table.contract.calendar):
            return []
        return [i for i in table.inputs if i != name and self._project.partitioned(i)]

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


def named_in(config: Config, project: Project) -> list[Calendar]:
    """Give all calendars that nomad.yaml and contracts name, each once."""
    sources = [s for s in config.sources.values() if s.options.get("calendar") is not None]
    told = [calendar_of(s.options["calendar"], s.origin) for s in sources]
    contracts = (t.contract for t in project.tables.values())
    found = (config.calendar, *told, *(c.calendar for c in contracts if c))
    return list(dict.fromkeys(c for each in found for c in _named(each)))


def _named(calendar: Calendar | None) -> tuple[Calendar, ...]:
    """Give a calendar, if there is one and it is not `none`."""
    return () if calendar is None or calendar.of is Of.NONE else (calendar,)
