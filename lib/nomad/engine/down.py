"""Attached databases that are down: they fail the statements that name them, and no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from nomad.errors import NomadError

NONE_DOWN: Mapping[str, NomadError] = MappingProxyType({})


def blamed(error: NomadError, sql: str, down: Mapping[str, NomadError]) -> NomadError:
    """Say why a statement failed: a database that it names is down, or else as it is."""
    named = (fault for name, fault in down.items() if re.search(rf"(?i)\b{re.escape(name)}\b", sql))
    return next(named, error)
