"""The keys of `lake:`, and for a lake in S3 what AWS's own variables say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from nomad.config import keys
from nomad.config.tree import FILE, Value
from nomad.store.address import SCHEME, Address, split

_VARIABLES = {
    "lake.endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "lake.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "lake.ca": ("AWS_CA_BUNDLE",),
}
"""Where the keys of a lake in S3 are looked for besides; the first that is set wins."""


_UNBOUNDED = 1_000_000


class LakeConfig(NamedTuple):
    """Where the lake is, and how many superseded versions of a partition it keeps.

    With `history_days` it keeps all of so many days, whatever their number. `address` is the way to
    a lake in S3; None for one in a folder. There, a file that nobody names may be some other
    machine's, still to be named, for `grace`: a time as it was written.
    """

    url: str = "lake"
    history: int = 1
    address: Address | None = None
    allow_unsafe_commit: bool = False
    history_days: int | None = None
    grace: str = "1 hour"

    @property
    def grace_seconds(self) -> float:
        """The same in seconds."""
        return keys.seconds_of(self.grace)


def read(
    values: Mapping[str, Value], environ: Mapping[str, str], root: Path, faults: list[str]
) -> LakeConfig:
    """Make the value of `lake:`; faults are added to `faults`."""
    url, days = str(values["lake.url"]), keys.age_of(values["lake.history"])
    history = _UNBOUNDED if days else int(str(values["lake.history"]))
    unsafe, grace = values["lake.allow_unsafe_commit"] is True, str(values["lake.grace"])
    if not url.startswith(SCHEME):
        return LakeConfig(url, history, None, unsafe, days, grace)
    bucket, prefix = split(url)
    endpoint = values["lake.endpoint"] or _from_aws(environ, "lake.endpoint")
    if endpoint and (fault := keys.endpoint(str(endpoint))):
        faults.append(f"{origins(environ).get('lake.endpoint', FILE)}: {fault}")
    region = values["lake.region"] or _from_aws(environ, "lake.region")
    ca = root / str(values["lake.ca"]) if values["lake.ca"] else _from_aws(environ, "lake.ca")
    style = values["lake.style"] or ("path" if endpoint else "virtual")
    address = Address(
        bucket, prefix,
        endpoint=str(endpoint) if endpoint else None,
        region=str(region) if region else None,
        path_style=style == "path",
        ca=str(ca) if ca else None,
    )  # fmt: skip
    return LakeConfig(url, history, address, unsafe, days, grace)


def _from_aws(environ: Mapping[str, str], key: str) -> str | None:
    return next((environ[n] for n in _VARIABLES[key] if environ.get(n)), None)


def origins(environ: Mapping[str, str]) -> dict[str, str]:
    """Name the variables that give a key its value."""
    found = {k: next((n for n in ns if environ.get(n)), None) for k, ns in _VARIABLES.items()}
    return {key: name for key, name in found.items() if name}


def listed(lake: LakeConfig) -> dict[str, object]:
    """Give the keys of a lake in S3 as they came out; those of another are at their defaults."""
    address = lake.address
    style = ("path" if address.path_style else "virtual") if address else None
    return {
        "lake.endpoint": address and address.endpoint,
        "lake.region": address and address.region,
        "lake.style": style,
        "lake.ca": address and address.ca,
        "lake.grace": lake.grace,
        "lake.allow_unsafe_commit": lake.allow_unsafe_commit,
    }
