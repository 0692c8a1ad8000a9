"""Connectors `delta` and `iceberg`, against tables that their own libraries write."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import deltalake
import pyarrow as pa
import pytest

from databases import asked, fetched, ids, refused
from nomad.dates import Span
from nomad.errors import ConfigError, Refused, SourceMissing
from nomad.extract.registry import CONNECTORS


def orders(*rows):
    hours = [datetime(2024, 1, n, tzinfo=UTC) for n, _ in rows]
    return pa.table({
        "id": pa.array([n for n, _ in rows], pa.int64()),
        "amount": pa.array([a and Decimal(a) for _, a in rows], pa.decimal128(10, 2)),
        "at": pa.array(hours, pa.timestamp("us", "UTC")),
    })  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _no_thread_stays():
    """The pool in which pyiceberg writes ends with these tests: who forks must have no threads."""
    yield
    from pyiceberg.utils.concurrent import ExecutorFactory

    ExecutorFactory.get_or_create().shutdown()
    ExecutorFactory._instance = None


FIRST = orders((1, "1.10"), (2, None))


def delta(root):
    """A table of three versions; give the number of the first."""
    path = str(root / "orders")
    deltalake.write_deltalake(path, FIRST)
    deltalake.write_deltalake(path, orders((3, "3.30")), mode="append")
    deltalake.DeltaTable(path).delete("id = 1")
    return 0


def iceberg(root):
    """The same; give the id of its first snapshot."""
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = SqlCatalog("c", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}")
    catalog.create_namespace("shop")
    table = catalog.create_table("shop.orders", FIRST.schema, location=f"file://{root}/orders")
    table.append(FIRST)
    table.append(orders((3, "3.30")))
    table.delete("id = 1")
    newest = table.metadata_location.rpartition("/")[2].removesuffix(".metadata.json")
    (root / "orders/metadata/version-hint.text").write_text(newest)
    version = table.snapshots()[0].snapshot_id
    catalog.close()
    return version


MAKERS = {"delta": delta, "iceberg": iceberg}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each table once, with the version that is asked for."""
    folders = {name: tmp_path_factory.mktemp(name) for name in MAKERS}
    return {name: (folders[name], make(folders[name])) for name, make in MAKERS.items()}


@pytest.fixture(params=MAKERS)
def fetch(request, made, tmp_path):
    root, _ = made[request.param]
    options = {"path": "orders", "root": root}

    def run(*window, **more):
        return fetched(request.param, tmp_path, *window, **{**options, **more})

    run.kind, run.version = request.param, made[request.param][1]
    return run


def test_the_newest_version_lands_with_its_types(fetch):
    assert fetch() == [
        (2, None, datetime(2024, 1, 2, tzinfo=UTC)),
        (3, Decimal("3.30"), datetime(2024, 1, 3, tzinfo=UTC)),
    ]


def test_a_version_lands_as_it_was(fetch):
    assert ids(fetch(version=fetch.version)) == [1, 2]


def test_columns_rows_marks_and_ranges_are_chosen(fetch):
    day = date(2024, 1, 2)

    assert fetch(select=["amount"], where="id = 3 -- dear") == [(Decimal("3.30"),)]
    assert ids(fetch(mark="2024-01-03 00:00:00+00", watermark="at")) == [3]
    assert ids(fetch(Span(day, day), watermark="at")) == [2]
    assert len(fetch(limit=1)) == 1
    with pytest.raises(SourceMissing, match="no row for 2024-01-02"):
        fetch(day, where="false")


def test_a_probe_tells_what_it_sees(fetch, made):
    request = asked(fetch.kind, path="orders", root=made[fetch.kind][0])

    told = CONNECTORS[fetch.kind].probe(request)

    assert told.endswith(", table orders, 3 columns")
    assert "by DuckDB v1." in told


def test_each_fault_says_what_and_what_to_do(fetch, tmp_path):
    (tmp_path / "none").mkdir()

    assert "is there such a" in refused(lambda: fetch(version=99), ConfigError)
    assert "must be a whole number" in refused(lambda: fetch(version="x"), ConfigError)
    assert "was it renamed" in refused(lambda: fetch(where="nil = 1"), ConfigError)
    assert "did you mean `amount`" in refused(lambda: fetch(select=["amout"]), ConfigError)
    with pytest.raises(SourceMissing, match="has no table gone"):
        fetch(path="gone")


def test_a_folder_that_is_no_table_is_refused(fetch, tmp_path):
    (tmp_path / "none").mkdir()
    kind = {"delta": Refused, "iceberg": ConfigError}[fetch.kind]

    told = refused(lambda: fetch(path=str(tmp_path / "none")), kind)

    assert {"delta": "is it a Delta table", "iceberg": "version-hint"}[fetch.kind] in told


@pytest.mark.parametrize("kind", MAKERS)
def test_rows_land_and_are_read_as_raw(made, empty, kind):
    path = made[kind][0] / "orders"
    empty.write(
        "nomad.yaml", f"layers: [ods]\nsources: {{s: {{connector: {kind}, path: {path}}}}}\n"
    )

    answer = empty("extract")

    assert answer.code == 0, answer.err
    assert empty.rows("select count(*) as n, max(id) as last from raw.s") == [[2, 3]]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("path: s3://b/t", "`path` can't be an address"),
        ("path: t, version: newest", "`version` must be a whole number"),
        ("version: 1", "needs a `path`"),
    ],
)
def test_a_wrong_option_is_refused_by_every_command(empty, options, told):
    empty.write("nomad.yaml", f"layers: [ods]\nsources: {{s: {{connector: delta, {options}}}}}\n")

    answer = empty("ls")

    assert answer.code == 2
    assert told in answer.err
