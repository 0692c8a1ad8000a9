"""A server or a network that fails: one clear message, exit 3, nothing half-published."""

from __future__ import annotations

import json
import ssl
import subprocess
from dataclasses import replace

import pytest

from conftest import rarely
from servers import Proxy, ceph, free_port, proxy

DAY = ("--dt", "2024-01-02")


@pytest.fixture
def between(server, monkeypatch):
    """The same server behind a proxy, nomad's waits made short."""
    monkeypatch.setattr("nomad.store.client._TRIES", 2)
    monkeypatch.setattr("nomad.lake.publish._PAUSES", (0.1, None))
    with proxy(server) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.front().endpoint)
        yield made


def is_commit(method, path):
    return method == "PUT" and path.endswith("/manifest.json") and "/dwd/" in path


def times(what, number, *, when=is_commit):
    """Do `what` to the first so many requests that `when` picks."""
    left = iter(range(number))

    def rule(method, path, _headers):
        return what if when(method, path) and next(left, None) is not None else None

    return rule


def manifest(server, bucket, key="dwd/dwd_price/dt=2024-01-02"):
    from botocore.exceptions import ClientError

    try:
        found = server.client().get_object(
            Bucket=bucket, Key=f"my lake/é=1+2%20#x/{key}/manifest.json"
        )
    except ClientError:
        return None
    return json.loads(found["Body"].read())


def run(lake):
    answer = lake("run", *DAY, "--force", "-o", "json")
    steps = {s["table"]: s for s in answer.json["steps"]} if answer.out else {}
    return answer, steps.get("dwd.dwd_price", {"status": None}), (answer.json or {})["run_id"]


TROUBLE = ("drop", "late", 500, 503, "lose", "cut")


@pytest.mark.parametrize(
    ("what", "number"),
    [("drop", 1), *((t, 3) for t in TROUBLE), *rarely(*((t, 1) for t in TROUBLE[1:]))],
)
def test_a_commit_in_trouble_is_told_as_it_is(  # noqa: PLR0917
    built_lake, server, bucket, between, what, number
):
    """Whatever happens to the first answers: `published` is published, and `failed` is not."""
    before = manifest(server, bucket)["run_id"]
    between.rule = times(what, number)

    answer, step, run_id = run(built_lake)
    between.rule = Proxy.rule

    there = manifest(server, bucket)["run_id"]
    assert there == (run_id if step["status"] == "published" else before)
    assert step["status"] == "published", (answer.err, between.done)
    assert built_lake.rows("select count(*) from dwd.dwd_price") == [[4]]
    assert built_lake("doctor").code == 0


@pytest.mark.parametrize(("what", "lands"), [("drop", True), (500, False), ("lose", False)])
def test_a_commit_that_is_never_answered_is_not_called_published(  # noqa: PLR0917
    built_lake, server, bucket, between, what, lands
):
    """Its answer lost each time, it is found by reading; if it never arrives, that is said."""
    before = manifest(server, bucket)["run_id"]
    between.rule = times(what, 10_000)

    answer, step, run_id = run(built_lake)
    between.rule = Proxy.rule

    there = manifest(server, bucket)["run_id"]
    assert there == (run_id if lands else before)
    assert step["status"] == ("published" if lands else "failed")
    if not lands:
        assert answer.code == 3
        assert "isn't known yet" in answer.err
        assert answer.err.count("nomad: ") == 1
    assert built_lake.rows("select count(*) from dwd.dwd_price") == [[4]]
    assert built_lake("run", *DAY).code == 0


@pytest.mark.parametrize("what", [500, "lose", "cut"])
def test_a_data_file_that_can_t_go_up_leaves_the_old_rows(
    built_lake, server, bucket, between, what
):
    before = manifest(server, bucket)
    between.rule = times(
        what, 10_000, when=lambda m, p: m == "PUT" and "/dwd/" in p and ".parquet" in p
    )

    answer, step, _ = run(built_lake)
    between.rule = Proxy.rule

    if what == "cut":  # half of an empty answer is an answer
        assert step["status"] == "published"
        return
    assert (answer.code, step["status"]) == (3, "failed")
    assert manifest(server, bucket) == before


@pytest.mark.parametrize("what", ["late", "cut", 503])
def test_reads_in_trouble_are_tried_again(built_lake, between, what):
    between.rule = times(what, 1, when=lambda m, p: m == "GET" and ".parquet" in p)

    assert built_lake.rows("select sum(close) from dwd.dwd_price") == [[10]]


def test_a_mark_that_can_t_be_set_leaves_it_published(built_lake, server, bucket, between):
    between.rule = times(500, 10_000, when=lambda m, p: m == "PUT" and "_SUCCESS" in p)

    _, step, run_id = run(built_lake)
    between.rule = Proxy.rule

    assert step["status"] == "published"
    assert manifest(server, bucket)["run_id"] == run_id


# Wrong from the start ----------------------------------------------------------------------------


def refused(lake, *, exit_code=3):
    """What `run` and `doctor` say; each says it once."""
    answer = lake("run", *DAY)
    assert answer.code == exit_code, answer.err
    assert answer.err.count("nomad: ") == 1, answer.err
    doctor = lake("doctor")
    assert doctor.code == exit_code
    what = answer.err.splitlines()[0].rpartition(": ")[2]
    assert what.partition(" for ")[0] in doctor.out, (what, doctor.out)
    return answer.err


def test_a_server_that_is_down(built_lake, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

    assert "no server answers at http://127.0.0.1" in refused(built_lake)


def test_a_bucket_that_is_not_there(built_lake, monkeypatch):
    monkeypatch.setenv("NOMAD_LAKE_URL", "s3://no-such-bucket/lake")

    assert "there is no bucket `no-such-bucket`" in refused(built_lake)


def test_no_credentials(built_lake, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))

    assert "there are no S3 credentials" in refused(built_lake)


def test_tls_where_there_is_none(built_lake, monkeypatch, server):
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint.replace("http://", "https://"))

    told = refused(built_lake)

    assert "TLS to https://127.0.0.1" in told
    assert "is it http:// after all?" in told


def test_no_tls_where_there_is_some(built_lake, monkeypatch, tls):
    monkeypatch.setenv("AWS_ENDPOINT_URL", tls.endpoint.replace("https://", "http://"))

    assert "broke off or did not answer" in refused(built_lake)


def test_a_certificate_of_one_s_own(built_lake, monkeypatch, tls):
    monkeypatch.setenv("AWS_ENDPOINT_URL", tls.endpoint)

    told = refused(built_lake)
    monkeypatch.setenv("NOMAD_LAKE_CA", str(tls.folder / "cert.pem"))

    assert "TLS to https://localhost" in told
    again = built_lake("run", *DAY, "--force")
    assert again.code == 0, again.err
    assert built_lake.rows("select sum(close) from dwd.dwd_price") == [[10]]


@pytest.fixture
def tls(server, tmp_path, monkeypatch):
    """The same server behind TLS with a certificate that nobody has signed."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setattr("nomad.store.client._TRIES", 2)
    with proxy(server, tls=context) as made:
        yield replace(made.front(), folder=tmp_path)


def test_a_server_without_room(built_lake, server, bucket, between):
    """MinIO answers 507 when its disk is full."""
    before = manifest(server, bucket)
    between.rule = times(507, 10_000, when=lambda m, _: m == "PUT")

    answer = built_lake("run", *DAY, "--force")
    between.rule = Proxy.rule

    assert answer.code == 3
    assert "the server has no room left" in answer.err
    assert manifest(server, bucket) == before


def test_a_server_that_goes_away_between_manifest_and_data(built_lake, between):
    between.rule = times("lose", 10_000, when=lambda m, p: m in ("GET", "HEAD") and ".csv" in p)

    answer = built_lake("run", "ods", *DAY, "--force")

    assert answer.code == 3
    assert "sql/ods/ods_price.sql: DuckDB can't read the lake" in answer.err


@pytest.mark.s3
@pytest.mark.parametrize("server", ["ceph"], indirect=True)
class TestOfARealServer:
    """What an emulator does not do."""

    def test_a_wrong_secret(self, built_lake, monkeypatch):
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")

        told = refused(built_lake)

        assert "the server refuses the secret key" in told
        assert "not-the-secret" not in told

    def test_an_unknown_key(self, built_lake, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")

        assert "the server does not know the access key" in refused(built_lake)

    def test_a_key_without_permission(self, built_lake, server, monkeypatch):
        ceph("admin", server.folder, "user", "create", "--uid=stranger", "--display-name=s",
             "--access-key=strange", "--secret-key=stranger")  # fmt: skip
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "strange")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "stranger")

        assert "no permission for GetObject" in refused(built_lake)

    def test_a_full_server(self, built_lake, server, bucket):
        """By a quota of the user's: what is there now is all there may be."""
        before = manifest(server, bucket)
        words = ("--quota-scope=user", "--uid=nomad", "--max-objects=1")
        ceph("admin", server.folder, "quota", "set", *words)
        ceph("admin", server.folder, "quota", "enable", *words[:2])
        try:
            answer = built_lake("run", *DAY, "--force")
        finally:
            ceph("admin", server.folder, "quota", "disable", *words[:2])

        assert answer.code == 3
        assert "the server has no room left: quota exceeded" in answer.err
        assert manifest(server, bucket) == before
        assert built_lake.rows("select sum(close) from dwd.dwd_price") == [[10]]


@pytest.mark.parametrize("server", ["emulator"], indirect=True)  # it does not check signatures
def test_conditions_ignored_are_found_out(lake, between):
    """Where a proxy takes the conditions off, no table is written, and doctor says why."""
    between.rule = lambda *_: "strip"
    lake("extract", *DAY)

    run_ = lake("extract", *DAY)
    doctor = lake("doctor")

    assert run_.code == doctor.code == 3
    assert "does not keep to conditional writes" in run_.err
    assert "two publishers of one partition could both win" in doctor.out
    lake.write("nomad.yaml", (lake.root / "nomad.yaml").read_text().replace(
        "lake: {", "lake: {allow_unsafe_commit: true, "
    ))  # fmt: skip
    assert lake("extract", *DAY).code == 0
