-- change('a', 'b'): the relative change from one number to another, for use in queries on the catalog.
CREATE MACRO pct_change(before, after) AS after / nullif(before, 0) - 1;
