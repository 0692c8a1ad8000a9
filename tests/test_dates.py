"""Dates, ranges and spans."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad.dates import (
    FIRST,
    LAST,
    DateRange,
    Span,
    compress,
    parse_date,
    today,
)
from nomad.errors import BadDate

DAYS = st.dates(FIRST, LAST)
TODAY = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", date(2024, 2, 29)),
        ("yesterday", date(2024, 2, 29)),
        ("today", TODAY),
        ("-7d", date(2024, 2, 23)),
    ],
)
def test_dates_as_typed(text, expected):
    assert parse_date(text, today=TODAY) == expected


@pytest.mark.parametrize("text", ["2024-02-30", "20240102", "tomorrow", "", "1899-12-31", "-d"])
def test_what_is_no_date_is_refused(text):
    with pytest.raises(BadDate):
        parse_date(text, today=TODAY)


def test_the_day_depends_on_the_zone():
    late = datetime(2024, 1, 1, 20, tzinfo=UTC)

    assert today("UTC", late) == date(2024, 1, 1)
    assert today("Asia/Shanghai", late) == date(2024, 1, 2)


@given(DAYS, st.integers(0, 400))
def test_a_range_counts_both_ends(first, length):
    last = min(first + timedelta(days=length), LAST)
    days = DateRange(first, last)

    assert next(iter(days)) == first
    assert list(days)[-1] == last
    assert len(list(days)) == len(days)


def test_a_range_upside_down_is_refused():
    with pytest.raises(BadDate, match="begins after it ends"):
        DateRange(date(2024, 1, 2), date(2024, 1, 1))


@given(st.sets(DAYS, max_size=20))
def test_compressed_dates_name_the_first_runs_and_count_the_rest(days):
    runs = [d for d in days if d - timedelta(days=1) not in days]
    text = compress(sorted(days))

    assert text.count(",") == max(len(runs) - 1, 0) if len(runs) <= 6 else text.count(",") == 4
    assert ("dates more" in text) is (len(runs) > 6)


def test_a_span_without_ends_is_not_bounded():
    assert not Span().bounded
    assert not Span(last=date(2024, 1, 1)).bounded
    assert Span(date(2024, 1, 1), date(2024, 1, 3)).days == 3
