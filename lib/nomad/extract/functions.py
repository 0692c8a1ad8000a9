"""Functions of a project by their names, imported from its folder and from what is installed.

Python has one set of modules and one standard output for all: while a project's code is at work,
they are its own; then what was imported from its folder is put aside, for its next time. Code of
two projects does not work at once. What it prints is talk, not a result.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, current_thread, get_ident, main_thread
from types import ModuleType, TracebackType
from typing import Any, TextIO, cast

from nomad.config.options import Held, holds_variable
from nomad.errors import ConfigError, NomadError
from nomad.names import did_you_mean, nearest

NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"


def is_named(value: Held, _given: Mapping[str, Held]) -> str | None:
    """Say what is wrong with the name of a function.

    Example:
        >>> is_named("sources.vendor:prices", {}), is_named("sources/vendor.py:prices", {})
        (None, 'must be like `sources.vendor:prices`')
    """
    text = str(value)
    if holds_variable(value) or re.fullmatch(rf"{NAME}:{NAME}", text):
        return None
    near = re.sub(r"\.py$", "", text.partition(":")[0]).replace("/", ".").strip(".")
    name = text.partition(":")[2]
    good = re.fullmatch(NAME, near) and re.fullmatch(NAME, name)
    return f"must be like `{near if good else 'sources.vendor'}:{name if good else 'prices'}`"


# At work ---------------------------------------------------------------------------------------


class _Stdout:
    """Standard output while a project's code is at work: to others it is what it was."""

    def __init__(self, real: TextIO) -> None:
        self.real = real
        self.threads: list[int] = []

    def __getattr__(self, name: str) -> object:
        ours = current_thread() is main_thread() and get_ident() not in self.threads
        return getattr(self.real if ours else sys.stderr, name)


_Stamps = Mapping[str, tuple[int, int]]


class _Workplace:
    """Global state: whose code is at work now, and what is put aside of others."""

    def __init__(self) -> None:
        self.turn = Condition()
        self.root: Path | None = None
        self.count = 0
        self.stdout: _Stdout | None = None
        self.aside: dict[Path, tuple[dict[str, ModuleType], _Stamps]] = {}

    def enter(self, root: Path) -> None:
        with self.turn:
            self.turn.wait_for(lambda: not self.count or self.root == root)
            if not self.count:
                self._begin(root)
            self.count += 1
            assert self.stdout
            self.stdout.threads.append(get_ident())

    def leave(self) -> None:
        with self.turn:
            self.count -= 1
            assert self.stdout
            self.stdout.threads.remove(get_ident())
            if not self.count:
                self._end()
                self.turn.notify_all()

    def _begin(self, root: Path) -> None:
        self.root = root
        sys.path.insert(0, str(root))
        importlib.invalidate_caches()
        modules, stamps = self.aside.pop(root, ({}, {}))
        if stamps == _stamps(modules):
            sys.modules.update(modules)
        self.stdout = _Stdout(sys.stdout)
        sys.stdout = cast("TextIO", self.stdout)

    def _end(self) -> None:
        assert self.root
        assert self.stdout
        if sys.stdout is cast("TextIO", self.stdout):
            sys.stdout = self.stdout.real
        if str(self.root) in sys.path:
            sys.path.remove(str(self.root))
        modules = {n: m for n, m in list(sys.modules.items()) if _lies_in(self.root, n, m)}
        self.aside[self.root] = (modules, _stamps(modules))
        for name in modules:
            del sys.modules[name]


_WORKPLACE = _Workplace()


@contextmanager
def at_work(root: Path) -> Iterator[None]:
    """Have the modules of a project's folder found, and what is printed go to standard error."""
    _WORKPLACE.enter(root)
    try:
        yield
    finally:
        _WORKPLACE.leave()


def _lies_in(root: Path, name: str, module: ModuleType) -> bool:
    """Tell a module of the project's from one that is installed, maybe in a folder below."""
    file = getattr(module, "__file__", None)
    top, places = str(root), [file] if file else list(getattr(module, "__path__", ()))
    if not any(str(place).startswith(top) for place in places):  # most: no path is made of these
        return False
    path = str(root.joinpath(*name.split(".")))
    return any(p in (path, f"{path}.py", f"{path}/__init__.py") for p in places)


def _stamps(modules: Mapping[str, ModuleType]) -> dict[str, tuple[int, int]]:
    """Tell by the files whether modules are what they were."""
    files = (Path(m.__file__) for m in modules.values() if m.__file__)
    return {str(f): (f.stat().st_mtime_ns, f.stat().st_size) for f in files if f.exists()}


# By name ---------------------------------------------------------------------------------------


def function(name: str, root: Path) -> Callable[..., Any]:
    """Import a function, while its project is `at_work`.

    Raises:
        ConfigError: there is no such module or function, or the module can't be imported.
    """
    module, _, attribute = name.partition(":")
    found: Any = _module(module, root)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _lacks(found, module, part)
        found = getattr(found, part)
    if not callable(found):
        raise ConfigError(f"`{name}` is no function: it is a `{type(found).__name__}`")
    return cast("Callable[..., Any]", found)


def _lacks(found: object, module: str, part: str) -> ConfigError:
    known = [n for n, v in vars(found).items() if callable(v) and not n.startswith("_")]
    near = did_you_mean(part, known) or (f"it has: {', '.join(known)}" if known else None)
    return ConfigError(f"module `{module}` has no function `{part}`", hint=near)


def _module(name: str, root: Path) -> ModuleType:
    try:
        found = importlib.import_module(name)
    except NomadError:
        raise
    except ModuleNotFoundError as e:
        if e.name and f"{name}.".startswith(f"{e.name}."):
            raise ConfigError(f"there is no module `{name}`", hint=_near(name, root)) from e
        raise ConfigError(
            f"module `{name}` can't be imported: it needs `{e.name}`, which is not installed",
            where=place(e.__traceback__, root),
            hint=f"install what has it (pip install {(e.name or '').partition('.')[0]})",
        ) from e
    except SyntaxError as e:
        where = f"{_told(e.filename or name, root)}:{e.lineno}"
        raise ConfigError(f"{type(e).__name__}: {e.msg}", where=where) from e
    except (Exception, SystemExit) as e:
        raise ConfigError(
            f"module `{name}` can't be imported: {type(e).__name__}: {e}",
            where=place(e.__traceback__, root),
        ) from e
    _refuse_taken(name, found, root)
    return found


def _refuse_taken(name: str, found: ModuleType, root: Path) -> None:
    """Refuse a file of the project in whose place another module of its name was imported."""
    path = root.joinpath(*name.split("."))
    is_there = path.with_name(f"{path.name}.py").exists() or (path / "__init__.py").exists()
    if is_there and not _lies_in(root, name, found):
        taken = getattr(found, "__file__", "built in")
        raise ConfigError(
            f"module `{name}` is not the project's own, but {taken}",
            hint="give the project's file or folder another name",
        )


def _near(name: str, root: Path) -> str:
    """Name the modules of the project that are called alike."""
    folders = [root, *(p for p in root.iterdir() if p.is_dir() and p.name.isidentifier())]
    files = (p.relative_to(root) for folder in folders for p in folder.glob("*.py"))
    known = [".".join(f.with_suffix("").parts) for f in files]
    if near := nearest(name, known):
        return f"did you mean {', '.join(f'`{n}`' for n in near)}?"
    return f"is {name.replace('.', '/')}.py in the project's folder, or the package installed?"


def refuse_unfit(
    called: Callable[..., Any], args: tuple[object, ...], given: Mapping[str, Held]
) -> None:
    """Refuse parameters that a function doesn't take, or lacks.

    Raises:
        ConfigError: there is one.
    """
    try:
        signature = inspect.signature(called)
    except ValueError:  # of one written in C
        return
    try:
        signature.bind(*args, **given)
    except TypeError as e:
        parameters = [p.name for p in signature.parameters.values() if p.kind not in _REST]
        known = parameters[len(args) :]
        odd = [n for n in given if n not in known]
        near = did_you_mean(odd[0], known) if odd else None
        raise ConfigError(
            f"`with` doesn't fit the function: {e}",
            hint=near or f"it is `{getattr(called, '__name__', called)}{signature}`",
        ) from e


_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


# Where -----------------------------------------------------------------------------------------


def place(traceback: TracebackType | None, root: Path) -> str | None:
    """Name file and line where the project's code was last; or any code, where it never was."""
    frames = list(_frames(traceback))
    ours = [(file, line) for file, line in frames if _is_ours(Path(file), root)]
    theirs = [(f, n) for f, n in frames if not f.startswith("<frozen") and not _is_nomad(f)]
    found = (ours or theirs)[-1:]
    return f"{_told(found[0][0], root)}:{found[0][1]}" if found else None


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _is_ours(file: Path, root: Path) -> bool:
    """Tell a file of the project's from one of a package that is installed in its folder."""
    inside = file.is_relative_to(root) and "site-packages" not in file.parts
    return inside and not _is_nomad(str(file))


def _is_nomad(file: str) -> bool:
    return Path(file).is_relative_to(Path(__file__).parents[1])


def _told(file: str, root: Path) -> str:
    path = Path(file)
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
