"""Names the table of each SQL file, and says what is wrong with a name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nomad.config.config import Config
from nomad.errors import NomadError, SqlFileError
from nomad.files import below
from nomad.names import TableName, is_plain
from nomad.project.contracts import CHECKS
from nomad.project.reading import shown

SQL = "sql"

Named = tuple[dict[TableName, Path], dict[TableName, NomadError], list[NomadError]]


def paths(root: Path) -> Iterator[Path]:
    """Find the SQL files of tables."""
    for path in sql_files(root / SQL):
        if shown(path, root).split("/")[1] != CHECKS:
            yield path


def sql_files(folder: Path) -> list[Path]:
    """Find the SQL files below a folder, in order."""
    return sorted(p for p in below(folder) if p.suffix == ".sql" and not is_hidden(p))


def misspelt(root: Path) -> Iterator[SqlFileError]:
    """Tell of files that would be passed over for the letters of their ending: `x.SQL`."""
    for path in sorted(below(root / SQL)):
        if path.suffix != ".sql" and path.suffix.lower() == ".sql" and not is_hidden(path):
            yield SqlFileError(
                f"its ending is `{path.suffix}`, and only `.sql` is read",
                where=shown(path, root),
                hint=f"rename it to `{path.stem}.sql`",
            )


def is_hidden(path: Path) -> bool:
    """Tell of a file that an editor keeps while another one is open: `.#x.sql`, `#x.sql#`."""
    return path.name.startswith((".", "#"))


def named(config: Config) -> Named:
    """Name the table of each file; and what is wrong with a name, by table, or of none.

    Two of one name are both broken: which of them a bare name means, nobody can tell.
    """
    files: dict[TableName, Path] = {}
    faults: dict[TableName, NomadError] = {}
    strays: list[NomadError] = []
    strays += misspelt(config.root)
    seen: dict[str, TableName] = {}
    for path in paths(config.root):
        try:
            name = _name(path, config)
        except SqlFileError as e:
            strays.append(e)
            continue
        twin = seen.get(name.name.lower())
        if twin is None:
            seen[name.name.lower()] = name
            files[name] = path
        else:
            faults[twin] = _twice(path, files[twin], config.root)
    return files, faults, strays


def _name(path: Path, config: Config) -> TableName:
    """Name the table of a file: the first folder is its layer."""
    where = shown(path, config.root)
    parts = where.split("/")[1:]
    if parts[0] not in config.layers or parts[0] == path.name:
        layers = ", ".join(config.layers)
        raise SqlFileError(
            f"not in the folder of a layer ({layers})",
            where=where,
            hint="move it to sql/<layer>/, or add the layer under `layers:` in nomad.yaml",
        )
    name = TableName(parts[0], path.stem)
    if not is_plain(name.name):
        raise SqlFileError(
            "a table's name has ASCII letters, digits and `_` only, and no digit first",
            where=where,
            hint="rename the file",
        )
    if config.naming == "strict" and not name.name.startswith(f"{name.layer}_"):
        raise SqlFileError(
            f"the name doesn't start with its layer, `{name.layer}_`",
            where=where,
            hint=f"rename it to `{_strict(name)}.sql`, or set `naming: free`",
        )
    return name


def _strict(name: TableName) -> str:
    """Give a name that begins with its layer, in the layer's spelling."""
    head = f"{name.layer}_"
    return name.name.lower() if name.name.lower().startswith(head) else f"{head}{name.name}"


def _twice(path: Path, twin: Path, root: Path) -> SqlFileError:
    return SqlFileError(
        f"a table's name is unique in a project, and `{path.stem}` is there twice",
        where=shown(path, root),
        hint=f"the other one is {shown(twin, root)}: rename one of them",
    )
