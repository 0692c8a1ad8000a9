"""What a query may read is told to each session: a folder with many files does not make it long."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nomad.config import config
from nomad.engine import readable as module
from nomad.engine.readable import readable


def _files(folder: Path, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.csv").touch()


@pytest.fixture
def given(project):
    return config.load(project.root, environ={})


def test_packages_are_not_listed(project, given, monkeypatch):
    """`node_modules` and a folder of Python packages are many files, with hidden ones between."""
    for folder in ("web/node_modules", "web/env/lib"):
        _files(project.root / folder / "a", 50)
        (project.root / folder / ".bin").mkdir()
    (project.root / "web/env/pyvenv.cfg").touch()
    _files(project.root / "web/data", 1)
    seen = []
    scandir = os.scandir
    monkeypatch.setattr(module.os, "scandir", lambda p: seen.append(str(p)) or scandir(p))

    found = {str(p.relative_to(project.root)) for p in readable(given) if p != given.root}

    assert "web/data" in found
    assert not [f for f in found if "node_modules" in f or "env" in f]
    assert not [f for f in seen if "node_modules" in f or "env/" in f]


def test_only_so_many_single_files_are_allowed(project, given):
    for folder in range(4):
        _files(project.root / f"x/{folder}", 600)
        (project.root / f"x/{folder}/.hidden").touch()

    assert len(readable(given)) < 1100


def test_what_was_not_looked_at_is_not_allowed(project, given, monkeypatch):
    _files(project.root / "data/a/b", 5)
    (project.root / "data/a/b/.env").touch()
    monkeypatch.setattr(module, "_LOOKED_AT", 1)

    found = readable(given)

    assert not [p for p in found if p.is_dir() and p != project.lake.resolve()]


def test_compiled_files_leave_a_folder_whole(project, given):
    _files(project.root / "feeds/__pycache__", 1)

    assert project.root / "feeds" in readable(given)
