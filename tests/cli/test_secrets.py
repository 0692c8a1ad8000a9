"""A secret is nowhere: not on a terminal, not in a journal, a catalog, a cache or a manifest."""

from __future__ import annotations

import re

import pytest

SECRET = "hunter2-and-more"

SOURCES = [
    "http://bob:${TOK}@127.0.0.1:9/x.csv",
    "http://127.0.0.1:9/x.csv?day=1&token=${TOK}",
    "http://127.0.0.1:9/x.csv?sig=${TOK}&day=1",
    "http://127.0.0.1:9/x.csv?api_key=${TOK}",
    "http://127.0.0.1:9/${TOK}/x.csv?access_token=${TOK}",
    "http://127.0.0.1:9/x.csv?code=${TOK}",
    "${ALL}",
]


def everywhere(root):
    """All files of a project but its configuration, as bytes."""
    for path in root.rglob("*"):
        if path.is_file() and path.name != "nomad.yaml":
            yield path, path.read_bytes()


@pytest.mark.parametrize("path", SOURCES)
@pytest.mark.parametrize("words", [("extract", "web"), ("extract", "web", "-o", "json"),
                                   ("extract", "web", "-v", "--log-format", "json")])  # fmt: skip
def test_the_secret_of_a_source_is_nowhere(empty, path, words):
    empty.write(
        "nomad.yaml",
        f'sources: {{web: {{connector: file, format: csv, retries: 0, path: "{path}"}}}}\n',
    )
    env = {"TOK": SECRET, "ALL": f"http://127.0.0.1:9/x.csv?code={SECRET}"}

    answers = [
        empty(*words, env=env),
        empty("config", env=env),
        empty("catalog", "refresh", env=env),
    ]

    assert answers[0].code == 3
    for answer in answers:
        assert SECRET not in answer.out + answer.err
    assert "***" in answers[0].err
    assert "***" in answers[1].out
    assert [p for p, data in everywhere(empty.root) if SECRET.encode() in data] == []


@pytest.mark.parametrize(
    ("path", "secret", "shown"),
    [
        ("http://bob:${TOK}@127.0.0.1:9/x.csv", "Zs3cr3tT0ken+/=x", "bob:***@127.0.0.1:9/x.csv"),
        ("http://127.0.0.1:9/x.csv?code=${TOK}", "abc12", "/x.csv?code=***"),
        ("http://127.0.0.1:9/${TOK}/x.csv?c=${TOK}", "q7", "127.0.0.1:9/***/x.csv?c=***"),
        ("http://127.0.0.1:9/$<PARTITION_DATE>.csv?c=${TOK}&sig=k", "q/", ".csv?c=***&sig=***"),
        ("http://127.0.0.1:9/x.csv?sig=${TOK}", "schlüssel", "/x.csv?sig=***"),
        ("${ALL}", "q7", "/x.csv?***"),
    ],
)
def test_a_secret_is_masked_by_its_place(empty, path, secret, shown):
    """What an address asks with, and a password, are hidden whatever their length and letters."""
    source = f'{{connector: file, format: csv, retries: 0, path: "{path}"}}'
    empty.write("nomad.yaml", f"vars: {{same: q7}}\nsources: {{web: {source}}}\n")
    env = {"TOK": secret, "ALL": f"http://127.0.0.1:9/x.csv?a={secret}"}

    answer = empty("extract", "web", "--dt", "2024-01-02", env=env)
    same, address = empty("config", env=env).out.split("sources.web.path")

    assert answer.code == 3
    assert f"{shown}: source `web` can't be reached: [Errno 111]" in answer.err
    journals = [p.read_text() for p in empty.root.glob("lake/_runs/*/*")]
    assert all(secret not in text for text in (answer.out, answer.err, address, *journals))
    assert shown in address
    assert re.search("vars.same +q7 ", same), "the same letters elsewhere are no secret"


@pytest.mark.parametrize("ending", ["", "?"])
def test_a_password_that_cuts_its_address_short_stops_that_source_alone(empty, ending):
    """A `/` or `#` in it is not taken for the end of the host: how to write it is said."""
    empty.write("a.csv", "n\n1\n")
    empty.write(
        "nomad.yaml",
        "sources:\n  fine: {connector: file, path: a.csv}\n"
        f"  web: {{connector: file, path: 'http://me:pa/ss#{ending}w@127.0.0.1:9/x.csv'}}\n",
    )

    answer = empty("extract")

    assert answer.code == 2
    assert "published  raw.fine" in answer.out
    assert "source `web`: the password in its address has a `/`, `?` or `#` in it" in answer.err
    assert "write `/` as %2F" in answer.err
    assert "pa/ss" not in answer.out + answer.err + empty("config").out


def test_the_secret_of_a_variable_is_nowhere(empty):
    """A variable that came from `--var` is masked where it stands for a key."""
    empty.write(
        "nomad.yaml",
        'sources: {web: {connector: file, format: csv, retries: 0, path: "http://127.0.0.1:9/a?key=$<KEY>"}}\n',
    )

    answer = empty("extract", "web", "--var", f"key={SECRET}")

    assert SECRET not in answer.out + answer.err
    assert [p for p, data in everywhere(empty.root) if SECRET.encode() in data] == []


@pytest.mark.parametrize(
    "address",
    [
        "postgres:dbname=shop host=127.0.0.1 port=9 password=${TOK}",
        "postgres://me:${TOK}@127.0.0.1:9/shop",
        f"postgres://me:{SECRET}@127.0.0.1:9/shop",
        "sqlite:/nowhere/${TOK}/x.db?password=${TOK}",
        f"postgres:host=127.0.0.1 port=9 password=''some {SECRET}''",
        "postgres:host=127.0.0.1 port=9 sslpassword=${TOK}",
    ],
)
def test_the_secret_of_a_database_is_nowhere(project, address):
    text = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", text + f"attach: {{shop: '{address}'}}\n")
    env = {"TOK": SECRET}

    answers = [project("config", env=env), project("sql", "select 1", env=env),
               project("extract", "--dt", "2024-01-02", env=env)]  # fmt: skip
    answers.append(project("run", "--dt", "2024-01-02", env=env))

    for answer in answers:
        assert SECRET not in answer.out + answer.err
    assert [p for p, data in everywhere(project.root) if SECRET.encode() in data] == []


def test_the_secret_in_a_query_is_not_shown_and_not_kept(project):
    text = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", text + "vars: {api_token: '${TOK}'}\n")
    project.write("sql/ods/ods_x.sql", "select '$<API_TOKEN>'::int as x")
    env = {"TOK": SECRET}

    for words in (("ls",), ("render", "ods_x"), ("run", "ods_x"), ("config",)):
        answer = project(*words, env=env)
        assert SECRET not in answer.out + answer.err
    assert [p for p, data in everywhere(project.root) if SECRET.encode() in data] == []


def test_the_secret_of_a_header_is_not_shown(project):
    project.write("sql/ods/ods_x.sql", f"select ('Authorization: Bearer {SECRET}')::int as x")

    answer = project("run", "ods_x")

    assert SECRET not in answer.out + answer.err
    assert "Authorization: Bearer ***" in answer.err


def test_dates_of_an_address_are_no_secrets(project):
    """A date that stands for a key, and what is not told by a place of its own, are shown."""
    address = "http://${HOST}:9/x@y.csv?key=$<PARTITION_DATE>"
    project.write(
        "nomad.yaml", f"sources: {{web: {{connector: file, retries: 0, path: '{address}'}}}}\n"
    )

    for day in ("2024-01-02", "2024-01-03"):
        answer = project("extract", "web", "--dt", day, env={"HOST": "localhost"})
        assert day in answer.out
        assert "http://localhost:9/x@y.csv?key=***" in answer.err
    assert "x@y.csv" in project("config", env={"HOST": "localhost"}).out


def test_nothing_else_is_masked(project):
    """A value that is no secret, and one too short to be any, stays as it is."""
    text = (project.root / "nomad.yaml").read_text()
    project.write("nomad.yaml", text + "vars: {min_price: '${LEAST}', my_token: '${TOK}'}\n")
    project.write("sql/ods/ods_x.sql", "select 100000 + 'no number'::int as x")

    answer = project("run", "ods_x", env={"LEAST": "100000", "TOK": "1"})

    assert "***" not in answer.err
    assert "100000" in answer.err
