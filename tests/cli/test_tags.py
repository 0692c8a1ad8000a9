"""`tag:` in selections."""

from __future__ import annotations

import pytest


@pytest.fixture
def tagged(project):
    project.write("sql/ods/ods_price.yml", "tags: [nightly, core]\n")
    project.write("sql/dws/dws_price.yml", "tags: slow\n")
    return project


def _names(answer):
    return {t["name"] for t in answer.json["tables"]}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("tag:nightly",), {"ods.ods_price"}),
        (("tag:night*",), {"ods.ods_price"}),
        (("tag:nightly+",), {"ods.ods_price", "dwd.dwd_price", "dws.dws_price"}),
        (("+tag:slow",), {"ods.ods_price", "dwd.dwd_price", "dws.dws_price"}),
        (("tag:nightly", "tag:slow"), {"ods.ods_price", "dws.dws_price"}),
        (("tag:core,ods",), {"ods.ods_price"}),
        (("--exclude", "tag:slow"), {"ods.ods_price", "dwd.dwd_price"}),
        (("--select", "tag:slow"), {"dws.dws_price"}),
    ],
)
def test_a_tag_selects_the_tables_that_bear_it(tagged, words, found):
    assert _names(tagged("ls", *words, "-o", "json")) == found


def test_an_unknown_tag_is_told_with_the_nearest(tagged):
    answer = tagged("ls", "tag:nigthly")

    assert answer.code == 2
    assert "`tag:nigthly` selects no table" in answer.err
    assert "did you mean `nightly`?" in answer.err


def test_without_any_tag_that_is_said(project):
    assert "no contract has `tags:`" in project("ls", "tag:x").err


def test_a_shell_completes_tags(tagged):
    tagged.write("sql/dwd/dwd_bad.yml", "tags: [")

    told = tagged.completed("+tag:n", shell="zsh")

    assert "+tag:nightly" in told
    assert "slow" not in told
