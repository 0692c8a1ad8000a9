"""Contract → verdict on rows that nobody else has seen yet."""
