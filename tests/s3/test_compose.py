"""MinIO by Docker Compose: the file is valid, pinned and closed, and a weak password is refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
import yaml

from conftest import ROOT

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def compose() -> list[str]:
    """Docker's plugin where it is there, or else Debian's docker-compose, installed if need be."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False) \
        if shutil.which("docker") else None  # fmt: skip
    if plugin and plugin.returncode == 0:
        return ["docker", "compose"]
    if not shutil.which("docker-compose"):
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["install", "-qq", "-y", "--no-install-recommends", "docker-compose"]
        for words in (["update", "-qq"], install):
            subprocess.run(["apt-get", *words], check=True, capture_output=True, env=environ)
    return ["docker-compose"]


@pytest.mark.s3
def test_the_compose_file_is_valid():
    done = subprocess.run(
        [*compose(), "--env-file", str(ROOT / ".env.example"), "config"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "MINIO_ROOT_PASSWORD: only-for-localhost" in done.stdout


def test_images_are_pinned_and_ports_are_this_machine_s():
    services = COMPOSE["services"]

    assert all(re.search(r":RELEASE\.\d{4}-", s["image"]) for s in services.values())
    assert all(p.startswith("${MINIO_BIND:-127.0.0.1}:") for p in services["minio"]["ports"])
    assert services["minio"]["healthcheck"]["test"][0] == "CMD"
    assert services["minio"]["volumes"] == ["lake:/data"]


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({}, 0, ""),
        ({"MINIO_ROOT_PASSWORD": "short"}, 2, "shorter than 8"),
        ({"MINIO_BIND": "0.0.0.0"}, 2, "one that everybody knows"),
        ({"MINIO_BIND": "0.0.0.0", "MINIO_ROOT_PASSWORD": "minioadmin"}, 2, "everybody knows"),
        ({"MINIO_BIND": "10.0.0.1", "MINIO_ROOT_PASSWORD": "a-short-one"}, 2, "shorter than 16"),
        ({"MINIO_BIND": "10.0.0.1", "MINIO_ROOT_PASSWORD": "a-password-of-some-length"}, 0, ""),
    ],
)
def test_a_weak_password_is_for_this_machine_only(tmp_path, changes, code, told):
    text = EXAMPLE
    for name, value in changes.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "bin" / "up", tmp_path / "bin")
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / ".env").write_text(text, encoding="utf-8")

    done = subprocess.run(
        [tmp_path / "bin" / "up", "--check"], capture_output=True, text=True, check=False
    )

    assert done.returncode == code, done.stderr
    assert told in done.stderr
