-- What 0001 defines, in true words: an applied migration is never edited.
COMMENT ON MACRO pct_change IS 'The relative change from one number to another: pct_change(before, after).';
