"""Partitions: as text, as folders, in SQL, in time."""

from __future__ import annotations

import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad.dates import FIRST, LAST, Span
from nomad.partitions import Partition, folder, from_folder, of_days, of_table, parse, text_of

DAYS = st.dates(FIRST, LAST)
SECOND = Partition(date(2024, 1, 2))


@given(DAYS)
def test_text_and_folder_read_back_as_the_partition(day):
    partition = Partition(day)

    assert parse(str(partition)) == partition
    assert from_folder(folder(partition)) == partition
    assert text_of(folder(partition)) == str(partition)


@pytest.mark.parametrize("name", ["dt=2024-02-30", "dt=2024-1-1", "_tmp", "dt=", "x=2024-01-01"])
def test_other_folders_are_no_partitions(name):
    assert from_folder(name) is None
    assert text_of(name) is None


@pytest.mark.parametrize("text", ["2024-02-30", "someday", "dt=2024-01-02"])
def test_other_text_is_no_partition(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_a_full_table_has_no_partition():
    assert parse(None) is None
    assert folder(None) == ""
    assert of_table([date(2024, 1, 2)], partitioned=False) == (None,)


@given(st.lists(DAYS, max_size=9))
def test_partitions_sort_by_time(days):
    assert sorted(of_days(days)) == list(of_days(sorted(days)))


@given(DAYS)
def test_the_partition_before_is_the_last_of_its_past(day):
    assert Partition(day).past.last == Partition(day).earlier(1).start


def test_a_partition_is_spelled_in_sql_and_in_words():
    assert SECOND.literal == "DATE '2024-01-02'"
    assert SECOND.span == Span(date(2024, 1, 2), date(2024, 1, 2))
    assert SECOND.spelled("%Y/%m") == "2024/01"
    assert f"{SECOND}" == "2024-01-02"


def test_a_partition_travels_to_another_process():
    assert pickle.loads(pickle.dumps(SECOND)) == SECOND
