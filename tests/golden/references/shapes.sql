-- title: a CTE that bears the name of the table it reads
-- reads: orders
with orders as (select * from orders) select * from orders;

-- title: a CTE is no table
-- reads:
with a as (select 1 as x) select * from a;

-- title: a later CTE reads an earlier one
-- reads: ods.t
with a as (select * from ods.t), b as (select * from a) select * from b;

-- title: an earlier CTE does not see a later one
-- reads: b
with a as (select * from b), b as (select * from a) select * from b;

-- title: a recursive CTE sees itself
-- reads: ods.seed
with recursive r as (select n from ods.seed union all select n + 1 from r where n < 3) select * from r;

-- title: a nested WITH
-- reads: ods.t, w
with x as (select * from ods.t), y as (with z as (select * from x) select * from z) select * from y, w;

-- title: a CTE of a subquery is not seen outside
-- reads: q, ods.t
select * from (with q as (select * from ods.t) select * from q) as s, q;

-- title: set operations
-- reads: ods.a, ods.b, ods.c
select * from ods.a union all by name select * from ods.b except select * from ods.c;

-- title: FROM first
-- reads: ods.t
from ods.t select a;

-- title: a lateral join
-- reads: ods.a, ods.b
select * from ods.a as a, lateral (select * from ods.b as b where b.id = a.id);

-- title: scalar, EXISTS and IN subqueries
-- reads: ods.a, ods.b, ods.c, ods.d
select (select max(x) from ods.b) as m from ods.a as a
where exists (select 1 from ods.c as c where c.id = a.id) and a.id in (from ods.d select id);

-- title: PIVOT as a statement
-- reads: ods.t
pivot ods.t on k using sum(v);

-- title: UNPIVOT
-- reads: ods.t
unpivot ods.t on a, b into name n value v;

-- title: SUMMARIZE
-- reads: ods.t
summarize ods.t;

-- title: query_table
-- reads: ods.t
select * from query_table('ods.t');

-- title: positional, ASOF, semi and anti joins
-- reads: ods.a, ods.b, ods.c, ods.d, ods.e
select * from ods.a positional join ods.b asof join ods.c using (id, ts)
semi join ods.d using (id) anti join ods.e using (id);

-- title: quoted and mixed case names
-- reads: Ods.My Table
select * from "Ods"."My Table";

-- title: comments and strings that look like references
-- reads: ods.t
select 'from ods.u', $$ from ods.v $$ -- from ods.w
from ods.t /* join ods.x */;

-- title: table functions read no table
-- reads:
select * from range(3) as r(i), unnest([1, 2]) as u(x);
