"""Standard output and error that go on when their reader is gone, or can't spell a letter."""

from __future__ import annotations

import io
import os
from typing import Any, TextIO


class _Lenient(io.FileIO):
    """A file that swallows what is written after its reader closed it: `nomad ls | head -1`."""

    def write(self, data: Any, /) -> int:
        """Write, or if nobody listens any more, forget it; the command ends as it would have."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes


def lenient(stream: TextIO, *, live: bool) -> TextIO:
    r"""Give a stream over the same file; what its encoding lacks is written as `\uXXXX`.

    `live`: each line is written at once.
    """
    try:
        raw = _Lenient(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=live or raw.isatty(),
    )
