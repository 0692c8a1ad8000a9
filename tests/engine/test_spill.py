"""Far more data than memory: done by way of the disk, to the same rows."""

from __future__ import annotations

import pytest

from bench import spill
from conftest import Project

LIMIT = "100MB"


@pytest.fixture
def heavy(tmp_path):
    """TPC-H's heaviest joins and a sort, over its tables, with little memory."""
    spill.generate(tmp_path / "data", 0.3)
    spill.make(tmp_path / "project", tmp_path / "data", LIMIT)
    project = Project(tmp_path / "project")
    assert project("extract", "-q").code == 0
    return project


def contents(project):
    names = [f"q{n:02}" for n in spill.QUERIES] + ["sorted"]
    return {n: project.manifest(f"heavy.{n}")["content_hash"] for n in names}


def test_what_does_not_fit_into_memory_is_spilled_and_comes_out_the_same(heavy):
    seen = spill.watched(["run", "-q"], heavy.root)

    assert seen.code == 0
    assert seen.scratch > 50, "nothing was spilled"
    assert seen.peak < 100 + spill.BESIDE
    assert list((heavy.lake / "_tmp").iterdir()) == []
    spilled = contents(heavy)
    assert heavy("run", "--force", "-q", env={"NOMAD_ENGINE_MEMORY_LIMIT": "4GB"}).code == 0
    assert contents(heavy) == spilled
