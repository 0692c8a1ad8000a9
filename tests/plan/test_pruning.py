"""What DuckDB says a query can read is never a partition too few, and bounded where one hopes."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import rarely
from nomad.cache import Cache
from nomad.dates import Span
from nomad.engine import scan
from nomad.engine.instance import Engine, Settings, View
from nomad.names import TableName
from nomad.partitions import Partition
from nomad.plan.explained import _split
from nomad.plan.pruning import Pruner, Relation
from nomad.schema import Column
from nomad.sqlfile.parsing import parse
from nomad.sqlfile.variables import SENTINEL

P, Q = TableName("ods", "p"), TableName("ods", "q")
COLUMNS = (Column("id", "INTEGER"), Column("k", "VARCHAR"), Column("v", "INTEGER"))
D = "2024-01-10"
DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(20)]

ONE = ("2024-01-10", "2024-01-10")
BEFORE = (None, "2024-01-09")
WEEK = ("2024-01-04", "2024-01-10")
ALL = (None, None)

CORPUS = {
    "one day": (f"select * from ods.p where dt = '{D}'", [ONE]),
    "through a CTE": (f"with a as (select * from ods.p) select * from a where dt = '{D}'", [ONE]),
    "before": (f"select * from ods.p where dt < '{D}'", [BEFORE]),
    "not after": (f"select * from ods.p where not dt >= '{D}'", [BEFORE]),
    "between": (f"select * from ods.p where dt between date '{D}' - 6 and '{D}'", [WEEK]),
    "an interval": (
        f"select * from ods.p where dt >= date '{D}' - interval 6 day and dt <= '{D}'",
        [WEEK],
    ),
    "a list": (
        "select * from ods.p where dt in ('2024-01-03', '2024-01-05')",
        [("2024-01-03", "2024-01-03"), ("2024-01-05", "2024-01-05")],
    ),
    "a month by its name": (
        "select * from ods.p where strftime(dt, '%Y-%m') = '2024-01'",
        [("2024-01-01", "2024-01-31")],
    ),
    "two scans": (
        f"select * from ods.p where dt = '{D}' union all"
        " select * from ods.p where dt < '2024-01-03'",
        [(None, "2024-01-02"), ONE],
    ),
    "a join on dt": (f"select * from ods.p join ods.q using (id, dt) where dt = '{D}'", [ONE]),
    "a left join": (
        f"select p.id, q.v from ods.p as p left join ods.q as q on p.id = q.id and p.dt = q.dt"
        f" where p.dt = '{D}'",
        [ONE],
    ),
    "the inner side of a left join": (
        f"select q.id, p.v from ods.q as q left join ods.p as p on p.id = q.id and p.dt = '{D}'"
        f" where q.dt = '{D}'",
        [ONE],
    ),
    "a right join": (
        f"select p.id, q.v from ods.p as p right join ods.q as q on p.id = q.id and p.dt = q.dt"
        f" where q.dt = '{D}'",
        [ONE],
    ),
    "a right join by its columns' names": (
        f"select id, p.v from ods.p as p right join ods.q as q using (id, dt) where dt = '{D}'",
        [ONE],
    ),
    "a semi join by its columns' names": (
        f"select id from ods.q as q semi join ods.p as p using (id, dt) where dt = '{D}'",
        [ALL],
    ),
    "a full join": (
        f"select p.id, q.id from (select * from ods.p where dt = '{D}') as p"
        f" full join (select * from ods.q where dt = '{D}') as q on p.id = q.id",
        [ONE],
    ),
    "a condition on the outer side of a full join": (
        f"select p.id, q.id from ods.p as p full join ods.q as q on p.id = q.id and p.dt = '{D}'",
        [ALL],
    ),
    "an aggregate": (f"select k, sum(v) as s from ods.p where dt = '{D}' group by k", [ONE]),
    "having": (f"select dt, sum(v) as s from ods.p group by dt having dt = '{D}'", [ONE]),
    "a window by date": (
        f"select * from (select id, dt, sum(v) over (partition by dt) as s from ods.p)"
        f" where dt = '{D}'",
        [ONE],
    ),
    "a window over dates": (
        f"select * from (select id, dt, lag(v) over (partition by id order by dt, v) as l"
        f" from ods.p) where dt = '{D}'",
        [ALL],
    ),
    "distinct on": (
        f"select * from (select distinct on (id) id, dt, v from ods.p order by id, dt, v)"
        f" where dt = '{D}'",
        [ALL],
    ),
    "a limit": (
        f"select * from (select * from ods.p order by dt, id, v, k limit 30) where dt <= '{D}'",
        [ALL],
    ),
    "order and limit on top": (
        f"select * from ods.p where dt <= '{D}' order by id, dt, v, k limit 5",
        [(None, "2024-01-10")],
    ),
    "a rollup": (
        f"select * from (select dt, k, sum(v) as s from ods.p group by rollup (dt, k))"
        f" where dt = '{D}'",
        [ALL],
    ),
    "asof": (
        f"select q.id, p.v from ods.q as q asof join"
        f" (select id, dt, max(v) as v from ods.p group by all) as p"
        f" on q.id = p.id and q.dt >= p.dt where q.dt = '{D}'",
        [ALL],
    ),
    "a positional join": (
        f"select count(*) as n from (select * from ods.p where dt = '{D}') positional join"
        f" (select * from ods.q where dt = '{D}')",
        [ONE],
    ),
    "correlated": (
        f"select id, (select max(p.v) from ods.p as p where p.id = q.id and p.dt = '{D}') as m"
        f" from ods.q as q where q.dt = '{D}'",
        [ONE],
    ),
    "exists": (
        f"select id from ods.q as q where dt = '{D}' and exists"
        f" (select 1 from ods.p as p where p.id = q.id and p.dt = q.dt)",
        [ALL],
    ),
    "exists, with the date said twice": (
        f"select id from ods.q as q where dt = '{D}' and exists"
        f" (select 1 from ods.p as p where p.id = q.id and p.dt = '{D}')",
        [ONE],
    ),
    "not in": (
        f"select id from ods.q where dt = '{D}' and id not in"
        f" (select id from ods.p where dt = '{D}')",
        [ONE],
    ),
    "or with another column": (f"select * from ods.p where dt = '{D}' or v = 3", [ALL]),
    "coalesce": (
        f"select * from ods.p where coalesce(dt, date '2000-01-01') = '{D}'",
        [ONE],
    ),
    "a branch that hangs on another input": (
        f"select id from ods.p where dt = '{D}' union all"
        f" select p.id from ods.p as p join ods.q as q on p.id = q.id where q.dt = '{D}'",
        [ALL],
    ),
    "a semi join beside a single day": (
        f"select id from ods.p where dt = '{D}' union all"
        f" select p.id from ods.p as p where p.id in (select id from ods.q where dt = '{D}')",
        [ALL],
    ),
    "an impossible branch": (
        f"select id from ods.p where dt = '{D}' union all select id from ods.p where 1 = 0",
        [ONE],
    ),
    "no filter": ("select * from ods.p", [ALL]),
    "the latest day": ("select * from ods.p where dt = (select max(dt) from ods.p)", [ALL]),
    "set operations": (
        f"select id from ods.p where dt = '{D}'"
        f" except select id from ods.p where dt = '2024-01-09'",
        [("2024-01-09", "2024-01-10")],
    ),
    "a recursive CTE": (
        f"with recursive r as (select id, v from ods.p where dt = '{D}'"
        f" union select r.id, r.v - 1 from r where r.v > 0) select * from r",
        [ONE],
    ),
    "a pivot": (
        f"select * from (pivot (select id, k, v from ods.p where dt = '{D}') on k in ('a', 'b')"
        f" using sum(v))",
        [ONE],
    ),
    "a pivot that looks for its columns": (
        f"pivot (select id, k, v from ods.p where dt = '{D}') on k using sum(v)",
        [ONE],
    ),
    "a pivot of nothing but its columns": (
        f"pivot (select k, v from ods.p where dt = '{D}') on k using sum(v)",
        [ONE],
    ),
    "a pivot of nothing but its columns, within a query": (
        f"select * from (pivot (select k, v from ods.p where dt = '{D}') on k using sum(v))",
        [ONE],
    ),
    "a pivot of a CTE": (
        f"with s as (select id, k, v from ods.p where dt between date '{D}' - 6 and '{D}')"
        f" pivot s on k using sum(v) group by id",
        [WEEK],
    ),
    "a pivot in brackets, asked for a day": (
        f"select * from (pivot ods.p on k using sum(v) group by id, dt) where dt = '{D}'",
        [ALL],
    ),
    "two pivots": (
        f"select * from (pivot (from ods.p where dt = '{D}') on k using sum(v) group by id)"
        f" union all by name"
        f" select * from (pivot (from ods.p where dt = '2024-01-03') on k using sum(v)"
        f" group by id)",
        [("2024-01-03", "2024-01-03"), ONE],
    ),
    "a date by its name": (
        f"with c as (select date '{D}' as d) select p.* from ods.p, c where p.dt = c.d",
        [ONE],
    ),
    "a range by its name": (
        f"with c as (select date '{D}' - 6 as lo, date '{D}' as hi)"
        f" select p.* from ods.p as p join c as x on p.dt between x.lo and x.hi",
        [WEEK],
    ),
    "a date by its name, of an outer join": (
        f"with c as (select date '{D}' as d) select p.id, c.d from ods.p left join c"
        f" on p.dt = c.d where c.d is null or p.dt = c.d",
        [ALL],
    ),
    "a date by its name, turned by a join": (
        f"with c as (select date '{D}' as d) select p.id, p.dt from c right join ods.p"
        f" on p.dt = c.d where coalesce(c.d, date '{D}') = '{D}'",
        [ALL],
    ),
    "a date by its name, shown": (
        f"with c as (select date '{D}' as d), a as (select p.*, c.d from ods.p join c on true)"
        f" select * from a where dt = d",
        [ONE],
    ),
    "a date by its name, FROM first": (
        f"with c as (select date '{D}' as d) from ods.p as p, c where p.dt = c.d",
        [ONE],
    ),
    "a date by its name, FROM first, turned by a join": (
        f"with c as (select date '{D}' as d) from c right join ods.p on p.dt = c.d"
        f" where coalesce(c.d, date '{D}') = '{D}'",
        [ALL],
    ),
    "a date of two names, in brackets joined from outside": (
        f"with c as (select date '{D}' as d) select p.id, c.d from ods.p"
        f" left join (ods.q join c on q.dt = c.d) on p.id = q.id"
        f" where c.d is null or p.dt = c.d",
        [ALL],
    ),
    "a date by its name, in totals": (
        f"with c as (select date '{D}' as d) select * from (select p.dt, c.d, count(*) as n"
        f" from ods.p, c group by grouping sets ((p.dt, c.d), (p.dt))) where d is null",
        [ALL],
    ),
    "a name twice in one row": (
        f"with c as (select date '{D}' as d, date '{D}' - 1 as d)"
        f" select p.* from ods.p, c where p.dt = c.d",
        [ALL],
    ),
    "a name within another subquery": (
        "select p.id, z.dt from ods.p"
        " join (with q as (select date '2020-01-01' as dt) select * from q) as z on true"
        " join q on p.id = q.id and p.dt = q.dt",
        [ALL],
    ),
    "a name not yet known": (
        "with a as (select p.id from ods.p, q where p.dt = q.dt),"
        f" q as (select date '{D}' as dt) select a.id from a, q",
        [ALL],
    ),
    "a name that is a column elsewhere": (
        f"with c as (select date '{D}' as d), a as (select q.id from ods.q, c where q.dt = c.d)"
        f" select a.id, x.dt from a,"
        f" (select dt, {{'d': dt}} as c from ods.p) as x where x.dt = c.d",
        [ALL],
    ),
    "a name of a lambda": (
        f"with c as (select date '{D}' as d) select p.id from ods.p, c"
        f" where len(list_filter([{{'d': p.dt}}], lambda c: c.d = p.dt)) = 1",
        [ALL],
    ),
    "a name of another table": (
        f"with c as (select date '{D}' as d) select c.id from (select id, dt, dt as d from ods.p)"
        f" as c where c.dt = c.d",
        [ALL],
    ),
    "qualify": (
        f"select id, dt from ods.p where dt <= '{D}'"
        f" qualify row_number() over (partition by id order by dt desc, v) = 1",
        [(None, "2024-01-10")],
    ),
    "the newest row of each key": (
        f"select * from ods.p where dt = '{D}'"
        f" qualify row_number() over (partition by dt, id order by v desc, k) = 1",
        [ONE],
    ),
    "the newest row of each key, over days": (
        f"select * from ods.p where dt between date '{D}' - 6 and '{D}'"
        f" qualify row_number() over (partition by dt, id order by v desc, k) = 1",
        [WEEK],
    ),
    "rows beside how many there are of their day": (
        f"select id, v, count(*) over (partition by dt) as n from ods.p where dt = '{D}'",
        [ONE],
    ),
    "the same rows twice": (
        f"select a.n, b.m from (select count(*) as n from ods.p where dt = '{D}') as a,"
        f" (select count(*) as m from ods.p where dt = '{D}') as b",
        [ONE],
    ),
    "sample of a subquery": (
        f"select count(*) as n from (select distinct dt from ods.p where dt > '{D}')",
        [("2024-01-11", None)],
    ),
}


@pytest.fixture(scope="module")
def pruner(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("pruner")
    return Pruner(lambda: scratch, Cache(), attach={})


RELATIONS = {
    P: Relation((("ods", "p"),), COLUMNS, partitioned=True),
    Q: Relation((("ods", "q"), ("", "q")), COLUMNS, partitioned=True),
}


@pytest.mark.parametrize("title", CORPUS)
def test_reads(pruner, title):
    query, expected = CORPUS[title]

    assert list(pruner.read([], query, P, RELATIONS).spans) == [_span(*e) for e in expected]


def _span(first, last):
    ends = {
        k: date.fromisoformat(v) for k, v in (("first", first), ("last", last)) if v is not None
    }
    return Span(**ends)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """Random rows, one Parquet file a day, for each of two tables."""
    root = tmp_path_factory.mktemp("lake")
    engine = Engine(Settings(threads=1, scratch=root))
    chance = random.Random(7)
    with engine.session() as session:
        for name in ("p", "q"):
            for day in DAYS:
                rows = ", ".join(
                    f"({chance.randint(1, 6)}, '{chance.choice('abc')}', {chance.randint(0, 9)})"
                    for _ in range(5)
                )
                folder = root / name / f"dt={day}"
                folder.mkdir(parents=True)
                session.execute(
                    f"COPY (SELECT * FROM (VALUES {rows}) AS t(id, k, v))"
                    f" TO '{folder}/0.parquet' (FORMAT parquet)"
                )
    return root, engine


def answer(lake, query, days):
    root, engine = lake
    with engine.session() as session:
        for name in ("p", "q"):
            wanted = [d for d in DAYS if name == "q" or d in days]
            files = tuple(str(root / name / f"dt={d}" / "0.parquet") for d in wanted)
            select = scan.select([scan.Files(files, COLUMNS)], partitioned=True)
            session.make([View(schema, name, select) for schema in ("ods", "")])
        return sorted(map(repr, session.execute(query)))


@pytest.mark.parametrize("title", CORPUS)
def test_pruned_is_unpruned(pruner, lake, title):
    query, _ = CORPUS[title]
    spans = pruner.read([], query, P, RELATIONS).spans
    kept = {d for d in DAYS if any(d in s for s in spans)}

    assert answer(lake, query, kept) == answer(lake, query, set(DAYS))


SOURCES = (
    "ods.p as p", "ods.p as p join ods.q as q using (id, dt)",
    "ods.p as p join ods.q as q on p.id = q.id and p.dt = q.dt",
    "ods.q as q left join ods.p as p on p.id = q.id and p.dt = q.dt",
    "ods.p as p right join ods.q as q using (id, dt)",
    "ods.q as q right join ods.p as p on p.id = q.id and p.dt = q.dt",
    "ods.p as p full join ods.q as q using (id, dt)",
    "(select * from ods.p) as p", "(select dt, id, k, v from ods.p where dt = DAY) as p",
    "(select dt, id, max(k) as k, max(v) as v from ods.p group by dt, id) as p",
    "(select *, row_number() over (partition by dt, id order by v) as n from ods.p) as p",
    "(select *, row_number() over (partition by id order by dt, v) as n from ods.p) as p",
    "(select * replace (dt + 1 as dt) from ods.p) as p",
    "(select id, k, v, date '2024-01-09' as dt from ods.p) as p",
    "(select p.* from ods.p as p, ods.q as q where q.dt = DAY and p.dt = last_day(q.dt)) as p",
    "(select * from ods.p union all select * from ods.q) as p",
    "(select * from ods.p order by dt limit 9) as p",
)  # fmt: skip
CONDITIONS = (
    "p.dt = DAY", "p.dt = date DAY", "DAY = p.dt", "p.v > 3", "p.dt = DAY and p.dt = DAY",
    "p.dt >= DAY", "p.dt in (DAY)", "p.dt = '2024-01-09'", "p.dt > '2024-01-09'",
    "month(p.dt) = 1", "p.dt <> DAY", "p.dt is null", "p.id = 1 or p.dt = DAY",
    "cast(p.dt as varchar) = DAY", "p.dt = cast(DAY as date) - 1", "p.k = DAY",
    "p.dt = date_trunc('month', date DAY)", "to_json(p)::varchar > DAY", "p.k = 'DAY x'",
    "p.id in (select id from ods.q where dt = DAY)", "p.dt in (select dt from ods.q)",
    "exists (select 1 from ods.q as z where z.dt = p.dt)",
)  # fmt: skip
ENDS = ("", " qualify row_number() over (partition by p.dt, p.id order by p.v) = 1", " limit 3")


COLUMN_LISTS = ("p.id", "p.dt, p.id", "*", "p.dt as day", "max(p.dt) as dt")
SOME_DAYS = [date(2024, 1, 9), *DAYS[::6], date(2024, 2, 29), date(2030, 1, 1)]


@st.composite
def queries(draw):
    """Write a query, DAY standing for the date."""
    wanted = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=3, unique=True)
    where = draw(st.sampled_from((" and ", " or "))).join(draw(wanted))
    columns, source = draw(st.sampled_from(COLUMN_LISTS)), draw(st.sampled_from(SOURCES))
    return f"select {columns} from {source} where {where}{draw(st.sampled_from(ENDS))}"


@pytest.mark.parametrize("examples", [100, *rarely(1000)])
def test_what_treats_dates_alike_reads_of_any_what_it_reads_of_one(pruner, examples):
    @settings(max_examples=examples, deadline=None)
    @given(text=queries(), day=st.sampled_from(SOME_DAYS))
    def reads_alike(text, day):
        named = text.replace("'DAY x'", f"'{SENTINEL} x'").replace("DAY", f"'{SENTINEL}'")
        file = parse(named, path="x", table="x")

        def read(at: date) -> tuple[object, object]:
            found = pruner.read(*file.statements(Partition(at)), P, RELATIONS)
            return found.spans, found.asked

        some = date(2000, 1, 1)
        if file.same_day and read(some) == ((Span(some, some),), (some,)):
            assert read(day) == ((Span(day, day),), (day,))

    reads_alike()


@pytest.mark.parametrize("title", CORPUS)
def test_dates_are_alike_to_these(title):
    assert parse(CORPUS[title][0].replace(D, SENTINEL), path="x", table="x").same_day == (
        title in ALIKE
    )


ALIKE = {
    "one day", "through a CTE", "a join on dt", "a left join", "a right join",
    "a right join by its columns' names", "a semi join by its columns' names",
    "the inner side of a left join",
    "a full join", "a condition on the outer side of a full join", "an aggregate", "having",
    "a window by date", "a positional join", "or with another column", "no filter",
    "the newest row of each key", "rows beside how many there are of their day",
    "the same rows twice",
}  # fmt: skip


def test_a_single_day_is_asked_for_a_range_is_not(pruner):
    one = pruner.read([], CORPUS["one day"][0], P, RELATIONS)
    both = pruner.read([], CORPUS["two scans"][0], P, RELATIONS)
    week = pruner.read([], CORPUS["between"][0], P, RELATIONS)

    assert one.asked == both.asked == (date(2024, 1, 10),)
    assert week.asked == ()


def test_setup_statements_are_looked_through(pruner):
    read = pruner.read(
        ["create temp macro today() as date '2024-01-10'"],
        "select * from ods.p where dt = today()",
        P,
        RELATIONS,
    )

    assert read.spans == (_span(*ONE),)


def test_filters_printed_side_by_side_are_cut_apart():
    text = "(CAST(dt AS TIMESTAMP) >= '2023-12-30 (a)'::TIMESTAMP)(dt <= '2024-01-02'::DATE)"

    assert _split(text) == [
        "(CAST(dt AS TIMESTAMP) >= '2023-12-30 (a)'::TIMESTAMP)",
        "(dt <= '2024-01-02'::DATE)",
    ]
