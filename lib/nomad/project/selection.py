"""Words like `dwd_*`, `+x`, `ads` or `tag:nightly` into tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from nomad.errors import EmptySelection
from nomad.names import RAW, TableName, did_you_mean
from nomad.project.project import Project

_TAG = "tag:"
_TERM = r"(?P<up>\d*\+)?(?P<what>[^+]+)(?P<down>\+\d*)?"


def select(
    project: Project, words: Sequence[str], *, exclude: Sequence[str] = ()
) -> frozenset[TableName]:
    """Name the tables that the words select; no words select all.

    Within a word a comma means *and*; several words (or a space) mean *or*.

    Raises:
        EmptySelection: a word, or what is left after `exclude`, matches nothing.
    """
    asked = _split(words)
    if words and not asked:
        raise EmptySelection(
            "the selection is empty text", hint="leave it out to select all tables"
        )
    chosen = _any(project, asked) if asked else frozenset(project.tables)
    left = chosen - _any(project, _split(exclude))
    if not left:
        raise EmptySelection("nothing is selected", hint="see what there is with `nomad ls`")
    return left


def _split(words: Iterable[str]) -> list[str]:
    return [w for word in words for w in word.split()]


def _any(project: Project, words: Iterable[str]) -> frozenset[TableName]:
    return frozenset().union(*(_all(project, w) for w in words))


def _all(project: Project, word: str) -> frozenset[TableName]:
    found = [_term(project, part) for part in word.split(",") if part]
    both = frozenset.intersection(*found) if found else frozenset()
    if not both:
        raise EmptySelection(f"`{word}` selects no table", hint=_hint(project, word))
    return both


def _tagged(project: Project, tag: str) -> frozenset[TableName]:
    """Name the tables whose contract bears a tag."""
    return frozenset(
        n for n, tags in _tags(project).items() if any(fnmatchcase(t, tag) for t in tags)
    )


def _tags(project: Project) -> dict[TableName, tuple[str, ...]]:
    return {n: t.contract.tags for n, t in project.tables.items() if t.contract}


def _hint(project: Project, word: str) -> str:
    for part in word.split(","):
        if (match := re.fullmatch(_TERM, part)) and match["what"].startswith(_TAG):
            return _hint_of_tag(project, match["what"].removeprefix(_TAG))
        if match and (source := _source(project, match["what"])):
            return f"`{source}` is a source: `nomad extract {source}` lands it"
    plain = word.strip("+0123456789/")
    known = [*(str(n) for n in project.tables), *(n.name for n in project.tables)]
    near = did_you_mean(plain, [*known, *project.config.layers])
    return near or "see what there is with `nomad ls`"


def _source(project: Project, word: str) -> str | None:
    """Name the source that a word means: `price`, or `raw.price`."""
    bare = word.lower().removeprefix(f"{RAW}.")
    return next((s for s in project.config.sources if s.lower() == bare), None)


def _hint_of_tag(project: Project, tag: str) -> str:
    known = sorted({t for tags in _tags(project).values() for t in tags})
    if not known:
        return "no contract has `tags:`"
    return did_you_mean(tag, known) or f"there is: {', '.join(known)}"


def _term(project: Project, term: str) -> frozenset[TableName]:
    match = re.fullmatch(_TERM, term)
    if match is None:
        return frozenset()
    base = _matching(project, match["what"])
    above = _walk(base, _inputs(project), _depth(match["up"], "+"))
    below = _walk(base, lambda n: project.readers.get(n, ()), _depth(match["down"], "+"))
    return base | above | below


def _depth(mark: str | None, plus: str) -> int:
    """Read how many steps `+`, `2+` or `+2` allow; no mark allows none."""
    if mark is None:
        return 0
    number = mark.replace(plus, "")
    return int(number) if number else 1_000_000


def _inputs(project: Project) -> Callable[[TableName], Iterable[TableName]]:
    return lambda n: project.tables[n].inputs if n in project.tables else ()


def _walk(
    start: frozenset[TableName], step: Callable[[TableName], Iterable[TableName]], depth: int
) -> frozenset[TableName]:
    seen, edge = set(start), set(start)
    while edge and depth:
        edge = {m for n in edge for m in step(n) if m.layer != "raw"} - seen
        seen |= edge
        depth -= 1
    return frozenset(seen)


def _matching(project: Project, what: str) -> frozenset[TableName]:
    """Match a tag, a layer (`ods`, `ods/`), a path, a table or a glob."""
    if what.startswith(_TAG):
        return _tagged(project, what.removeprefix(_TAG))
    word = what.removeprefix("path:").removeprefix("sql/").rstrip("/").lower()
    if what.startswith("path:") or "/" in word:
        inside = f"sql/{word}".removesuffix(".sql")
        return frozenset(
            t.name
            for t in project.tables.values()
            if f"{t.sql.path.lower().removesuffix('.sql')}/".startswith(f"{inside}/")
        )
    return frozenset(
        n
        for n in project.tables
        if word == n.layer.lower()
        or fnmatchcase(n.name.lower(), word)
        or fnmatchcase(str(n).lower(), word)
    )
