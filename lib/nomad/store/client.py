"""boto3 for our stores: a client, its requests counted, its errors in our words."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from nomad.errors import ConfigError, LakeError, Unanswered, Unreachable, hide
from nomad.store.address import SCHEME, Address, Credentials
from nomad.store.requests import Requests

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_s3 import S3Client

CONNECTIONS = 16
"""Requests under way at once, at most."""

_TRIES = 5
_CONNECT, _READ = 5.0, 60.0
"""Seconds to wait for a connection, and for an answer, before the next try."""

_SERVER_FAULT = 500

_KINDS = {
    "ListObjectsV2": "LIST", "ListMultipartUploads": "LIST", "HeadObject": "HEAD",
    "HeadBucket": "HEAD", "GetObject": "GET", "PutObject": "PUT", "UploadPart": "PUT",
    "CopyObject": "COPY", "UploadPartCopy": "COPY", "DeleteObject": "DELETE",
    "AbortMultipartUpload": "DELETE",
}  # fmt: skip


def session() -> Session:
    """Open a session; credentials and region come from the environment or AWS's own files."""
    from botocore.session import Session

    return Session()


def client(
    address: Address, *, requests: Requests | None = None, using: Session | None = None
) -> S3Client:
    """Make a client. Throttling, 5xx and broken connections are tried again, ever later.

    Raises:
        ConfigError: the endpoint is no address, or names an unknown profile.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    config = Config(
        s3={"addressing_style": "path" if address.path_style else "virtual"},
        retries={"mode": "standard", "total_max_attempts": _TRIES},
        connect_timeout=_CONNECT,
        read_timeout=_READ,
        max_pool_connections=4 * CONNECTIONS,
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        chosen = using or session()
        made = boto3.Session(botocore_session=chosen).client(
            "s3",
            endpoint_url=address.endpoint,
            region_name=region(address, chosen),
            verify=address.ca,
            config=config,
        )
    except (BotoCoreError, ValueError) as e:
        raise ConfigError(
            f"S3 can't be set up: {e}", hint="check `lake:` in nomad.yaml and AWS's variables"
        ) from e
    if requests is not None:
        made.meta.events.register("before-send.s3", _counter(requests))
    return made


def region(address: Address, using: Session) -> str:
    """Tell the region: the address's, the environment's, the profile's, or AWS's first."""
    return address.region or using.get_config_variable("region") or "us-east-1"


def _counter(requests: Requests) -> Any:
    def count(event_name: str, **_: object) -> None:
        requests.count(_KINDS.get(event_name.rsplit(".", 1)[-1], "POST"))

    return count


def credentials(using: Session) -> Credentials | None:
    """Give the session's key as it is now; one that expires is renewed by botocore."""
    from botocore.exceptions import BotoCoreError

    try:
        found = using.get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except BotoCoreError as e:
        raise Unreachable(f"no S3 credentials: {e}", hint=_KEYS) from e
    if frozen is None or not (frozen.access_key and frozen.secret_key):
        return None
    hide(frozen.secret_key)
    hide(frozen.token or "")
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


# Errors ------------------------------------------------------------------------------------------

_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, in the environment"

_WORDS = {
    "NoSuchBucket": ("there is no bucket `{bucket}`", "create it, or fix its name"),
    "InvalidAccessKeyId": ("the server does not know the access key", _KEYS),
    "SignatureDoesNotMatch": ("the server refuses the secret key", _KEYS),
    "ExpiredToken": ("the session token has expired", "renew the credentials"),
    "AccessDenied": ("no permission for {operation}", "give the key a policy that allows it"),
    "RequestTimeTooSkewed": ("the clocks differ too much", "set this machine's clock, by NTP say"),
    "QuotaExceeded": ("the server has no room left: quota exceeded", "free or add space"),
    "XMinioStorageFull": ("the server has no room left", "free or add space"),
    "InsufficientStorage": ("the server has no room left", "free or add space"),
    "507": ("the server has no room left", "free or add space"),
    "NotImplemented": ("the server does not know {operation} as asked", "see `nomad doctor`"),
    "PermanentRedirect": ("the bucket is in another region", "set `lake.region`"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set `lake.region`"),
}  # fmt: skip

_UNSEEN = ("ConnectTimeoutError", "EndpointConnectionError", "NoCredentialsError", "SSLError",
           "ProxyConnectionError", "ParamValidationError", "PartialCredentialsError",
           "InvalidEndpointDiscoveryConfigurationError")  # fmt: skip
"""Failures after which the server can't have seen the request."""


def code_of(error: Exception) -> str:
    """Name the server's own code of a `ClientError`; empty for any other error."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def status_of(error: Exception) -> int:
    """Give the HTTP status of a `ClientError`; 0 where there was no answer."""
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def translated(address: Address, key: str, *, writing: bool = False) -> Iterator[None]:
    """Turn botocore's errors into the lake's own.

    Raises:
        Unanswered: `writing`, and the server may have done it all the same.
        LakeError: anything else.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    where = f"{SCHEME}{address.bucket}/{key}"
    try:
        yield
    except ClientError as e:
        what, hint = _told(e, address)
        unclear = writing and status_of(e) >= _SERVER_FAULT and status_of(e) not in (501, 507)
        raise (Unanswered if unclear else LakeError)(what, where=where, hint=hint) from e
    except (BotoCoreError, HTTPClientError, OSError) as e:
        name = type(e).__name__
        unclear = writing and name not in _UNSEEN and not isinstance(e, FileNotFoundError)
        what, hint = _silence(e, address)
        raise (Unanswered if unclear else LakeError)(what, where=where, hint=hint) from e


def _told(e: Any, address: Address) -> tuple[str, str]:
    code, status = code_of(e), status_of(e)
    if code in ("403", "404", "400", "301"):  # a HEAD has no body that would say more
        code = {"403": "AccessDenied", "404": "NoSuchBucket"}.get(code, code)
    words = _WORDS.get(code) or _WORDS.get(str(status))
    if words:
        told = words[0].format(bucket=address.bucket, operation=e.operation_name)
        return told, words[1]
    message = e.response.get("Error", {}).get("Message") or code
    if status >= _SERVER_FAULT or code in ("SlowDown", "Throttling"):
        return f"the server fails: {status} {code}", "try again; see the server's own log"
    return f"the server refuses {e.operation_name}: {code} {message}".rstrip(), "see `nomad doctor`"


def _silence(e: Exception, address: Address) -> tuple[str, str]:
    name, at = type(e).__name__, address.endpoint or "AWS"
    if name in ("NoCredentialsError", "PartialCredentialsError"):
        return "there are no S3 credentials", _KEYS
    if name == "SSLError":
        return (
            f"TLS to {at} fails: {_reason(e)}",
            "is it http:// after all? For a certificate of your own, set `lake.ca`",
        )
    if name in ("EndpointConnectionError", "ConnectTimeoutError"):
        return f"no server answers at {at}", "is it up? Check `lake.endpoint` or AWS_ENDPOINT_URL"
    if name in ("ConnectionClosedError", "ReadTimeoutError", "ResponseStreamingError"):
        return (
            f"the server at {at} broke off or did not answer in time",
            "is it up? Does it speak TLS (https://)?",
        )
    return f"S3 at {at} can't be used: {_reason(e)}", "see `nomad doctor`"


def _reason(e: Exception) -> str:
    cause = getattr(e, "kwargs", {}).get("error") or e
    return str(cause).strip().splitlines()[0][:200]


_DATE = re.compile(r"\d{1,2} [A-Za-z]{3} \d{4} \d\d:\d\d:\d\d")


def date_of(header: str | None) -> datetime | None:
    """Read a `Date` header, which is in GMT; gateways double it, or leave its zone out.

    Example:
        >>> date_of("Tue, 02 Jan 2024 10:00:00, Tue, 02 Jan 2024 10:00:00 GMT").isoformat()
        '2024-01-02T10:00:00+00:00'
        >>> date_of("today")
    """
    found = _DATE.search(header or "")
    with suppress(ValueError):
        return parsedate_to_datetime(f"{found[0]} GMT") if found else None
    return None
