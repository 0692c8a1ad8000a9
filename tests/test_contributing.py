"""CONTRIBUTING.md names files and commands that are there."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT
from nomad.cli import COMMANDS, GROUPS
from nomad.contract import contract
from nomad.contract.contract import Kind
from nomad.contract.words import WORDS

CONNECTOR_FILES = ROOT / "lib/nomad/extract/connectors"
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:lib|tests|docs|\.ci)/[\w./-]*\w)`", TEXT)))


@pytest.mark.parametrize("path", PATHS)
def test_a_file_it_names_is_there(path):
    assert (ROOT / path).exists()


def test_a_make_target_it_names_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"`?make ([a-z][a-z0-9-]+)", TEXT))

    assert {t for t in targets if f"\n{t}:" not in makefile} == set()


def test_the_test_it_shows_passes(built):
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict = {}
    exec(block, names)
    (shown,) = (f for name, f in names.items() if name.startswith("test_"))

    shown(built)


def test_each_command_has_its_place_in_the_help():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(COMMANDS)


@pytest.mark.parametrize("kind", Kind)
def test_each_contract_test_has_its_words_its_condition_and_its_row(kind):
    words = {word: 1 for of_kind in WORDS[kind] for word in of_kind}
    page = (ROOT / "docs/contracts.md").read_text(encoding="utf-8")

    assert f"| `{kind}`" in page
    if kind.by_row and kind not in {Kind.UNIQUE, Kind.RELATIONSHIPS}:
        assert contract.Test(str(kind), kind, ("x",), words=words).broken({"x": "INTEGER"})


@pytest.mark.parametrize("name", sorted(p.stem for p in CONNECTOR_FILES.glob("[a-z]*.py")))
def test_each_connector_is_on_the_page_of_sources_and_in_its_package(name):
    page = (ROOT / "docs/sources.md").read_text(encoding="utf-8")

    assert re.search(rf"^### {name}$|connector: {name}\b|`{name}`", page, re.MULTILINE)
    assert f"`{name}`" in (CONNECTOR_FILES / "__init__.py").read_text(encoding="utf-8")
