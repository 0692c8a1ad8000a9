"""Files at a server that fsspec knows: sftp, ftp, Google's and Azure's stores, and more.

Credentials stand in the address or in `storage_options`, which are fsspec's own for that scheme.
"""

from __future__ import annotations

import errno
import ftplib
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nomad.errors import ConfigError, NomadError, SourceMissing, Unreachable
from nomad.extract.base import Request
from nomad.extract.patterns import fixed, is_pattern, matcher
from nomad.extract.places import SCHEME, Found, key, missing
from nomad.files import translated

_PACKAGES = {
    "sftp": "nomad-warehouse[sftp]", "ssh": "nomad-warehouse[sftp]", "gs": "gcsfs", "gcs": "gcsfs",
    "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "adl": "adlfs", "hdfs": "pyarrow",
    "smb": "smbprotocol", "oss": "ossfs", "webhdfs": "requests", "dbfs": "requests",
}  # fmt: skip
"""What has to be installed for a scheme beside fsspec."""

_STAMPS = ("mtime", "modify", "LastModified", "last_modified", "updated", "etag", "ETag", "md5Hash")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def opened(request: Request, path: str) -> Iterator[Remote]:
    """Have a connection to the server of an address.

    Raises:
        ConfigError: fsspec, or what it needs for the scheme, isn't there, or an option is wrong.
        Unreachable: no such host, no answer, or a wrong password.
    """
    scheme, host, rest = _parts(path)
    with _translated(request, scheme, path):
        request.spend()
        system, top = _connected(request, scheme, host)
    try:
        yield Remote(request, system, str(top).rstrip("/"), path, rest)
    finally:
        for name in ("ftp", "client"):
            with suppress(Exception):
                getattr(system, name).close()


def _parts(path: str) -> tuple[str, str, str]:
    """Part an address into its scheme, its host with who asks, and the path there."""
    match = re.fullmatch(rf"{SCHEME}([^/]*)/?(.*)", path, re.DOTALL)
    assert match
    return match[1].lower(), match[2], match[3]


def _connected(request: Request, scheme: str, host: str) -> tuple[Any, str]:
    """Connect to a server, and give its first folder."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as e:
        raise _lacking(request, "fsspec", "nomad-warehouse[fsspec]") from e
    options = request.source.options.get("storage_options", {})
    assert isinstance(options, Mapping)
    who, host = _who(scheme, host)
    known = {**who, **options}
    system, top = url_to_fs(f"{scheme}://{host}/", skip_instance_cache=True, **known)
    return system, top


def _who(scheme: str, host: str) -> tuple[dict[str, str], str]:
    """Tell who asks from the host, where it says so; Azure has a container there.

    Example:
        >>> _who("sftp", "me:p%40ss@host:22"), _who("abfs", "container@account")
        (({'username': 'me', 'password': 'p@ss'}, 'host:22'), ({}, 'container@account'))
    """
    user, _, bare = host.rpartition("@")
    if not user or scheme in ("abfs", "abfss", "az"):
        return {}, host
    name, colon, password = user.partition(":")
    who = {"username": unquote(name), "password": unquote(password)}
    return (who if colon else {"username": who["username"]}), bare


def _lacking(request: Request, what: str, package: str) -> ConfigError:
    return ConfigError(
        f"source `{request.source.name}`: reading from there needs {what}",
        where=request.source.origin,
        hint=f"pip install '{package}'",
    )


class Remote:
    """The files of a server, over one connection."""

    def __init__(self, request: Request, system: Any, top: str, path: str, rest: str) -> None:
        self._request, self._system, self._top = request, system, top
        self._path, self._rest = path, rest

    def find(self) -> list[Found]:
        """List what may be meant, and choose by the pattern."""
        if not is_pattern(self._rest):
            return [Found(key(self._path))]
        base, within = fixed(self._rest), self._rest[len(fixed(self._rest)) :]
        deep = None if "**" in within else within.count("/") + 1
        top = f"{self._top}/{base}".rstrip("/") or "/"
        try:
            with self._asking():
                listed = self._system.find(top, maxdepth=deep, detail=True)
        except SourceMissing:
            return []
        names = {str(n)[len(self._top) :].lstrip("/"): facts for n, facts in listed.items()}
        expression = matcher(self._rest)
        meant = [self._rest] if self._rest in names else sorted(filter(expression.fullmatch, names))
        root = key(self._path).removesuffix(self._rest)
        return [_found(f"{root}{name}", names[name]) for name in meant]

    def bring(self, found: Found, to: Path) -> bool:
        """Copy it."""
        try:
            with self._asking():
                place = self._place(found)
                if found.size is None:
                    self._system.info(place)
                self._system.get_file(place, str(to))
        except SourceMissing:
            return False
        return True

    def size(self, found: Found) -> int | None:
        """Ask for what is known of it."""
        with self._asking():
            return _found("", self._system.info(self._place(found))).size

    def _place(self, found: Found) -> str:
        return f"{self._top}/{_parts(found.address)[2]}"

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._request.spend()
        with _translated(self._request, _parts(self._path)[0], self._path):
            yield


def _found(address: str, facts: Mapping[str, Any]) -> Found:
    size = facts.get("size")
    mark = next((facts[name] for name in _STAMPS if facts.get(name)), None)
    stamp = f"{size}-{mark}".replace(" ", "T") if mark else ""
    return Found(address, stamp, int(size) if size is not None else None)


# Errors ------------------------------------------------------------------------------------------


@contextmanager
def _translated(request: Request, scheme: str, path: str) -> Iterator[None]:
    """Turn what fsspec and the libraries behind it raise into our words."""
    try:
        yield
    except NomadError:
        raise
    except ImportError as e:
        raise _lacking(request, f"a package for {scheme}://", _PACKAGES.get(scheme, "?")) from e
    except Exception as e:
        where = key(path)
        if isinstance(e, FileNotFoundError) or _is_not_there(e):
            raise missing(where, request) from e
        if isinstance(e, OSError) and e.errno in _NO_ROOM:
            with translated(where):
                raise
        if isinstance(e, (TypeError, ValueError)):
            raise _misused(request, scheme, e) from e
        what, hint = _told(e)
        raise Unreachable(f"source `{request.source.name}`: {what}", where=where, hint=hint) from e


def _is_not_there(e: Exception) -> bool:
    """Tell whether an FTP server says so; by the same number it says that one may not read it."""
    text = str(e).lower()
    is_it = isinstance(e, ftplib.error_perm) and text.startswith("550")
    return is_it and not re.search("permission|privilege|denied", text)


def _misused(request: Request, scheme: str, e: Exception) -> ConfigError:
    if "Protocol not known" in str(e):
        return ConfigError(
            f"source `{request.source.name}`: nothing reads files from {scheme}://",
            where=request.source.origin,
            hint="is it spelled right? A path without :// is one of this machine",
        )
    return ConfigError(
        f"source `{request.source.name}`: {scheme}:// can't be opened so: {e}",
        where=request.source.origin,
        hint=f"check `path:` and `storage_options:`; fsspec's pages list those of {scheme}",
    )


def _told(e: Exception) -> tuple[str, str]:
    """Say why a server can't be used, and what to do."""
    name, text = type(e).__name__, str(e).strip() or type(e).__name__
    if isinstance(e, socket.gaierror):
        return "there is no such host", "check the address and the network"
    if name in _WRONG_PASSWORD or (isinstance(e, ftplib.error_perm) and text.startswith("530")):
        return f"the server refuses who asks: {text}", "check user and password"
    if isinstance(e, (ConnectionError, TimeoutError)) or name == "NoValidConnectionsError":
        return f"no answer: {text}", "is the server up? Check the address, its port and the network"
    if isinstance(e, PermissionError):
        return f"it may not be read: {text}", "have the user be given the right to read it"
    return f"{name}: {text}", "check `path:` and `storage_options:`, then run the same again"


_WRONG_PASSWORD = (
    "AuthenticationException", "BadAuthenticationType", "PasswordRequiredException",
    "ClientAuthenticationError", "RefreshError", "DefaultCredentialsError",
)  # fmt: skip
