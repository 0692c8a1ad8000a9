-- ratio(a, b): a divided by b, NULL where b is zero; for queries on the catalog.
CREATE MACRO ratio(a, b) AS a / nullif(b, 0);
