"""How DuckDB is told the way to a lake in S3: statements as text, and the key never shown."""

from __future__ import annotations

import pytest

from nomad.config.config import load
from nomad.engine.remote import Remote, secret
from nomad.store.address import Address, Credentials
from nomad.store.requests import Requests

KEY = Credentials("AKID", "it's secret", "token")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (
            Address("lake", "a/b", endpoint="http://127.0.0.1:9000/"),
            "URL_STYLE 'path', ENDPOINT '127.0.0.1:9000', USE_SSL false, SCOPE 's3://lake/a/b'",
        ),
        (
            Address("lake", endpoint="https://s3.example.org", path_style=False),
            "URL_STYLE 'vhost', ENDPOINT 's3.example.org', USE_SSL true, SCOPE 's3://lake'",
        ),
        (Address("lake", path_style=False), "URL_STYLE 'vhost', SCOPE 's3://lake'"),
    ],
)
def test_the_secret_says_how_the_server_is_reached(address, told):
    assert secret(address, "eu-central-1", KEY) == (
        "CREATE OR REPLACE SECRET nomad_lake (TYPE s3, KEY_ID 'AKID', SECRET 'it''s secret',"
        f" SESSION_TOKEN 'token', REGION 'eu-central-1', {told})"
    )


def test_what_is_shown_names_the_variables_and_no_key():
    remote = Remote(Address("lake"), "us-east-1", lambda: KEY, Requests())
    environ = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "it's secret"}

    by_environment = "; ".join(remote.shown(environ))
    by_chain = "; ".join(remote.shown({}))

    assert "KEY_ID getenv('AWS_ACCESS_KEY_ID')" in by_environment
    assert "PROVIDER credential_chain" in by_chain
    assert "secret" not in (by_environment + by_chain).replace("SECRET", "")
    assert repr(KEY) == "Credentials()"


@pytest.mark.parametrize(
    ("lake", "environ", "style"),
    [
        ("{url: 's3://bucket/x'}", {}, False),
        ("{url: 's3://bucket/x', endpoint: 'http://h:1'}", {}, True),
        ("{url: 's3://bucket/x'}", {"AWS_ENDPOINT_URL": "http://h:1"}, True),
        ("{url: 's3://bucket/x', style: virtual, endpoint: 'http://h:1'}", {}, False),
    ],
)
def test_the_bucket_goes_into_the_path_where_there_is_an_endpoint(tmp_path, lake, environ, style):
    (tmp_path / "nomad.yaml").write_text(f"lake: {lake}\n")

    found = load(tmp_path, environ=environ).lake.address

    assert (found.bucket, found.prefix, found.path_style) == ("bucket", "x", style)
