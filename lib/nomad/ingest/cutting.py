"""Makes partitions of what a source delivered in parts; publishes those that differ."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from nomad.engine import scan
from nomad.engine.instance import Session, Staged
from nomad.engine.scan import Files
from nomad.extract import cut, typed
from nomad.extract.cut import Day, Rows, Rule, Some
from nomad.hashing import digest
from nomad.ingest.completeness import Judge
from nomad.ingest.progress import note_cut, note_waiting
from nomad.ingest.wanted import Landing
from nomad.lake import pieces
from nomad.lake.pieces import Cut, Piece, Placed
from nomad.names import counted, quote
from nomad.partitions import Partition, parse
from nomad.run.fetching import types_of
from nomad.run.publisher import Recipe
from nomad.run.result import Outcome, Status
from nomad.schema import NO_ROWS

_FORM = "1"
"""Part of every recipe: raise it when cutting changes, and all is cut anew."""

_WIDE = ("exact",)
"""More of a recipe where numbers are longer than a BIGINT: these were once published as DOUBLE."""

_MANY = 3_000_000
"""More rows than that are cut year by year."""

_log = logging.getLogger(__name__)


class _Cutting(NamedTuple):
    """What there is to be cut: the pieces that are whole, and those of which partitions were made.

    A page that was there already counts as cut only if its fetch had ended by then.
    """

    landing: Landing
    session: Session
    rule: Rule
    recipe: str
    folder: Path
    there: Sequence[Piece]
    cut: Sequence[Piece]
    before: Cut
    published: Mapping[Day, str | None]

    def files(self, placed: Sequence[Placed]) -> dict[int, Files]:
        """Give the files of parts by the number of their piece; where some have columns, those."""
        told = [p for p in placed if _has_columns(p.piece)] or placed
        return pieces.files(self.landing.context.store, self.landing.table, told)

    def rows(self, placed: Sequence[Placed], among: Sequence[Placed]) -> Rows:
        """Give the rows of parts, with the columns that others have as well."""
        after = {p.piece.number: p.piece.after for p in placed}
        some = {n: Some(files, after[n]) for n, files in self.files(placed).items()}
        return cut.rows(self.session, some, self.rule, list(self.files(among).values()))


def _has_columns(piece: Piece) -> bool:
    """Tell whether anything is known of a piece's columns: JSON without a row tells none."""
    return piece.schema != NO_ROWS or piece.rows > 0


def rule_of(landing: Landing) -> Rule:
    """Read how a source is cut."""
    options = landing.source.options
    key = options.get("key") or []
    names = tuple(str(k) for k in (key if isinstance(key, list) else [key]))
    mark = str(options.get("watermark") or "")
    return Rule(landing.source.name, str(options.get("dt") or ""), names, mark)


def publish(landing: Landing, folder: Path) -> Iterator[Outcome]:
    """Publish the dates whose rows differ from what is published of them.

    Raises:
        Refused: a row has no date, or a column is not there.
        LostRace: somebody else published meanwhile.
    """
    store, table = landing.context.store, landing.table
    every = pieces.read(store, table)
    there = pieces.whole(every)
    rule, declared = rule_of(landing), types_of(landing.source)
    told = (rule.dt, rule.watermark, *rule.key, *map(repr, declared.items()))
    recipe = pieces.CUT + digest(_FORM, *told, *(_WIDE if _is_wide(there, declared) else ()))
    before = pieces.read_cut(store, table)
    cut_before = pieces.whole(p for p in every if p.number <= before.through)
    same = before.recipe == recipe and before.parts == pieces.told(pieces.live(cut_before))
    before = before if same and not landing.force else pieces.NOTHING_CUT
    published = _contents(landing, partitioned=bool(rule.dt))
    with landing.engine.session() as session:
        rule = rule._replace(types=typed.known(session, declared, rule.source))
        work = _Cutting(
            landing, session, rule, recipe, folder, there, cut_before, before, published
        )
        hashes = dict(before.days)
        is_known = not rule.dt or any(map(_has_columns, there))
        for day, staged, outcome in _cut(work) if there and is_known else ():
            hashes[_text(day)] = staged.content_hash
            if outcome:
                if outcome.result.status is Status.WAITING:
                    note_waiting(landing.context, outcome.result)
                yield outcome
    if there:
        parts = pieces.told(pieces.live(there))
        run = landing.context.run.id
        pieces.write_cut(store, table, Cut(every[-1].number, recipe, hashes, parts, run))
        _remove_superseded(work)
    note_cut(landing.context, table)


def _is_wide(there: Iterable[Piece], declared: Mapping[str, str]) -> bool:
    """Tell whether a number may be longer than a BIGINT; UBIGINT and BIGINT together are, too."""
    kinds = (*declared.values(), *(c.type for piece in there for c in piece.schema))
    return any(re.search("UBIGINT|HUGEINT", kind, re.IGNORECASE) for kind in kinds)


def _contents(landing: Landing, *, partitioned: bool) -> dict[Day, str | None]:
    """Give the content of what is published, by date."""
    lake, table = landing.context.lake, landing.table
    lake.survey(table)
    found = lake.fingerprints(table).contents(partitioned=partitioned)
    return {_day(text): content for text, content in found.items()}


_Done = tuple[Day, Staged, Outcome | None]


def _cut(work: _Cutting) -> Iterator[_Done]:
    now, was = pieces.live(work.there), pieces.live(work.cut)
    if not work.before.days:
        _refuse_unfit(work, now)
        yield from _rebuilt(work, None)
        return
    fresh, stale = _without(now, was), _without(was, now)
    made = dict(_days(work.before))
    every = made.keys() | work.published.keys()
    damaged = {d for d in every if made.get(d) != work.published.get(d)}
    affected = _affected(work, fresh, stale) if fresh or stale else {}
    if sum(affected.values()) > _MANY:
        yield from _rebuilt(work, {*affected, *damaged})
    elif affected:
        yield from _patched(work, fresh, stale, set(affected), damaged)
    elif damaged:
        yield from _rebuilt(work, damaged)


def _refuse_unfit(work: _Cutting, now: Sequence[Placed]) -> None:
    """See that pieces which are older than the declared types fit these."""
    types, told = work.rule.types, work.rule.source
    for files in work.files(now).values() if types else ():
        if typed.apart(files.schema, types):
            select, own = scan.select([files], partitioned=False), files.schema
            typed.refuse_unfit(work.session, select, own, types, told, of_json=files.is_json)


def _days(before: Cut) -> Iterator[tuple[Day, str]]:
    return ((_day(text), content) for text, content in before.days.items())


def _holds(work: _Cutting, day: Day, content: str) -> bool:
    """Tell whether a date is published as it was cut."""
    return work.published.get(day) == content


def _without(some: Sequence[Placed], others: Sequence[Placed]) -> list[Placed]:
    known = {(p.piece.number, p.part.file.name) for p in others}
    return [p for p in some if (p.piece.number, p.part.file.name) not in known]


def _affected(work: _Cutting, fresh: Sequence[Placed], stale: Sequence[Placed]) -> dict[Day, int]:
    """Name the dates whose rows differ by what came and went, and count these rows."""
    both = [*stale, *fresh]
    new, old = work.rows(fresh, both), work.rows(stale, both)
    now, was = cut.signatures(work.session, new), cut.signatures(work.session, old)
    if work.rule.dt and not all(map(cut.in_calendar, now)):
        live = pieces.live(work.there) if work.rule.key else fresh
        cut.refuse_undated(work.session, work.rows(live, live), work.rule)
    days = cut.differing(now, was)
    if stale and work.rule.key:
        days |= _overruled(work, new, now)
    if work.rule.dt:  # what has none was corrected since
        days = set(filter(cut.in_calendar, days))
    return {d: now.get(d, _NONE)[0] + was.get(d, _NONE)[0] for d in days}


_NONE = (0, 0)


def _overruled(work: _Cutting, new: Rows, now: Mapping[Day, tuple[int, int]]) -> set[Day]:
    """Name the dates on which another part's row is published of a key that has come again since.

    Of very many rows that isn't looked at: all their dates are cut anew.
    """
    if sum(count for count, _ in now.values()) > _MANY:
        return set(now)
    cut.make(work.session, "fresh", new, work.rule)
    return cut.unlike(work.session, "fresh", _base(work, now.keys(), new), new)


# Some rows of some dates -------------------------------------------------------------------------


def _patched(
    work: _Cutting,
    fresh: Sequence[Placed],
    stale: Sequence[Placed],
    affected: set[Day],
    damaged: set[Day],
) -> Iterator[_Done]:
    """Add what came to what is published, and take from it what went."""
    session, rule, now = work.session, work.rule, pieces.live(work.there)
    found, old = work.rows(fresh, now), work.rows(stale, [*stale, *now])
    cut.make(session, "fresh", found, rule, affected)
    cut.make(session, "stale", old._replace(schema=found.schema), rule, affected)
    if rule.key and stale and (gone := cut.count_gone(session, "stale", "fresh", rule)):
        _log.warning("%s: a part came again without %s that it had; their rows go",
                     work.landing.table, counted(gone, "key"))  # fmt: skip
    if not rule.stays:
        affected |= cut.holding(session, _base(work, work.published, found), "fresh", found, rule)
    if rule.key:
        lost = cut.lost_keys(session, "stale", "fresh", found, rule)
        damaged |= lost
        if lost and not rule.stays:  # the row before may be of any date
            yield from _rebuilt(work, None)
            return
    base = _base(work, affected - damaged, found)
    cut.patch(session, "cut", base, found, rule, fresh="fresh", stale="stale")
    yield from _staged(work, found, affected - damaged)
    if damaged:
        yield from _rebuilt(work, damaged)


def _base(work: _Cutting, days: Collection[Day], found: Rows) -> str:
    """Write the SELECT of what is published of some dates: the table's columns, and the date."""
    lake, table, partitioned = work.landing.context.lake, work.landing.table, bool(work.rule.dt)
    there = [lake.required(table, _partition(d)) for d in work.published if d in days]
    groups = [*lake.files(there), Files((), found.schema)]
    dated = "dt" if partitioned else "NULL::DATE"
    select = scan.select(groups, partitioned=partitioned)
    return f"SELECT {found.names}, {dated} AS {quote(found.day)} FROM ({select})"


# All rows of some dates --------------------------------------------------------------------------


def _rebuilt(work: _Cutting, days: set[Day] | None) -> Iterator[_Done]:
    """Cut dates (None: all) from all that stands."""
    now = pieces.live(work.there)
    found = work.rows(now, now)
    wanted = set(work.published) if days is None else days
    done: set[Day] = set()
    for some in _in_turn(work, found, days, sum(p.part.file.rows for p in now)):
        cut.make(work.session, "cut", some, work.rule, days)
        here = cut.days_of(work.session, "cut", found)
        if not all(map(cut.in_calendar, here)):
            cut.refuse_undated(work.session, found, work.rule)
        done.update(here)
        yield from _staged(work, found, here)
    cut.make(work.session, "cut", found.among([]), work.rule)
    yield from _staged(work, found, wanted - done)


def _in_turn(work: _Cutting, found: Rows, days: set[Day] | None, count: int) -> Iterable[Rows]:
    """Give rows as they are, or many of them year by year."""
    if count <= _MANY or not (work.rule.dt and work.rule.stays):
        return [found]
    years = cut.spread(work.session, found.among(days), work.folder / "by year")
    for year in years:
        cut.refuse_undated(work.session, year, work.rule)
    return years


def _staged(work: _Cutting, found: Rows, days: Iterable[Day]) -> Iterator[_Done]:
    """Publish dates as the table `cut` has them, unless they are published so."""
    for day in sorted(days, key=_text):
        query = cut.of_day("cut", found, day)
        path = work.folder / f"{_text(day) or 'all'}.parquet"
        staged = work.session.stage(query, found.schema, path)
        if _holds(work, day, staged.content_hash):
            path.unlink(missing_ok=True)
            yield day, staged, None
        elif waiting := _incomplete(work, day, staged):
            path.unlink(missing_ok=True)
            yield day, staged, waiting
        else:
            yield day, staged, _published(work, day, staged)


def _incomplete(work: _Cutting, day: Day, staged: Staged) -> Outcome | None:
    """Tell of a date whose rows don't meet the source's condition: it is cut anew next time."""
    landing = work.landing
    files = Files((str(staged.path),) if staged.path else (), staged.schema)
    judge = Judge(landing.context, landing.engine, landing.source)
    return judge.incomplete((landing.table, _partition(day)), [files], staged.rows)


def _published(work: _Cutting, day: Day, staged: Staged) -> Outcome:
    context, cell = work.landing.context, (work.landing.table, _partition(day))
    over = context.lake.over(*cell, healing=True)
    manifest = context.publisher.describe(cell, [staged], Recipe(work.recipe))
    files = [staged.path] if staged.path else []
    why = "its rows changed" if over else "new rows"
    work.landing.extent.budget.heed()
    return context.outcome(context.publisher.publish(manifest, files, over), why)


def _remove_superseded(work: _Cutting) -> None:
    """Take away pieces of which nothing stands; the last one stays, for what it says."""
    standing = {p.piece.number for p in pieces.live(work.there)}
    for pages in pieces.fetches(work.there):
        if pages[-1] is not work.there[-1] and not any(p.number in standing for p in pages):
            for piece in pages:
                pieces.remove(work.landing.context.store, work.landing.table, piece)


def _partition(day: Day) -> Partition | None:
    return Partition(day) if day else None


def _day(text: str | None) -> Day:
    partition = parse(text or None)
    return partition and partition.start


def _text(day: Day) -> str:
    return str(Partition(day)) if day else ""
