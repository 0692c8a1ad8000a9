"""CONTRIBUTING.md names files and commands that are there."""

from __future__ import annotations

import re

import pytest

from conftest import ROOT

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
