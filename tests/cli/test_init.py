"""`nomad init`: a project whose own README works."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from click.testing import CliRunner

from conftest import Project
from nomad.cli import app

ROOT = Path(__file__).parents[2]


def init(folder: Path) -> Project:
    result = CliRunner().invoke(app, ["init", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return Project(folder)


def test_its_readme_line_publishes_a_first_table(tmp_path):
    project = init(tmp_path / "x")
    (line,) = re.findall(r"^\$ (.*)$", (project.root / "README.md").read_text(), re.MULTILINE)

    done = subprocess.run(
        ["bash", "-c", line],
        cwd=project.root,
        env={**os.environ, "PATH": f"{ROOT / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()[-3:]] == [
        ["ABC", "10.50", "0.0500", "2024-01-02"],
        ["GHI", "5.00", "0.0000", "2024-01-02"],
        ["DEF", "19.00", "-0.0500", "2024-01-02"],
    ]


def test_the_line_to_go_on_with_is_quoted(tmp_path):
    result = CliRunner().invoke(app, ["init", str(tmp_path / "p q")], catch_exceptions=False)

    assert f"cd '{tmp_path / 'p q'}' && make daily" in result.stderr


def test_nothing_is_overwritten(tmp_path):
    project = init(tmp_path)
    project.write("nomad.yaml", "mine")

    result = CliRunner().invoke(app, ["init", str(tmp_path)])

    assert result.exit_code == 2
    assert "is there already; nothing was changed" in result.stderr
    assert (tmp_path / "nomad.yaml").read_text() == "mine"


def test_what_is_there_in_a_checkout_is_kept(tmp_path):
    """A README and a .gitignore of one's own stay; the rest is made."""
    (tmp_path / "README.md").write_text("mine")

    result = CliRunner().invoke(app, ["init", str(tmp_path)])

    assert result.exit_code == 0, result.stderr
    assert "README.md: kept as it was" in result.stderr
    assert (tmp_path / "README.md").read_text() == "mine"
    assert Project(tmp_path)("daily", "--dt", "2024-01-02").code == 0


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "nomad.yaml").write_text("")

    result = CliRunner().invoke(app, ["init", str(tmp_path / "nomad.yaml")])

    assert result.exit_code == 2
    assert "nomad.yaml is a file" in result.stderr


def test_hidden_files_come_along(tmp_path):
    assert (init(tmp_path).root / ".gitignore").exists()


def test_the_template_is_fresh_after_its_first_run(tmp_path):
    project = init(tmp_path)
    project("extract", "--dt", "2024-01-02")
    project("run", "--dt", "2024-01-02")

    assert set(project("plan", "--dt", "2024-01-02", "-o", "json").statuses().values()) == {"fresh"}
    assert project("catalog", "migrate").code == 0
