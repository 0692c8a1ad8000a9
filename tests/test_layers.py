"""A room imports only from floors below its own, and each library has its doors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

LIB = Path(__file__).parents[1] / "lib" / "nomad"

FLOORS = {
    "cache": 0, "errors": 0,
    "address": 1, "names": 1, "partition": 1, "requests": 1, "shelf": 1, "unfit": 1, "yamlfile": 1,
    "config": 2, "manifest": 2, "scaffold": 2,
    "sqlfile": 3, "store": 3, "parsing": 3, "engine": 3, "render": 3, "contract": 3,
    "project": 4, "mirror": 4, "layout": 4, "ledger": 4,
    "selection": 5, "pruning": 5, "journal": 5, "claims": 5, "extract": 5, "lake": 5,
    "schemas": 6, "freshness": 6, "fullscan": 6, "ownpast": 6,
    "merge": 5, "build": 6, "catalog": 6, "publish": 6,
    "plan": 7, "lineage": 7, "superseded": 7, "workspace": 7, "doctor": 7, "quality": 7,
    "run": 8, "ask": 8, "lint": 8,
    "api": 9, "cli": 9, "__main__": 10,
}  # fmt: skip

DOORS = {
    "duckdb": {"engine"},
    "sqlglot": {"sqlfile", "lineage"},
    "yaml": {"yamlfile"},
    "rich": {"render"},
    "click": {"cli"},
    "openpyxl": {"extract"},
    "boto3": {"store"},
    "botocore": {"store"},
    "sqlite3": {"shelf"},
}


def _room(path: Path) -> str:
    return path.relative_to(LIB).parts[0].removesuffix(".py")


def _imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "nomad":
            found += [f"nomad.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module or "")
    return found


def _modules() -> list[Path]:
    return [p for p in LIB.rglob("*.py") if p != LIB / "__init__.py"]


def test_every_room_is_on_the_map():
    assert {_room(p) for p in _modules()} == set(FLOORS)


def test_the_map_in_the_docs_is_this_one():
    text = (LIB.parents[1] / "docs" / "rooms.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)`", text, re.MULTILINE)
    told = {room: int(floor) for floor, room in rows}

    assert told == {room: floor for room, floor in FLOORS.items() if room != "__main__"}


def test_rooms_import_only_from_floors_below():
    upward = [
        f"{_room(path)} imports {name}"
        for path in _modules()
        for name in _imports(path)
        if name.startswith("nomad.")
        and name != "nomad.__version__"
        and (room := name.split(".")[1]) != _room(path)
        and FLOORS[room] >= FLOORS[_room(path)]
    ]

    assert upward == []


def test_each_library_has_its_doors():
    strays = [
        f"{_room(path)} imports {name}"
        for path in _modules()
        for name in _imports(path)
        if _room(path) not in DOORS.get(name.split(".")[0], {_room(path)})
    ]

    assert strays == []


def test_sys_exit_is_for_the_command_line():
    callers = {_room(p) for p in _modules() if "sys.exit" in p.read_text(encoding="utf-8")}

    assert callers <= {"cli"}


def test_no_file_outgrows_one_sitting():
    long = [p.name for p in _modules() if len(p.read_text(encoding="utf-8").splitlines()) > 350]

    assert long == []
