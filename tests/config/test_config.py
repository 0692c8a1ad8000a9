"""`nomad.yaml`: values, origins, and every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import ROOT
from nomad.config.config import Config, find_root, load
from nomad.config.keys import KEYS, MAPS
from nomad.errors import ConfigError, NoProject


def read(tmp_path: Path, text: str, environment: str | None = None, **environ: str) -> Config:
    (tmp_path / "nomad.yaml").write_text(text, encoding="utf-8")
    return load(tmp_path, environ=environ, environment=environment)


def faults(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as e:
        read(tmp_path, text, **environ)
    return str(e.value)


def test_an_empty_file_gives_the_defaults(tmp_path):
    config = read(tmp_path, "")

    assert config.layers == ("ods", "dwd", "dim", "dwm", "dws", "ads")
    assert config.lake.url == "lake"
    assert config.lake.history == 1
    assert config.engine.jobs == 2
    assert config.sources == {}


def test_the_environment_is_read(tmp_path):
    text = "lake: {url: '${LAKE:-lake}'}\nvars: {least: '${LEAST}'}"
    config = read(tmp_path, text, LAKE="other", LEAST="3")

    assert config.lake.url == "other"
    assert config.vars == {"LEAST": "3"}


def test_a_variable_that_is_not_set_is_a_fault(tmp_path):
    assert faults(tmp_path, "vars: {least: '${LEAST}'}") == (
        "nomad.yaml:1: `${LEAST}` is not set in the environment"
    )


def test_an_environment_overlays_the_file_and_a_variable_overlays_both(tmp_path):
    text = "lake: {url: a, history: 3}\nenvironments:\n  prod: {lake: {url: b}}\n"

    assert read(tmp_path, text).lake.url == "a"
    assert read(tmp_path, text, NOMAD_ENV="prod").lake.url == "b"
    prod = read(tmp_path, text, environment="prod", NOMAD_LAKE_HISTORY="0")
    assert (prod.lake.url, prod.lake.history) == ("b", 0)
    assert prod.origins["lake.url"] == "nomad.yaml:3"
    assert prod.origins["lake.history"] == "NOMAD_LAKE_HISTORY"


def test_all_faults_are_told_at_once_each_with_its_line(tmp_path):
    text = (
        "timezon: UTC\n"
        "layers: ods\n"
        "lake:\n"
        "  urll: x\n"
        "engine: {jobs: 0, memory_limit: lots}\n"
        "naming: loose\n"
        "vars: {partition_date: 1}\n"
        "sources: {price: {path: x.csv}}\n"
    )

    assert faults(tmp_path, text).splitlines() == [
        "nomad.yaml:1: unknown key `timezon`: did you mean `timezone`?",
        "nomad.yaml:4: unknown key `lake.urll`: did you mean `url`?",
        "nomad.yaml:2: `layers` must be a list of names (got 'ods')",
        "nomad.yaml:5: `engine.memory_limit` must be a size like `4GB` or a share like `70%`"
        " (got 'lots')",
        "nomad.yaml:5: `engine.jobs` must be a whole number of at least 1 (got 0)",
        "nomad.yaml:6: `naming` must be `strict` or `free` (got 'loose')",
        "nomad.yaml:7: `vars.partition_date` is given by `--dt`",
        "nomad.yaml:8: source `price` needs a `connector`, e.g. `file`",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lake: {url: [}", "not valid YAML"),
        pytest.param(
            f"engine: {{jobs: {'1' * 100_000}}}", "nomad.yaml:1: the number is too long", id="long"
        ),
        ("- a", "must be `key: value` lines"),
        ("naming: free\nnaming: strict", "`naming` is given twice"),
        ("timezone: Mars/Olympus", "must be a time zone like"),
        ("attach: {shop: {a: b}}", "`attach.shop` must be a single value"),
        ("lake: [1]", "`lake` must hold `name: value` pairs"),
    ],
)
def test_a_fault(tmp_path, text, message):
    assert message in faults(tmp_path, text)


def test_a_secret_in_plain_text_is_refused_and_not_repeated(tmp_path):
    text = "sources: {x: {connector: file, path: a.csv, password: hunter2}}"

    told = faults(tmp_path, text)

    assert "`password` holds a secret in plain text" in told
    assert "hunter2" not in told


def test_an_unknown_environment_names_the_known(tmp_path):
    with pytest.raises(ConfigError, match="no environment `prd`: did you mean `prod`"):
        read(tmp_path, "environments: {prod: {naming: free}}", environment="prd")


def test_the_project_is_found_from_a_folder_below(tmp_path):
    (tmp_path / "nomad.yaml").touch()
    (tmp_path / "sql" / "ods").mkdir(parents=True)

    assert find_root(tmp_path / "sql" / "ods") == tmp_path


def test_no_project_says_how_to_start_one(tmp_path):
    with pytest.raises(NoProject) as e:
        find_root(tmp_path)

    assert e.value.exit_code == 2
    assert "nomad init" in (e.value.hint or "")


def test_the_shipped_file_is_the_manual():
    """Every key, with a comment, stands in the reference project's nomad.yaml."""
    text = (ROOT / "nomad.yaml").read_text(encoding="utf-8")
    names = {part for key in KEYS for part in key.split(".")} | set(MAPS)

    assert [n for n in names if f"{n}:" not in text] == []
    assert load(ROOT, environ={}).layers == ("ods", "dwd", "dim", "dwm", "dws", "ads")


def _bomb(levels: int) -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    more = (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels))
    return "\n".join([*rows, *more]) + "\n"


@pytest.mark.parametrize(
    "text",
    [
        _bomb(9),
        "vars: " + "[" * 5000 + "]" * 5000,
        "vars: " + "{a: " * 500 + "1" + "}" * 500,
        "? [a, b]\n: 1\n",
        "# " + "x" * 10_000_001,
        "vars: &v\n  a: *v\n",
    ],
    ids=["bomb", "deep", "deeper", "key", "large", "loop"],
)
@pytest.mark.parametrize("path", ["nomad.yaml", "sql/dwd/dwd_price.yml"])
def test_a_file_that_would_fill_memory_is_refused(project, path, text):
    """Nine lines of aliases stand for a thousand million values."""
    project.write(path, text)

    answer = project("plan")

    assert answer.code == 2
    assert path in answer.err
    assert len(answer.err) < 1000


def test_an_alias_is_read(project):
    project.write("nomad.yaml", "layers: [ods, dwd, dws]\nvars: {a: &x 1, b: *x}\n")

    assert "vars.b" in project("config").out


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("000100", "000100"), ("010", "010"), ("12:30", "12:30"), ("1.10", "1.10"),
        ("0x10", "0x10"), ("NO", "NO"), ("yes", "yes"), ("true", "true"), ("7", "7"),
    ],
)  # fmt: skip
def test_a_variable_is_what_was_typed(empty, typed, value):
    """YAML 1.1 takes a code for an octal number, a time for a number and a country for false."""
    empty.write("nomad.yaml", f"vars: {{x: {typed}}}\n")

    assert load(empty.root, environ={}).vars == {"X": value}


def test_a_code_in_a_list_or_a_map_stays_one(empty):
    text = "{connector: rest, url: 'http://x', each: [000001, 0600], params: {code: 000001, n: 5}}"
    empty.write("nomad.yaml", f"sources:\n  s: {text}\n")

    options = load(empty.root, environ={}).sources["s"].options

    assert options["each"] == ["000001", "0600"]
    assert options["params"] == {"code": "000001", "n": 5}


@pytest.mark.parametrize("key", ["token_url", "TOKEN_URL", "secret_uri"])
def test_an_address_is_no_secret_by_its_key(empty, key):
    address = "https://auth.example.com/oauth2/v1"
    empty.write("nomad.yaml", f"vars: {{{key}: {address}}}\n")

    assert load(empty.root, environ={}).vars == {key.upper(): address}
    assert address in empty("config").out


def test_where_a_token_is_asked_for_may_be_written_down(empty):
    auth = "{type: oauth2, token_url: 'https://auth.example.com/v1', client_id: me,"
    for secret, code in (("${SECRET}", 0), ("hunter2", 2)):
        rest = f"{{connector: rest, url: 'https://api.example.com', auth: {auth}"
        empty.write("nomad.yaml", f"sources:\n  s: {rest} client_secret: '{secret}'}}}}\n")
        assert (answer := empty("config", env={"SECRET": "hunter2"})).code == code
        assert "hunter2" not in answer.out + answer.err


def test_a_password_of_digits_is_a_secret_too(empty):
    text = "{connector: postgres, table: t, password: 87654321}"
    empty.write("nomad.yaml", f"sources:\n  s: {text}\n")

    with pytest.raises(ConfigError, match="holds a secret in plain text"):
        load(empty.root, environ={})
