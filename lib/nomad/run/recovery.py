"""What runs that died have left, and what else is amiss in the lake: found, and cleaned up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nomad.errors import Misuse
from nomad.lake import intent_log
from nomad.lake.claims import clear, live
from nomad.workspace import Workspace

if TYPE_CHECKING:
    from nomad.lake.doctor import Finding

_log = logging.getLogger(__name__)


def recover(workspace: Workspace, *, own: str = "") -> None:
    """Clean up after runs that died, for the run `own` or before there is one.

    First the catalog; then what they superseded goes to the history, and what nobody refers to
    away.

    Raises:
        LakeError: the lake can't be reached or written.
    """
    left = workspace.died(own=own)
    if not left:
        return
    from nomad.lake import doctor

    clear(left)
    if has_project(workspace):
        workspace.refresh_catalog()
        intent_log.replay(workspace.store, left, keep=workspace.config.lake.history)
    doctor.repair(workspace.store, examine(workspace, left, deep=False))
    clear(left)
    if done := ", ".join(p.name for p in left if not p.exists()):
        _log.warning("cleaned up after a run that died: %s", done)


def examine(workspace: Workspace, left: Sequence[Path], *, deep: bool) -> list[Finding]:
    """Compare the lake with its manifests; `left` is the scratch of runs that died.

    What live runs are at work on is left out, and versions that `left` has notes of. `deep` reads
    every file.

    Raises:
        LakeError: the lake can't be reached.
    """
    from nomad.lake import doctor, piece_doctor

    store, place = workspace.store, workspace.place
    gone = frozenset(p.name for p in left)
    found = doctor.examine(
        store,
        ("raw", *workspace.config.layers),
        busy=lambda: live(place.scratch),
        dead=gone,
        noted=intent_log.kept_for(left),
        deep=deep,
        grace=place.grace,
    )
    delivered = piece_doctor.examine(
        store, busy=lambda: live(place.scratch), dead=gone, deep=deep, grace=place.grace
    )
    return [*found, *delivered, *doctor.unfinished(store, gone, grace=place.grace)]


def has_project(workspace: Workspace) -> bool:
    """Tell whether the SQL files can be read; a fault there must not keep raw data from landing."""
    try:
        return bool(workspace.project)
    except Misuse as e:
        _log.warning("the catalog is not renewed: %s", e)
        return False
