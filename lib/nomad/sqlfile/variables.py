"""Variables: text in, text out, before anything is parsed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from nomad.errors import SqlFileError
from nomad.names import did_you_mean
from nomad.partitions import Partition
from nomad.sqlfile.lexing import pieces

DATE = "PARTITION_DATE"
SENTINEL = "0001-11-29"
"""Stands for the partition's date in a parsed file: same length, same tokens as any date."""

_NAME = re.compile(r"\$<([A-Za-z_]\w*)>|\$\{([A-Za-z_]\w*)\}")
_UNFIT = r"['\";]|--|/\*|\*/|[\r\n]"


def dated(text: str, partition: Partition | None) -> str:
    """Put a partition's date where the sentinel stands."""
    return text.replace(SENTINEL, str(partition)) if partition else text


def undated(text: str) -> str:
    """Put the date's name where the sentinel stands, for who wrote it."""
    return text.replace(SENTINEL, f"$<{DATE}>")


def render(text: str, variables: Mapping[str, str], *, path: str, sql: bool = True) -> str:
    """Replace `$<NAME>` and `${NAME}` outside comments; the date becomes the sentinel.

    Names are matched without regard to case; `variables` has them in upper case, and a value may
    name others. In `sql` the date must stand in quotes; other text has neither quotes nor comments.

    Raises:
        SqlFileError: a variable nobody defined, a value that could change the statement, or a
            quote or a comment that is never closed.

    Example:
        >>> render("select $<X> -- $<Y>", {"X": "1"}, path="a.sql")
        'select 1 -- $<Y>'
    """
    known = _Variables(variables, text, path)
    if not sql or not _NAME.search(text):
        return _NAME.sub(lambda m: known.value(m, 0), text)
    done: list[str] = []
    at = 0
    for kind, begin, end in pieces(text, path=path):
        if kind == "quoted":
            done += text[at:begin], known.within(text[begin:end], begin)
        elif kind == "variable":
            done += text[at:begin], known.bare(text[begin:end], begin)
        else:
            continue
        at = end
    return "".join((*done, text[at:]))


def named(text: str) -> set[str]:
    """Give the variables that a text names, in upper case.

    Example:
        >>> named("select $<day>")
        {'DAY'}
    """
    return {(a or b).upper() for a, b in _NAME.findall(text)}


_SPELLED = f"$<{DATE}:"


def names_date(text: str, variables: Mapping[str, str]) -> bool:
    """Tell whether a text holds the partition's date, itself or in the value of a variable.

    Example:
        >>> names_date("in/${day}.csv", {"DAY": "$<PARTITION_DATE>"}), names_date("in/${day}", {})
        (True, False)
    """
    wanted, known = [text], set[str]()
    while wanted:
        looked = wanted.pop().upper()
        names = {a or b for a, b in _NAME.findall(looked)}
        if DATE in names or _SPELLED in looked:
            return True
        wanted += [variables[n] for n in names - known if n in variables]
        known |= names
    return False


class _Variables(NamedTuple):
    known: Mapping[str, str]
    text: str
    path: str

    def within(self, quoted: str, begin: int) -> str:
        """Replace all names in a quoted text."""
        return _NAME.sub(lambda m: self.value(m, begin), quoted)

    def bare(self, spelled: str, begin: int) -> str:
        """Replace a name outside quotes; the date would be a subtraction there."""
        value = self.within(spelled, begin)
        if SENTINEL not in value:
            return value
        opened = self._unclosed(begin, begin + len(spelled))
        if opened is not None:
            raise SqlFileError("a quote opened here is never closed", where=self._at(opened))
        raise SqlFileError(
            f"`{spelled}` outside quotes would be a subtraction",
            where=self._at(begin),
            hint=f"write '{spelled}'",
        )

    def value(self, match: re.Match[str], begin: int, inside: tuple[str, ...] = ()) -> str:
        """Give what stands for a name; `inside` are those whose values led to it."""
        name = (match[1] or match[2]).upper()
        if name == DATE:
            return SENTINEL
        self._refuse(name, begin, inside)
        return _NAME.sub(lambda m: self.value(m, begin, (*inside, name)), self.known[name])

    def _refuse(self, name: str, begin: int, inside: tuple[str, ...]) -> None:
        if name not in self.known:
            raise SqlFileError(
                f"variable `{name}` is not defined",
                where=self._at(begin),
                hint=did_you_mean(name, [DATE, *self.known])
                or f"define it under `vars:` in nomad.yaml, or give `--var {name}=…`",
            )
        if name in inside:
            raise SqlFileError(
                f"the values of variables need each other: {' → '.join((*inside, name))}",
                where=self._at(begin),
            )
        if bad := re.search(_UNFIT, self.known[name]):
            raise SqlFileError(
                f"the value of variable `{name}` holds {bad[0]!r}",
                where=self._at(begin),
                hint="a value goes in as text: no quote, semicolon, comment mark or line break",
            )

    def _unclosed(self, begin: int, end: int) -> int | None:
        """Find the quote that took the one before a date, which is in quotes, for its end."""
        if (self.text[begin - 1 : begin], self.text[end : end + 1]) != ("'", "'"):
            return None
        found = pieces(self.text[:begin], path=self.path)
        quoted = [(b, e) for kind, b, e in found if kind == "quoted"]
        if quoted[-1] == (begin - 2, begin):
            return None
        return next((b for b, e in quoted if "\n" in self.text[b:e]), quoted[-1][0])

    def _at(self, begin: int) -> str:
        return f"{self.path}:{self.text.count(chr(10), 0, begin) + 1}"
