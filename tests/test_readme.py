"""What the README shows is what one sees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Project
from nomad.contract.contract import Severity
from nomad.plan.steps import Action
from nomad.run.result import Status
from nomad.run.status import CellState

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = "".join(p.read_text(encoding="utf-8") for p in sorted((ROOT / "docs").glob("*.md")))


def blocks() -> list[tuple[str, str]]:
    """Each command of a console block and the output shown below it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README + PAGES, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown))
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Project:
    root = tmp_path_factory.mktemp("checkout")
    for name in ("sql", "sources", "catalog/migrations", "lake/inbox"):
        shutil.copytree(ROOT / name, root / name)
    for name in ("nomad.yaml", "Makefile"):
        shutil.copy(ROOT / name, root)
    return Project(root)


@pytest.fixture(scope="module")
def demo(checkout) -> str:
    """What the lines of `make demo` print, run in the copy."""
    assert blocks()[0][0] == "make demo"
    recipe = re.search(r"^demo:.*?\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe

    text = recipe[1].replace("$(env) ", "")
    lines = [line.strip().removeprefix("@") for line in text.splitlines()]
    return bash(checkout, "\n".join(lines).replace("$(NOMAD)", "nomad").replace("$$", "$"))


def test_the_first_command_is_make_demo_and_the_table_is_what_it_prints(demo):
    """`make demo`'s own lines end with the table of the README."""
    assert demo.endswith("\n" + blocks()[0][1].removeprefix("…\n"))


def bash(project: Project, command: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project.root,
        env={"PATH": f"{ROOT / '.venv/bin'}:/usr/bin:/bin", "HOME": str(project.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # a reader sees both
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


END = "---- end of a command"


@pytest.mark.usefixtures("demo")
def test_the_other_commands_print_what_is_shown(checkout):
    """All console blocks, of the README and the pages, typed one after the other in one shell."""
    typed = blocks()[1:]
    script = f"\nprintf '%s\\n' '{END}'\n".join(command for command, _ in typed)

    out = bash(checkout, f"set -e\n{script}\n").split(END + "\n")

    for (command, shown), told in zip(typed, out, strict=True):
        assert (command, _timeless(told)) == (command, _timeless(shown))


def _timeless(text: str) -> str:
    text = re.sub(r"\d+\.\d\d s", "0.00 s", text)
    return re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{6}", "RUN_ID", text)


@pytest.mark.usefixtures("demo")
def test_the_python_runs_as_shown(checkout, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(checkout.root)
    found: dict[str, object] = {}

    exec(code, found)

    assert len(found["rows"]) == 6


def test_the_reference_of_the_command_line_is_up_to_date():
    """docs/cli.md is what docs/generate.py writes."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py")],
        env={"PYTHONPATH": str(ROOT / "lib"), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == done.stdout


GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")


def test_every_word_that_a_command_answers_with_is_in_the_glossary():
    answers = {*Status, *CellState, *Action, *Severity}

    assert {str(a) for a in answers if not re.search(rf"\b{a}\b", GLOSSARY)} == set()


def test_the_glossary_has_each_word_once_and_in_a_sentence():
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", GLOSSARY, re.MULTILINE)
    words = [w for words, _ in rows if words != "word" for w in words.split(", ")]

    assert len(words) > 60
    assert sorted(set(words)) == sorted(words)
    assert [w for w, meaning in rows if w != "word" and not meaning.endswith(".")] == []


def test_pages_use_the_words_of_the_field():
    private = r"rehears\w*|leftovers?|mend(s|ed)?|shelf|ledgers?|sieve|rooms|floors?"
    pages = [p for p in (ROOT / "docs").glob("*.md") if p.stem not in ("connectors", "benchmarks")]

    found = {p.name: {m[0] for m in re.finditer(rf"\b({private})\b", p.read_text())} for p in pages}

    assert {name: words for name, words in found.items() if words} == {}


def test_every_benchmark_is_named():
    """`bench` itself is typed at the top."""
    benchmarks = targets("tests/bench/Makefile")

    assert "growth" in benchmarks
    assert [t for t in benchmarks if f"make -C tests/bench {t}" not in PAGES] == ["bench"]


def targets(makefile: str) -> list[str]:
    text = (ROOT / makefile).read_text(encoding="utf-8")
    return sorted({*re.findall(r"^([a-z][a-z0-9-]*):.*## ", text, re.MULTILINE)} - {"help"})


def test_every_make_target_and_command_is_named():
    docs = README + (ROOT / "docs/cli.md").read_text(encoding="utf-8")

    assert [t for t in targets("Makefile") if f"make {t}" not in README] == []
    assert [s.name for s in (ROOT / "bin").iterdir() if f"bin/{s.name}" not in docs] == []
