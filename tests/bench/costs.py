"""Where the time goes in W1's full run, and in a plan with nothing to do.

Usage: python tests/bench/costs.py [--models N] [--keep PAGE]

The run builds one table after the other and renews the catalog at its end, so that nothing
overlaps; each cost is taken by the clock around the calls.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter() - time.process_time()
"""About when the process began: until here it did nothing but import."""


class Costs:
    """Seconds by name. Of calls within others, only the outermost counts."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._within = False

    def around(self, owner: Any, name: str, title: str | Callable[..., str]) -> None:
        """Have each call of a function counted."""
        real = getattr(owner, name)

        def counted(*words: Any, **more: Any) -> Any:
            if self._within:
                return real(*words, **more)
            self._within, began = True, time.perf_counter()
            try:
                return real(*words, **more)
            finally:
                took, self._within = time.perf_counter() - began, False
                self.seconds[title if isinstance(title, str) else title(*words)] += took

        setattr(owner, name, counted)


def _statement(_: object, sql: str) -> str:
    """Name a statement by what it does."""
    kinds = {
        "COPY": "writing the Parquet files (`COPY`)",
        "SELECT sum(hash": "the row hash, read back from the file",
    }
    found = (title for start, title in kinds.items() if sql.startswith(start))
    return next(found, "a fresh session for each table, and its inputs' views")


def inner(words: list[str]) -> None:
    """Run nomad in this process, with the clock around its parts; print what they took."""
    costs = Costs()
    import nomad.cli.plan
    import nomad.cli.run
    from nomad.catalog import catalog
    from nomad.engine.session import Session
    from nomad.lake import publish
    from nomad.plan import planner
    from nomad.project import project
    from nomad.run import context, scheduler

    imports = time.perf_counter() - STARTED
    scheduler._LANES = 1
    context._EVERY = float("inf")
    costs.around(Session, "execute", _statement)
    costs.around(Session, "describe", "binding each query, for its columns")
    costs.around(publish, "publish", "publishing: `fsync`, folders, the manifest, its mark")
    costs.around(catalog, "refresh", "renewing the catalog: views and macros, metadata")
    costs.around(project, "load", "reading the SQL files, parsing those that are new")
    costs.around(planner, "plan", "the plan: versions, and what each query reads")

    def end(code: int) -> None:
        costs.seconds["imports"] = imports
        total = time.perf_counter() - STARTED
        costs.seconds["all else"] = total - sum(costs.seconds.values())
        print(json.dumps({"total": total, "code": code, "seconds": costs.seconds}))
        sys.stdout.flush()
        leave(code)

    leave, os._exit = os._exit, end  # type: ignore[assignment]
    sys.argv = ["nomad", *words]
    nomad.cli.main()


def told(title: str, project: Path, *words: str) -> str:
    """Measure one command and print its costs, the largest first; give them as Markdown, too."""
    import table

    command = [sys.executable, __file__, "--inner", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(words)}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    ranked = sorted(found["seconds"].items(), key=lambda x: -x[1])
    rows = [(what, f"{s:.3f}", f"{s / found['total']:.0%}") for what, s in ranked if s >= 0.0005]
    head, title = ["what", "s", "share"], f"{title}: {found['total']:.2f} s"
    print(f"\n{title}\n\n{table.plain(head, rows)}")
    return f"{title}\n\n{table.markdown(head, rows)}"


def main() -> None:
    """Measure both."""
    if sys.argv[1:2] == ["--inner"]:
        inner(sys.argv[2:])
    import page
    import trivial
    from measure import nomad
    from projects import write_nomad
    from suites import cleared

    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--models", type=int, default=500, help="tables of W1")
    given.add_argument("--keep", type=Path, metavar="PAGE", help="put the tables in this page")
    words = given.parse_args()
    with tempfile.TemporaryDirectory(prefix="nomad-costs-") as folder:
        work = trivial.full(words.models, Path(folder) / "data")
        project = write_nomad(Path(folder) / "nomad", work)
        cleared(project, Path(folder) / "floor", work)
        title = f"W1, {words.models} tables: all built, one after the other"
        run = told(title, project, "run", "-q", "-j", "1")
        subprocess.run(nomad("plan"), cwd=project, check=True, capture_output=True)
        plan = told("plan, nothing to do", project, "plan")
    if words.keep:
        page.keep(words.keep, "costs", "\n\n".join((page.conditions("one run each"), run, plan)))


if __name__ == "__main__":
    main()
