"""How DuckDB reaches a lake in S3: its extension `httpfs`, and a secret for one session.

The secret lives in the memory of the instance: no file of DuckDB's ever holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nomad.engine.extensions import load, loading
from nomad.names import literal
from nomad.store.address import Address, Credentials
from nomad.store.requests import Requests

if TYPE_CHECKING:
    import duckdb

_NAME = "nomad_lake"

_SETTINGS = {
    "s3_url_compatibility_mode": "true",  # no patterns, no options in an address
    "enable_http_metadata_cache": "true",  # a published file never changes
    "s3_access_key_id": "''",  # httpfs fills these from the environment, where a query could
    "s3_secret_access_key": "''",  # print them; the secret serves instead
    "s3_session_token": "''",
}
"""For all connections of an instance: a plain SET holds for one."""


@dataclass(frozen=True)
class Remote:
    """A lake in S3, for DuckDB. `credentials` gives the key as it is at that moment.

    `requests` counts what DuckDB sends, where `counting`: that costs a little for each request.
    """

    address: Address
    region: str
    credentials: Callable[[], Credentials | None]
    requests: Requests
    counting: bool = False

    def set_up(self, con: duckdb.DuckDBPyConnection) -> None:
        """Load the extension and make the secret, in an instance that may still read files.

        Raises:
            LakeError: the extension isn't there and can't be installed.
        """
        load(con, "httpfs", extra="s3")
        con.execute("; ".join(f"SET GLOBAL {name} = {value}" for name, value in _SETTINGS.items()))
        if self.address.ca:
            con.execute(f"SET GLOBAL ca_cert_file = {literal(self.address.ca)}")
        if self.counting:
            con.execute("CALL enable_logging('HTTP')")
        self.refresh(con, None)

    def refresh(
        self, con: duckdb.DuckDBPyConnection, given: Credentials | None
    ) -> Credentials | None:
        """Make the secret anew where the key is no longer the one given; give the present one."""
        now = self.credentials()
        if now is not None and now != given:
            con.execute(secret(self.address, self.region, now))
        return now

    def shown(self, environ: Mapping[str, str]) -> list[str]:
        """Write the statements for a person to paste into DuckDB's own command line.

        No key is in them. It comes from the environment by `getenv`, which only that command line
        has, where it is there now; or else by DuckDB's extension aws, as AWS's tools find it.
        """
        names = {option: name for option, name in _VARIABLES.items() if environ.get(name)}
        if {"KEY_ID", "SECRET"} <= names.keys():
            options = [f"{option} getenv('{name}')" for option, name in names.items()]
            extensions = loading("httpfs")
        else:
            options = ["PROVIDER credential_chain"]
            extensions = f"{loading('httpfs')}; INSTALL aws; LOAD aws"
        ca = [f"SET ca_cert_file = {literal(self.address.ca)}"] if self.address.ca else []
        return [extensions, *ca, _create(self.address, self.region, options)]

    def count(self, con: duckdb.DuckDBPyConnection) -> None:
        """Book what a connection has sent under what the thread is about."""
        if not self.counting:
            return
        rows = con.execute(_SENT).fetchall()
        for kind, number in rows:
            self.requests.count(str(kind), number)


_VARIABLES = {
    "KEY_ID": "AWS_ACCESS_KEY_ID",
    "SECRET": "AWS_SECRET_ACCESS_KEY",
    "SESSION_TOKEN": "AWS_SESSION_TOKEN",
}

_SENT = """
SELECT request.type, count(*)
FROM duckdb_logs_parsed('HTTP')
WHERE connection_id = (SELECT current_connection_id())
GROUP BY ALL
"""


def secret(address: Address, region: str, given: Credentials) -> str:
    """Write the statement that makes a secret, for DuckDB to run; not to be shown."""
    options = [
        f"KEY_ID {literal(given.key)}",
        f"SECRET {literal(given.secret)}",
        *([f"SESSION_TOKEN {literal(given.token)}"] if given.token else []),
    ]
    return _create(address, region, options)


def _create(address: Address, region: str, options: list[str]) -> str:
    style = "path" if address.path_style else "vhost"
    told = ["TYPE s3", *options, f"REGION {literal(region)}", f"URL_STYLE '{style}'"]
    if address.host:
        told += [f"ENDPOINT {literal(address.host)}", f"USE_SSL {str(address.tls).lower()}"]
    told.append(f"SCOPE {literal(address.url)}")
    return f"CREATE OR REPLACE SECRET {_NAME} ({', '.join(told)})"
