"""Real S3 servers for tests, as processes on loopback, and a proxy that misbehaves on demand."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from conftest import ROOT


@dataclass(frozen=True)
class Server:
    """Where a server listens, and a key it knows."""

    name: str
    endpoint: str
    key: str
    secret: str
    folder: Path | None = None

    def environ(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextmanager
def emulator(folder: Path) -> Iterator[Server]:
    """The emulator from the package index, for everyday."""
    port = free_port()
    environ = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    with (folder / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack.app"], env=environ, stdout=log, stderr=log
        )
    try:
        _wait_for(port, process)
        yield Server("emulator", f"http://127.0.0.1:{port}", "test", "test")
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("the emulator does not come up")


def ceph(act: str, folder: Path, *words: str, **environ: str) -> str:
    done = subprocess.run(
        [ROOT / "bin" / "ceph", act, folder, *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def gateway(folder: Path, *, store: str = "memstore") -> Iterator[Server]:
    """Ceph's S3 gateway, with all that is behind it."""
    try:
        told = ceph("start", folder, CEPH_STORE=store)
        words = dict(w.split("=", 1) for w in told.split() if "=" in w)
        key, secret = words["AWS_ACCESS_KEY_ID"], words["AWS_SECRET_ACCESS_KEY"]
        yield Server("ceph", words["AWS_ENDPOINT_URL"], key, secret, folder)
    finally:
        ceph("stop", folder)


# A proxy -----------------------------------------------------------------------------------------

HOP = {"connection", "expect", "transfer-encoding", "keep-alive"}


@dataclass
class Proxy:
    """Stands before a server. `rule(method, path, headers)` names what to do to a request.

    None: pass it on. `drop`: pass it on, keep the answer. `lose`: do not even pass it on. `cut`:
    give half of the answer. `late`: pass it on, answer after a second. `strip`: take its conditions
    off. A number: answer with that status.
    """

    server: Server
    rule: object = staticmethod(lambda *_: None)
    seen: list[tuple[str, str]] = field(default_factory=list)
    done: Counter = field(default_factory=Counter)
    endpoint: str = ""

    def front(self) -> Server:
        """The server as it looks through the proxy."""
        return replace(self.server, endpoint=self.endpoint)


def _kind(method: str, path: str, headers) -> str:
    if "list-type=2" in path or path.endswith("?uploads") or "?uploads&" in path:
        return "LIST"
    return "COPY" if headers.get("x-amz-copy-source") else method


class Handler(BaseHTTPRequestHandler):
    """One connection to a proxy; `proxy` is set in a class made for it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms
    proxy: Proxy

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        with suppress(ConnectionError, TimeoutError):
            super().handle_one_request()

    def act(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.proxy.seen.append((_kind(self.command, self.path, self.headers), self.path))
        rule = self.proxy.rule(self.command, self.path, self.headers)
        if rule is not None:
            self.proxy.done[rule] += 1
        if isinstance(rule, int):
            self.answer(rule, [], b"")
        elif rule == "lose":
            self.hang_up()
        else:
            self.pass_on(body, rule)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = act  # noqa: N815

    def pass_on(self, body, rule):
        status, headers, data = self.forward(body, strip=rule == "strip")
        if rule == "late":
            time.sleep(1)
        if rule == "drop":
            self.hang_up()
        elif rule == "cut" and data:
            self.answer(status, headers, data[: len(data) // 2], said=len(data))
            self.hang_up()
        else:
            self.answer(status, headers, data)

    def forward(self, body, *, strip):
        sent = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
        if strip:
            sent = {k: v for k, v in sent.items() if not k.lower().startswith("if-")}
        host, port = self.proxy.server.endpoint.removeprefix("http://").split(":")
        link = http.client.HTTPConnection(host, int(port), timeout=60)
        link.request(self.command, self.path, body or None, sent)
        told = link.getresponse()
        found = told.status, told.getheaders(), told.read()
        link.close()
        return found

    def answer(self, status, headers, data, *, said=None):
        self.send_response_only(status)
        length = next((v for k, v in headers if k.lower() == "content-length"), "0")
        for name, value in headers:
            if name.lower() not in HOP | {"content-length"}:
                self.send_header(name, value)
        head = self.command == "HEAD"
        self.send_header("Content-Length", length if head else str(said or len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def hang_up(self):
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(server: Server, *, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """Put a proxy before a server; with `tls` it is spoken to over TLS, as `localhost`."""
    made = Proxy(server)
    handler = type("One", (Handler,), {"proxy": made})
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listener.daemon_threads = True
    made.endpoint = f"http://127.0.0.1:{listener.server_address[1]}"
    if tls:
        listener.handle_error = lambda *_: None
        listener.socket = tls.wrap_socket(
            listener.socket, server_side=True, do_handshake_on_connect=False
        )
        made.endpoint = f"https://localhost:{listener.server_address[1]}"
    thread = Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
