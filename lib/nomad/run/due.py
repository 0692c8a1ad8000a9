"""On which dates tables and sources are due, as of now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from nomad.config.calendars import Calendar, Of
from nomad.errors import ConfigError, NomadError
from nomad.names import TableName
from nomad.plan.due import Days, Due, DueDates
from nomad.project.calendars import Calendars, named_in
from nomad.run.calendars import MadeOf, days_of
from nomad.workspace import Workspace


def due_dates(workspace: Workspace, dates: Sequence[date]) -> DueDates:
    """Say when tables and sources are due; warn where the dates lie beyond a calendar's ends."""
    return _Due(workspace, dates).of


def tell_empty(workspace: Workspace, calendar: Calendar) -> None:
    """Say that a calendar holds no date, so that each is due."""
    what = f"the calendar {calendar} holds no date: each date is due"
    hint = "`nomad daily` lands and builds it again, once its source brings dates"
    workspace.tell_once(ConfigError(what, where=calendar.origin, hint=hint))


def tell_of_built(workspace: Workspace, built: Collection[TableName]) -> None:
    """Tell of each calendar that was just built anew, and is of no use to the next run."""
    made_of = MadeOf(workspace)
    for calendar in named_in(workspace.config, workspace.project):
        try:
            anew = calendar.of is not Of.FILE and made_of.tables(calendar) & set(built)
            days = days_of(workspace, calendar, made_of) if anew else None
        except NomadError as e:
            workspace.tell_once(e)
            continue
        if days and not days.days:
            tell_empty(workspace, calendar)


class _Due:
    """Reads each calendar when it is first needed."""

    def __init__(self, workspace: Workspace, dates: Sequence[date]) -> None:
        self._workspace, self._dates = workspace, dates
        self._made_of = MadeOf(workspace)
        self._calendars = Calendars(
            workspace.config, lambda: workspace.project, self._made_of.tables
        )
        self._days: dict[Calendar, Days | None] = {}

    def of(self, name: TableName) -> Due:
        """Give the dates on which a table or a source is due.

        Raises:
            ConfigError: what a calendar names is not there, or holds what is no date.
        """
        found = [self._of(c) for c in sorted(self._calendars.of(name), key=str)]
        return Due(tuple(days for days in found if days and days.days))

    def _of(self, calendar: Calendar) -> Days | None:
        if calendar not in self._days:
            days = self._days[calendar] = days_of(self._workspace, calendar, self._made_of)
            if days and not days.days:
                tell_empty(self._workspace, calendar)
            elif days and self._dates:
                self._warn(calendar, days)
        return self._days[calendar]

    def _warn(self, calendar: Calendar, days: Days) -> None:
        """Say of dates beyond the ends of a calendar that it doesn't know them."""
        if max(self._dates) > days.last:
            self._tell(calendar, f"ends with {days.last}: each date after it is due")
        if min(self._dates) < days.first:
            self._tell(calendar, f"begins with {days.first}: each date before it is due")

    def _tell(self, calendar: Calendar, what: str) -> None:
        fault = ConfigError(f"the calendar {calendar} {what}", where=calendar.origin)
        self._workspace.tell_once(fault)
