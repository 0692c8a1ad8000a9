"""Servers of sftp and ftp on loopback, over a folder: user `me`, password `p@ss/word`."""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote

import paramiko

USER, PASSWORD = "me", "p@ss/word"
WHO = f"{USER}:{quote(PASSWORD, safe='')}"


@cache
def _key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


class _Who(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        good = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    root: Path

    def _real(self, path):
        return self.root / path.lstrip("/")

    def list_folder(self, path):
        try:
            found = list(self._real(path).iterdir())
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno)
        return [paramiko.SFTPAttributes.from_stat(p.stat(), p.name) for p in found]

    def stat(self, path):
        try:
            return paramiko.SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno)

    lstat = stat

    def open(self, path, flags, attr):
        try:
            file = self._real(path).open("rb")
        except OSError as e:
            return paramiko.SFTPServer.convert_errno(e.errno)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = file
        handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))
        return handle


@contextmanager
def sftp(root: Path) -> Iterator[str]:
    """Have a server for a while; gives `host:port`."""
    files = type("One", (_Files,), {"root": root})
    links: list[paramiko.Transport] = []

    def serve():
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(link)
            links.append(transport)
            transport.add_server_key(_key())
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, files)
            transport.start_server(event=Event(), server=_Who())

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for link in links:
                link.close()


@contextmanager
def ftp(root: Path) -> Iterator[str]:
    """Have a server for a while; gives `host:port`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asyncore, which it asks for
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import FTPHandler
        from pyftpdlib.ioloop import IOLoop
        from pyftpdlib.servers import FTPServer

    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(root))
    known = {"authorizer": authorizer, "auth_failed_timeout": 0.01, "banner": "ready"}
    handler = type("One", (FTPHandler,), known)
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=IOLoop())
    done = Event()

    def serve():
        while not done.is_set():
            server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)
        server.close_all()

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield "%s:%d" % server.address  # noqa: UP031
    finally:
        done.set()
        thread.join()
