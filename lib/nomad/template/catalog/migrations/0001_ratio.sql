-- ratio(a, b): a divided by b, NULL where b is zero; for queries on the catalog.
create macro ratio(a, b) as a / nullif(b, 0);
