"""`nomad connectors`: which there are, what each needs, and its options."""

from __future__ import annotations

import re
import tomllib

import pytest
from click.testing import CliRunner

from conftest import ROOT
from nomad.cli import app
from nomad.extract import declared
from nomad.extract.registry import CONNECTORS
from nomad.names import is_plain
from test_imports import HEAVY, imported

PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]


def test_all_are_listed_with_a_sentence_and_what_they_need(empty):
    answer = empty("connectors", "-o", "json")

    found = {c["connector"]: c for c in answer.json["connectors"]}
    assert set(CONNECTORS) <= set(found)
    assert found["kafka"] == {
        "connector": "kafka",
        "sentence": "The messages of a topic, from where it was left to its present end.",
        "package": "nomad-warehouse",
        "extras": [{"name": "kafka", "of": "", "installed": True}],
    }
    assert all(c["sentence"].endswith(".") for c in found.values())


def test_no_project_is_needed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    answer = CliRunner().invoke(app, ["connectors"])

    assert (answer.exit_code, answer.stdout[:9]) == (0, "connector")


def test_no_library_is_imported_before_something_is_fetched():
    assert imported("connectors") & (HEAVY | {"dlt", "redis", "sqlalchemy", "fsspec"}) == set()


def test_the_options_of_one_and_those_of_every_source(empty):
    answer = empty("connectors", "rest")

    assert answer.out.startswith("rest: The rows of an API in JSON, page by page")
    rows = [re.split(r" {3,}", line) for line in answer.out.splitlines()]
    assert ["url", "text", "yes", "The address that is asked.", "rest"] in rows
    assert ["method", "GET or POST", "Default GET.", "rest"] in rows
    assert ["paging.size", "number", "Rows to ask for.", "rest"] in rows
    assert ["drift", "refuse or allow"] in [row[:2] for row in rows if row[-1] == "every source"]


def test_an_extra_that_is_not_installed_is_told_with_what_installs_it(empty, monkeypatch):
    monkeypatch.setattr("nomad.extract.extras.find_spec", lambda _: None)

    listed = empty("connectors", "-o", "csv").out
    one = empty("connectors", "file").out

    assert "kafka (not installed)" in listed
    assert (
        ".xlsx needs `excel`, which is not installed: pip install 'nomad-warehouse[excel]'\n" in one
    )


def test_a_module_within_a_package_that_is_not_there_is_not_installed():
    assert not declared.Extra("x", modules=("nowhere.at_all",)).is_installed
    assert not declared.Extra("x", extensions=("nowhere",)).is_installed


@pytest.mark.parametrize("word", ["kafk", "nosuch"])
def test_an_unknown_name_is_misuse(empty, word):
    answer = empty("connectors", word)

    assert (answer.code, answer.out) == (2, "")
    assert f"no connector `{word}`" in answer.err
    assert ("did you mean `kafka`?" if word == "kafk" else "there is: delta, dlt") in answer.err


def test_those_of_other_packages_are_listed_and_a_broken_one_hides_no_other(empty, tmp_path):
    facts = tmp_path / "site" / "other-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[nomad.connectors]\nledger = ledgers:CONNECTOR\nbroken = nowhere_at_all:CONNECTOR\n"
    )
    (tmp_path / "site" / "ledgers.py").write_text(
        '"""Connector `ledger`: the bookings of a day."""\n'
        "class Ledger:\n"
        "    options = ()\n"
        "    def fetch(self, request, into):\n"
        "        yield from ()\n"
        "CONNECTOR = Ledger()\n"
    )
    env = {"PYTHONPATH": f"{ROOT / 'lib'}:{tmp_path / 'site'}"}

    listed = empty.process("connectors", "-o", "csv", env_extra=env)
    broken = empty.process("connectors", "broken", env_extra=env)

    assert "ledger,The bookings of a day.,,other\n" in listed.stdout
    assert "broken,connector `broken` can't be loaded from nowhere_at_all:CONNECTOR" in (
        listed.stdout
    )
    assert "sqlite," in listed.stdout
    assert (listed.returncode, broken.returncode) == (0, 2)


@pytest.mark.parametrize("name", CONNECTORS)
def test_what_a_shipped_connector_says_of_itself_is_whole(name):
    found = declared.one(CONNECTORS, name)

    assert re.fullmatch(r"[A-Z][^\n]+\.", found.sentence)
    assert {e.name for e in found.extras} <= EXTRAS.keys()
    assert all(is_plain(o.name.replace(".", "_")) for o in declared.own(found))
    assert all(o.kind != "anything" for o in declared.own(found))


@pytest.mark.parametrize("name", CONNECTORS)
def test_the_page_of_sources_names_each_option_of_a_shipped_connector(name):
    own = {o.name.split(".")[-1] for o in declared.own(declared.one(CONNECTORS, name))}

    missing = [o for o in own if not re.search(rf"`{o}`|\b{o}:", PAGE)]
    assert missing == []
