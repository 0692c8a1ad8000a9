"""What a function of the project is given when its source is fetched, and what it may give.

Whoever writes such a function needs this module and `nomad.errors`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from logging import Logger
from pathlib import Path

from nomad.config.options import Held
from nomad.errors import ConfigError, hide


@dataclass(frozen=True)
class Context:
    """What is asked for, and what is known.

    Of a source by date, `date` is set; of one that lands in parts, `piece` is the value of
    `$<EACH>`. `watermark` is the highest value landed so far, less its overlap; `cursor` is what
    the last `Rows` told; both are None at first. In chunks, only rows whose watermark is below
    `until` are asked for; None: all. `options` is what `with:` says. `folder` is empty,
    for files that are to be landed, and gone afterwards. For a sample, `limit` rows will do.
    """

    source: str
    date: date | None
    piece: str | None
    watermark: str | None
    cursor: str | None
    variables: Mapping[str, str]
    options: Mapping[str, Held]
    root: Path
    folder: Path
    logger: Logger
    limit: int | None = None
    until: str | None = None

    def secret(self, name: str) -> str:
        """Read a variable of the environment, which no message shows from now on.

        Raises:
            ConfigError: it is not set.
        """
        found = os.environ.get(name)
        if not found:
            raise ConfigError(
                f"source `{self.source}` needs `{name}`, which the environment doesn't have",
                hint=f"export {name}=…, or put it into .env",
            )
        hide(found)
        return found


@dataclass(frozen=True)
class Rows:
    """Rows that are landed before the next ones are asked for, and where the source was left then.

    They are what a function may give without it: dicts, a table, a data frame. The next call has
    the `cursor` of the last ones that were landed: it goes on there.
    """

    rows: object
    cursor: str | None = None


def given(value: object) -> Iterable[object]:
    """Give what is in a value that may be one row or table, several, or none."""
    if value is None:
        return ()
    single = isinstance(value, (Mapping, str, os.PathLike, Rows)) or is_frame(value)
    return (value,) if single or not isinstance(value, Iterable) else value


def is_frame(value: object) -> bool:
    """Tell a table, a batch of one or a data frame, by the way in which it hands over columns."""
    ways = ("__arrow_c_stream__", "__arrow_c_array__")
    return any(hasattr(value, way) for way in ways)
