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

-- title: a positional join
-- reads: ods.a, ods.b
select * from ods.a positional join ods.b;

-- title: USING
-- reads: ods.a, ods.b
select * from ods.a join ods.b using (id, dt);

-- title: a natural join
-- reads: ods.a, ods.b
select * from ods.a natural join ods.b;

-- title: commas
-- reads: ods.a, ods.b, ods.c
select * from ods.a, ods.b as x, ods.c y where x.id = y.id;

-- title: a cross join
-- reads: ods.a, ods.b
select * from ods.a cross join ods.b;

-- title: full outer, with ON
-- reads: ods.a, ods.b
select * from ods.a as a full outer join ods.b as b on a.id = b.id and a.dt = b.dt;

-- title: a derived table with column names
-- reads: ods.a
select * from (select id, v from ods.a) as d(i, w);

-- title: two levels of derived tables
-- reads: ods.a, ods.b
select * from (select * from (select * from ods.a) as x join ods.b using (id)) as y;

-- title: the same table twice is read once
-- reads: ods.a
select * from ods.a as x join ods.a as y on x.id = y.id - 1;

-- title: an alias that is another table's name
-- reads: ods.a, ods.b
select b.id from ods.a as b join ods.b as a on a.id = b.id;

-- title: a CTE that nobody reads still reads
-- reads: ods.a, ods.b
with unused as (select * from ods.b) select * from ods.a;

-- title: a CTE that bears a bare table's name hides it in the body
-- reads: ods.t
with t as (select * from ods.t) select * from t join t as u using (id);

-- title: a schema before the name is never a CTE
-- reads: ods.t
with t as (select 1 as id) select * from t join ods.t as u using (id);

-- title: a CTE in a subquery of WHERE
-- reads: ods.a, ods.b
select * from ods.a where id in (with k as (select id from ods.b) select id from k);

-- title: a CTE with columns
-- reads: ods.a
with c(x, y) as (select id, v from ods.a) select x from c;

-- title: a materialized CTE
-- reads: ods.a
with c as materialized (select * from ods.a) select * from c, c as d;

-- title: two recursive CTEs
-- reads: ods.edge, ods.root
with recursive up as (select id from ods.root union all select e.parent from ods.edge as e join up using (id)),
down as (select id from up union select e.id from ods.edge as e join down on e.parent = down.id)
select * from down;

-- title: UNION, INTERSECT, EXCEPT, nested
-- reads: ods.a, ods.b, ods.c, ods.d
(select id from ods.a union select id from ods.b) intersect (select id from ods.c except select id from ods.d);

-- title: VALUES read nothing
-- reads:
select * from (values (1, 'a'), (2, 'b')) as v(id, name);

-- title: no FROM
-- reads:
select 1 as one, 'from ods.t' as text;

-- title: TABLE
-- reads: ods.t
table ods.t;

-- title: FROM alone
-- reads: ods.t
from ods.t;

-- title: FROM first in a subquery and in a CTE
-- reads: ods.a, ods.b
with c as (from ods.a) from c where id in (from ods.b select id);

-- title: a window with its own name
-- reads: ods.t
select sum(v) over w as s from ods.t window w as (partition by id order by dt);

-- title: QUALIFY with a subquery
-- reads: ods.a, ods.b
select * from ods.a qualify row_number() over (partition by id) <= (select max(n) from ods.b);

-- title: HAVING with a subquery
-- reads: ods.a, ods.b
select id, count(*) as n from ods.a group by id having count(*) > (select avg(n) from ods.b);

-- title: ORDER BY and LIMIT with subqueries
-- reads: ods.a, ods.b
select * from ods.a order by (select max(v) from ods.b) limit 3;

-- title: CASE with EXISTS
-- reads: ods.a, ods.b
select case when exists (from ods.b as b where b.id = a.id) then 1 else 0 end as known from ods.a as a;

-- title: ANY and ALL
-- reads: ods.a, ods.b, ods.c
select * from ods.a where v > all (select v from ods.b) or id = any (select id from ods.c);

-- title: a correlated lateral subquery
-- reads: ods.a, ods.b
select a.id, t.v from ods.a as a left join lateral (select v from ods.b as b where b.id = a.id limit 1) as t on true;

-- title: a lateral join without the word
-- reads: ods.a, ods.b
select * from ods.a as a, (select max(v) as m from ods.b as b where b.id = a.id) as t;

-- title: unnest of a column
-- reads: ods.t
select id, unnest(tags) as tag from ods.t;

-- title: unnest in FROM
-- reads: ods.t
select t.id, u.tag from ods.t as t, unnest(t.tags) as u(tag);

-- title: PIVOT in FROM
-- reads: ods.t
select * from ods.t pivot (sum(v) for k in ('a', 'b'));

-- title: a PIVOT of a subquery
-- reads: ods.t
pivot (select id, k, v from ods.t) on k in ('a', 'b') using sum(v);

-- title: UNPIVOT in FROM
-- reads: ods.t
select * from ods.t unpivot (value for name in (a, b));

-- title: SUMMARIZE of a query
-- reads: ods.t
summarize select * from ods.t;

-- title: DESCRIBE in FROM
-- reads: ods.t
from (describe ods.t);

-- title: sample
-- reads: ods.t
select * from ods.t tablesample 10%;

-- title: lambdas, both spellings
-- reads: ods.t
select list_transform(tags, lambda x: x || '!') as a, list_filter(tags, y -> y <> '') as b from ods.t;

-- title: struct fields that look like tables
-- reads: ods.t
select t.address.city, address.zip from ods.t as t;

-- title: COLUMNS, EXCLUDE and REPLACE
-- reads: ods.t
select * exclude (k) replace (v + 1 as v), columns('v') as w from ods.t;

-- title: GROUP BY ALL and rollup
-- reads: ods.a, ods.b
select id, sum(v) as s from ods.a group by all union all select k, sum(v) from ods.b group by rollup (k);

-- title: DISTINCT ON
-- reads: ods.t
select distinct on (id) * from ods.t order by id, dt desc;

-- title: three-part names
-- reads: shop.crm.customer, ods.t
select * from shop.crm.customer join ods.t using (id);

-- title: a quoted name with a dot
-- reads: ods.a.b
select * from ods."a.b";

-- title: a keyword as a name
-- reads: ods.order
select * from ods."order";

-- title: names of other scripts
-- reads: ods.价格
select "收盘" from ods."价格";

-- title: nested comments of both kinds
-- reads: ods.t
/* from ods.x -- */ select 1 as a -- from ods.y /*
from ods.t;

-- title: escaped quotes
-- reads: ods.t
select 'it''s from ods.u' as a, "from ods.v" from ods.t;

-- title: a parenthesized join
-- reads: ods.a, ods.b, ods.c
select * from ods.a join (ods.b join ods.c using (id)) using (id);

-- title: a cast and an operator chain
-- reads: ods.t
select v::varchar || '-' || id::int as a, tags[1:2] as b, {'k': v} as c from ods.t;

-- title: a date arithmetic filter
-- reads: ods.t
select * from ods.t where dt between date '2024-01-02' - interval 3 day and '2024-01-02';

-- title: a macro's table argument is no reference
-- reads: ods.t
select max(v) filter (where v > 0) as m from ods.t;
