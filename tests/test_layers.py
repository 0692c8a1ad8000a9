"""A package imports only from layers below its own, and each library has its adapters."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from pkgutil import resolve_name

import pytest

LIB = Path(__file__).parents[1] / "lib" / "nomad"

LAYERS = {
    "errors": 0, "names": 0, "hashing": 0, "cache": 0,
    "dates": 1, "schema": 1, "files": 1, "locks": 1,
    "partitions": 2, "store": 2,
    "config": 3,
    "engine": 4,
    "sqlfile": 5, "contract": 5, "extract": 5, "lake": 5,
    "project": 6,
    "plan": 7, "catalog": 7,
    "build": 8, "workspace": 8,
    "query": 9,
    "run": 10, "lint": 10,
    "ingest": 11,
    "api": 12, "cli": 12,
    "__main__": 13,
}  # fmt: skip

ADAPTERS = {
    "duckdb": {"engine"},
    "sqlglot": {"sqlfile", "plan.lineage"},
    "yaml": {"config.yamlfile"},
    "rich": {"cli.printing"},
    "click": {"cli"},
    "openpyxl": {"extract.excel"},
    "boto3": {"store.client"},
    "botocore": {"store.client", "store.probe"},
    "sqlalchemy": {"extract.alchemy"},
    "sqlite3": {"lake.object_cache"},
    "backports": {"extract.packed"},
    "fsspec": {"extract.remote"},
    "urllib3": {"extract.http"},
    "pyarrow": {"extract.frames"},
    "redis": {"extract.connectors.redis"},
    "dlt": {"extract.connectors.dlt"},
    "confluent_kafka": {"extract.connectors.kafka", "extract.topics"},
}


def module(path: Path) -> str:
    """`lake.manifest` of lib/nomad/lake/manifest.py."""
    parts = path.relative_to(LIB).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def package(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def imports(path: Path) -> list[str]:
    """The dotted names a module imports, those of nomad with the name of what they give."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nomad"):
            names += [_given(f"{node.module}.{alias.name}") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def _given(name: str) -> str:
    """The module of a dotted name, or the name, where nomad itself gives it."""
    above = name.rpartition(".")[0]
    return name if name.removeprefix("nomad.") in MODULES or above == "nomad" else above


MODULES = {module(p): p for p in sorted(LIB.rglob("*.py")) if p != LIB / "__init__.py"}
PACKAGES = sorted(p.parent for p in LIB.rglob("__init__.py") if p.parent != LIB)


def test_every_package_has_a_layer():
    assert {package(name) for name in MODULES} == set(LAYERS)


def test_the_layers_in_the_docs_are_these():
    text = (LIB.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", text, re.MULTILINE)

    assert {name: int(layer) for layer, name in rows} == {
        name: layer for name, layer in LAYERS.items() if name != "__main__"
    }


def test_the_functions_that_the_docs_follow_are_there():
    text = (LIB.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = "|".join({package(name) for name in MODULES})
    named = set(re.findall(rf"`((?:{packages})(?:\.\w+){{2,}})`", text))

    assert len(named) > 15
    assert all(resolve_name(f"nomad.{name}") for name in named)


def test_packages_import_only_from_layers_below():
    upward = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        for imported in imports(path)
        if imported.startswith("nomad.")
        and imported != "nomad.__version__"
        and (below := package(imported.removeprefix("nomad."))) != package(name)
        and LAYERS[below] >= LAYERS[package(name)]
    ]

    assert upward == []


def test_no_two_modules_import_each_other_in_a_circle():
    graph = {
        name: {
            below
            for imported in imports(path)
            if (below := imported.removeprefix("nomad.")) in MODULES and below != package(name)
        }
        for name, path in MODULES.items()
    }

    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_each_library_has_its_adapters():
    strays = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        for imported in imports(path)
        if (adapters := ADAPTERS.get(package(imported))) and not {name, package(name)} & adapters
    ]

    assert strays == []


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda p: p.name)
def test_a_package_says_its_job_and_names_its_modules(folder):
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    text = ast.get_docstring(tree) or ""
    if folder.name != "cli":  # one module for each command, as `nomad --help` lists them
        assert len(tree.body) == 1
        modules = {p.stem for p in folder.glob("*.py")} - {"__init__"}
        assert modules - set(re.findall(r"`(\w+)`", text)) == set()
    assert text.splitlines()[0].endswith(".")


def test_only_the_layout_spells_the_paths_of_the_lake():
    spelled = re.compile(r"manifest\.json|_SUCCESS|_history|_quarantine|_runs")
    strays = [
        f"{name}:{node.lineno}"
        for name, path in MODULES.items()
        if name != "lake.layout"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and spelled.fullmatch(node.value.strip("/"))
    ]

    assert strays == []


def test_only_partitions_spells_the_name_of_a_folder():
    strays = [
        name
        for name, path in MODULES.items()
        if name != "partitions" and re.search(r"\bdt=|\{COLUMN\}=", _code(path))
    ]

    assert strays == []


def _code(path: Path) -> str:
    """The texts in a module's code, without those that only say what it does."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    texts = [n for n in ast.walk(tree) if isinstance(n, (ast.Constant, ast.JoinedStr))]
    return "\n".join(ast.unparse(n) for n in texts if id(n) not in told)


def test_sys_exit_is_for_the_command_line():
    callers = {package(name) for name, p in MODULES.items() if "sys.exit" in p.read_text("utf-8")}

    assert callers <= {"cli"}


def test_no_file_outgrows_one_sitting():
    long = [n for n, p in MODULES.items() if len(p.read_text("utf-8").splitlines()) > 350]

    assert long == []
