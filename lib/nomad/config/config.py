"""`nomad.yaml` and the environment, read into frozen values.

All faults of the file are reported at once, each with its line. Order of precedence: a `NOMAD_*`
variable, the chosen environment's overlay, the file, the default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nomad.cache import Cache
from nomad.config import calendars, lake, sources
from nomad.config.calendars import Calendar
from nomad.config.keys import KEYS, MAPS, fault_of_attached, zone_of
from nomad.config.lake import LakeConfig
from nomad.config.options import Declares
from nomad.config.sources import SourceConfig
from nomad.config.tree import FILE, SECRET, Leaf, Tree, Value, line, overlay, parse
from nomad.errors import ConfigError, NoProject, hide, masked, page
from nomad.names import did_you_mean


class EngineConfig(NamedTuple):
    """What DuckDB may use: memory (`4GB` or a share like `70%`) and steps side by side.

    `lock_wait` is for how many seconds a lock that one and the same process holds is waited for.
    """

    memory_limit: str = "70%"
    jobs: int = 2
    lock_wait: int = 60


@dataclass(frozen=True)
class Config:
    """All that `nomad.yaml` and the environment say of one project."""

    root: Path
    timezone: str | None
    layers: tuple[str, ...]
    lake: LakeConfig
    engine: EngineConfig
    vars: Mapping[str, str]
    attach: Mapping[str, str]
    naming: str
    sources: Mapping[str, SourceConfig]
    environment: str | None
    origins: Mapping[str, str]
    calendar: Calendar | None = None
    parallel: int = 1


_KEYS_OF_AWS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


_MISSPELT = "nomad.yml"


def _misspelt(folder: Path) -> NoProject:
    return NoProject(
        f"no `{FILE}`, but there is a `{_MISSPELT}`",
        where=str(folder),
        hint=f"rename it: mv {_MISSPELT} {FILE}",
    )


def find_root(start: Path) -> Path:
    """Name the nearest folder at or above `start` that has a `nomad.yaml`.

    Raises:
        NoProject: there is none up to the root of the file system.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
        if (folder / _MISSPELT).is_file():
            raise _misspelt(folder)
    raise NoProject(
        f"no `{FILE}` in {start} or any folder above",
        hint="start a project with `nomad init DIR`, or name one with `--project DIR`",
    )


def load(
    root: Path,
    *,
    environ: Mapping[str, str],
    environment: str | None = None,
    cache: Cache | None = None,
    connectors: Mapping[str, Declares] | None = None,
) -> Config:
    """Read a project's configuration; `connectors` declare what its sources' options may be.

    Raises:
        NoProject: the folder has no `nomad.yaml`.
        ConfigError: the file has faults; the message lists them all.
    """
    if (root / _MISSPELT).is_file() and not (root / FILE).is_file():
        raise _misspelt(root)
    if not (root / FILE).is_file():
        raise NoProject(f"no `{FILE}` in {root}", hint="start a project with `nomad init DIR`")
    for key in _KEYS_OF_AWS:
        hide(environ.get(key, ""))
    faults: list[str] = []
    name = environment or environ.get("NOMAD_ENV") or None
    tree = _merged(parse(root / FILE, environ, faults, cache or Cache()), name, environ, faults)
    values = {key: _value(tree, key, faults) for key in KEYS}
    config = Config(
        root=root,
        timezone=(values["timezone"] and str(values["timezone"])) or zone_of(environ),
        layers=tuple(str(v) for v in _as_list(values["layers"])),
        lake=lake.read(values, environ, root, faults),
        engine=EngineConfig(
            str(values["engine.memory_limit"]),
            _as_int(values["engine.jobs"]),
            _as_int(values["engine.lock_wait"]),
        ),
        vars=_vars(tree, faults),
        attach=_attach(tree, faults),
        naming=str(values["naming"]),
        sources=sources.read(tree, faults, connectors),
        environment=name,
        origins={**lake.origins(environ), **dict(_origins(tree))},
        calendar=calendars.read(tree, faults),
        parallel=_as_int(values["extract.parallel"]),
    )
    if faults:
        of_sources = all(": source `" in fault for fault in faults)
        told = page("sources.md" if of_sources else "config.md")
        raise ConfigError("\n".join(faults), hint=f"every key is described in {told}")
    return config


def _as_list(value: Value) -> list[object]:
    return value if isinstance(value, list) else []


def _as_int(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _merged(
    tree: Tree, environment: str | None, environ: Mapping[str, str], faults: list[str]
) -> Tree:
    """Lay the environment's overlay and the `NOMAD_*` variables over the file."""
    environments = tree.pop("environments", {})
    known = environments if isinstance(environments, dict) else {}
    if isinstance(environments, Leaf) and environments.value is not None:
        faults.append(f"{environments.origin}: `environments` must hold `name: {{…}}` pairs")
    for name, laid_over in known.items():
        if isinstance(laid_over, dict):
            _unknown_keys(laid_over, faults, prefix=f"environments.{name}.")
        else:
            faults.append(f"{line(laid_over)}: `environments.{name}` must hold `key: value` pairs")
    _unknown_keys(tree, faults)
    if environment is not None:
        chosen = known.get(environment)
        if not isinstance(chosen, dict):
            near = did_you_mean(environment, known) or f"known: {', '.join(known) or 'none'}"
            faults.append(f"{FILE}: no environment `{environment}`: {near}")
        else:
            tree = overlay(tree, chosen)
    return overlay(tree, _from_environ(environ))


def strangers(environ: Mapping[str, str]) -> list[ConfigError]:
    """Name the variables of the environment that look like keys of `nomad.yaml` and are none."""
    known = sorted(_variable(k) for k in KEYS)
    return [
        ConfigError(f"nothing reads the variable `{name}`", hint=did_you_mean(name, known))
        for name in sorted(environ)
        if name.startswith(("NOMAD_LAKE_", "NOMAD_ENGINE_")) and name not in known
    ]


def _variable(key: str) -> str:
    return "NOMAD_" + key.replace(".", "_").upper()


def _from_environ(environ: Mapping[str, str]) -> Tree:
    tree: Tree = {}
    for key, rule in KEYS.items():
        variable = _variable(key)
        if variable not in environ:
            continue
        text = environ[variable]
        value = _typed(text, rule.default)
        if isinstance(rule.default, list):
            value = [v.strip() for v in text.split(",")]
        head, _, last = key.rpartition(".")
        leaf = Leaf(value, variable)
        branch: Tree = {last: leaf}
        tree = overlay(tree, {head: branch} if head else branch)
    return tree


def _unknown_keys(tree: Tree, faults: list[str], *, prefix: str = "") -> None:
    tops = {k.split(".")[0] for k in KEYS} | set(MAPS)
    for key, value in tree.items():
        known = {k.split(".")[1] for k in KEYS if k.startswith(key + ".")}
        if key not in tops:
            faults.append(f"{line(value)}: unknown key `{prefix}{key}`{_near(key, tops)}")
        elif known and isinstance(value, Leaf) and value.value is not None:
            faults.append(f"{line(value)}: `{prefix}{key}` must hold `name: value` pairs")
        elif known and isinstance(value, dict):
            for sub, leaf in value.items():
                if sub not in known:
                    path = f"{prefix}{key}.{sub}"
                    faults.append(f"{line(leaf)}: unknown key `{path}`{_near(sub, known)}")


def _near(word: str, known: set[str]) -> str:
    hint = did_you_mean(word, sorted(known))
    return f": {hint}" if hint else f" (known: {', '.join(sorted(known)) or 'none'})"


def _value(tree: Tree, key: str, faults: list[str]) -> Value:
    found: Leaf | Tree = tree
    for part in key.split("."):
        if not isinstance(found, dict):
            return KEYS[key].default
        found = found[part] if part in found else Leaf(None, "default")
    if isinstance(found, dict):
        faults.append(f"{line(found)}: `{key}` must be a single value")
        return KEYS[key].default
    if found.value is None:
        return KEYS[key].default
    value = _typed(found.value, KEYS[key].default)
    if fault := KEYS[key].check(value):
        got = "" if "@" in str(value) else f" (got {value!r})"
        faults.append(f"{found.origin}: `{key}` {fault}{got}")
        return KEYS[key].default
    return value


def _typed(value: Value, default: Value) -> Value:
    """Read a number or a switch that came as text, from a variable."""
    if isinstance(value, str) and isinstance(default, bool):
        return {"true": True, "false": False}.get(value.lower(), value)
    return int(value) if isinstance(value, str) and _counts(value, default) else value


def _counts(text: str, default: Value) -> bool:
    short = text.isascii() and len(text) <= _MOST_DIGITS
    return isinstance(default, int) and short and text.isdigit()


_MOST_DIGITS = 18


def _leaves(tree: Tree, key: str, faults: list[str]) -> Iterator[tuple[str, Leaf]]:
    branch = tree.get(key, {})
    if isinstance(branch, Leaf):
        if branch.value is not None:
            faults.append(f"{branch.origin}: `{key}` must hold `name: value` pairs")
        return
    for name, leaf in branch.items():
        if isinstance(leaf, Leaf):
            yield name, leaf
        else:
            faults.append(f"{line(leaf)}: `{key}.{name}` must be a single value")


def _vars(tree: Tree, faults: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, leaf in _leaves(tree, "vars", faults):
        if name.upper() == "PARTITION_DATE":
            faults.append(f"{leaf.origin}: `vars.{name}` is given by `--dt`")
        if isinstance(leaf.value, list):
            faults.append(f"{leaf.origin}: `vars.{name}` must be a single value")
        found[name.upper()] = _plain(leaf.written if isinstance(leaf.value, float) else leaf.value)
    return found


def _attach(tree: Tree, faults: list[str]) -> dict[str, str]:
    layers = tree.get("layers")
    schemas = layers.value if isinstance(layers, Leaf) else KEYS["layers"].default
    taken = {str(s).lower() for s in schemas} if isinstance(schemas, list) else set()
    found: dict[str, str] = {}
    for name, leaf in _leaves(tree, "attach", faults):
        if fault := fault_of_attached(name, taken):
            faults.append(f"{leaf.origin}: `attach.{name}` {fault}")
        found[name] = str(leaf.value)
    return found


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _origins(tree: Tree, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, Leaf):
            if value.value is not None:
                yield prefix + key, value.origin
        else:
            yield from _origins(value, f"{prefix}{key}.")


def _flat(prefix: str, options: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", value


def listed(config: Config) -> Iterator[tuple[str, str, str]]:
    """Give every key, its value as text and its origin; what may be a secret is `***`."""
    plain: dict[str, object] = {
        "timezone": config.timezone,
        "layers": ", ".join(config.layers),
        "naming": config.naming,
        "lake.url": config.lake.url,
        "lake.history": f"{days} days"
        if (days := config.lake.history_days)
        else config.lake.history,
        **lake.listed(config.lake),
        **calendars.listed(config.calendar),
        "engine.memory_limit": config.engine.memory_limit,
        "engine.jobs": config.engine.jobs,
        "engine.lock_wait": config.engine.lock_wait,
        "extract.parallel": config.parallel,
        **{f"vars.{k.lower()}": v for k, v in config.vars.items()},
        **{f"attach.{k}": v for k, v in config.attach.items()},
    }
    for source in config.sources.values():
        plain[f"sources.{source.name}.connector"] = source.connector
        plain |= dict(_flat(f"sources.{source.name}", source.options))
    origins = {k.lower(): v for k, v in config.origins.items()}
    for key, value in plain.items():
        text = "" if value is None else str(value)
        text = text.lower() if isinstance(value, bool) else text
        shown = "***" if SECRET.search(key) else masked(text)
        yield key, shown, origins.get(key.lower(), "default")
