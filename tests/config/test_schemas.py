"""`nomad schema`: JSON Schemas that agree with what is read."""

from __future__ import annotations

import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import ROOT
from nomad.config import schema as config
from nomad.config.keys import KEYS, MAPS
from nomad.config.sources import COMMON
from nomad.contract import schema as contract
from nomad.contract import words
from nomad.extract.registry import CONNECTORS

CONTRACTS = sorted(p for p in (ROOT / "sql").rglob("*.y*ml"))


def _faults(kind, text, empty):
    schema = Draft202012Validator(empty("schema", kind).json)
    return [e.message for e in schema.iter_errors(yaml.safe_load(text))]


def test_both_are_schemas_of_their_draft(empty):
    for kind in ("nomad", "contract"):
        Draft202012Validator.check_schema(empty("schema", kind).json)


def test_the_shipped_configuration_keeps_to_it(empty):
    assert _faults("nomad", (ROOT / "nomad.yaml").read_text(), empty) == []


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda p: p.stem)
def test_every_shipped_contract_keeps_to_it(empty, path):
    assert _faults("contract", path.read_text(), empty) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("nomad", "laek: {}"),
        ("nomad", "lake: {ulr: x}"),
        ("nomad", "engine: {jobs: 0}"),
        ("nomad", "sources: {x: {connector: file}}"),
        ("nomad", "sources: {x: {connector: file, path: a.csv, fromat: csv}}"),
        ("nomad", "sources: {x: {connector: postgres, path: a.csv}}"),
        ("nomad", "environments: {x: {laek: 1}}"),
        ("contract", "colums: []"),
        ("contract", "columns: [{name: a, typ: INT}]"),
        ("contract", "tests: [{uniqe: {columns: [a]}}]"),
        ("contract", "tests: [{unique: {colums: [a]}}]"),
        ("contract", "freshness: {warn_afer: 1 day}"),
        ("contract", "strategy: append"),
        ("contract", "lookback: -1"),
    ],
)
def test_what_is_refused_when_read_is_no_valid_file(empty, project, kind, text):
    assert _faults(kind, text, empty)
    project.write("nomad.yaml" if kind == "nomad" else "sql/ods/ods_price.yml", text)
    assert project("plan").code == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("nomad", "layers:\nlake: {history: 30 days, endpoint: }\nengine: {jobs: '${JOBS}'}"),
        ("nomad", "sources: {x: {connector: file, path: a.csv, rename: {dt: day}}}"),
        ("contract", "tests: [{expression: a > 0, name: x, severity: warn}, not_null]"),
        ("contract", "columns: [{name: a, tests: [{regex: '^6'}, {range: {min: 0}}, unique]}]"),
        ("contract", "columns: [{name: a, data_tests: [{dbt_utils.accepted_range:"
                     " {min_value: 0, inclusive: true, config: {severity: WARN}}}]}]"),
        ("contract", "version: 2\nmodels: [{name: x, columns: [{name: a}]}]"),
        ("contract", "freshness: {warn_after: {count: 2, period: day}}\nlookback: 3 days"),
        ("contract", "lookback: 3"),
        ("contract", "restate: {count: 3, period: day}"),
    ],
)  # fmt: skip
def test_what_may_be_written_is_a_valid_file(empty, kind, text):
    assert _faults(kind, text, empty) == []


def test_every_key_is_described():
    options = [*COMMON, *(o for known in CONNECTORS.values() for o in known.options)]
    keys = {*KEYS, *MAPS, *(k.split(".")[0] for k in KEYS), "connector"}
    spelled = {w for needed, allowed in words.WORDS.values() for w in (*needed, *allowed)}
    spelled |= {*words.KEYS, *words.COLUMN_KEYS, *words.COMMON, *words.CONFIG, *words.RENAMED}

    assert keys - set(config.TOLD) == set()
    assert spelled - set(contract.TOLD) == set()
    assert all(sentence for _, sentence in (*config.TOLD.values(), *contract.TOLD.values()))
    assert all(option.sentence for option in options)
