"""Attached databases: which are named at all; one that is down fails what names it, no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from nomad.errors import NomadError

NONE_DOWN: Mapping[str, NomadError] = MappingProxyType({})


def named(attach: Mapping[str, str], texts: Iterable[str]) -> dict[str, str]:
    """Give the databases that some texts may mean: any whose name is in one of them.

    One too many costs a connection; one too few would be an error.

    Example:
        >>> named({"shop": "a.db", "till": "b.db"}, ["select * from SHOP.orders"])
        {'shop': 'a.db'}
    """
    if not attach:
        return {}
    said = "\n".join(texts).lower().replace('""', '"')
    return {name: address for name, address in attach.items() if name.lower() in said}


def blamed(error: NomadError, sql: str, down: Mapping[str, NomadError]) -> NomadError:
    """Say why a statement failed: a database that it names is down, or else as it is."""
    named = (fault for name, fault in down.items() if re.search(rf"(?i)\b{re.escape(name)}\b", sql))
    return next(named, error)
