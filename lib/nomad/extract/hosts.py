"""One limiter and one breaker for each host, shared by all processes of this user's machine.

Each host has a folder with a small file, changed under the folder's lock. It may be deleted at any
time: then nothing is known of the host. A file that is damaged is as good as none.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from nomad.errors import Unreachable
from nomad.locks import Waiter, locked

_HOUR, _DAY = 3600.0, 86400.0

_FIRST_BAN = 60.0
"""Seconds for which a host is left alone at first; by each further sign four times as long."""


@dataclass(frozen=True)
class State:
    """What is known of a host; moments are in seconds since 1970.

    `at` is when this was written, `slot` the moment claimed last and `free` the next one; `spacing`
    is that of the last source that named a rate, at `named`. It is left alone until `shut`, for a
    reason; `bans` in a row led there, and `signs` in a row lead to the next. `answered` says when
    which source had an answer.
    """

    at: float = 0.0
    slot: float = 0.0
    free: float = 0.0
    spacing: float = 0.0
    named: float = 0.0
    shut: float = 0.0
    why: str = ""
    bans: int = 0
    signs: int = 0
    answered: Mapping[str, float] = field(default_factory=dict)

    def seen(self, now: float) -> State:
        """Take it as of now: by a clock that was set back, all that is to come moves with it."""
        back = max(0.0, self.at - now)
        return replace(
            self,
            at=now,
            free=min(self.free - back, now + _DAY),
            shut=min(self.shut - back, now + _DAY),
            named=min(self.named, now),
            answered={s: min(t, now) for s, t in self.answered.items() if now - t < _HOUR},
        )

    def claimed(self, spacing: float | None) -> State:
        """Claim the next free moment; who names no spacing goes by what another named lately."""
        if self.shut > self.at:
            return self
        if spacing is not None:
            return replace(self, spacing=spacing, named=self.at).claimed(None)
        apart = self.spacing if self.at - self.named < _HOUR else 0.0
        slot = max(self.at, self.free)
        return replace(self, slot=slot, free=slot + apart)

    def closed(self, seconds: float, why: str) -> State:
        """Leave the host alone for some time, at most a day."""
        return replace(self, shut=max(self.shut, self.at + min(seconds, _DAY)), why=why)

    def suspected(self, source: str, why: str, enough: int) -> State:
        """Note a sign of a ban; so many in a row are one, where the source had answers before."""
        known = source in self.answered or self.bans
        counted = replace(self, signs=self.signs + 1)
        if not known or (counted.signs < enough and not self.bans):
            return counted
        banned = counted.closed(_FIRST_BAN * 4**self.bans, why)
        return replace(banned, bans=min(self.bans + 1, 6), signs=0)


class Host:
    """A host as one source asks it.

    All calls raise Unreachable where what is known of the host can't be kept: without it, several
    processes would ask too often.
    """

    def __init__(
        self, name: str, source: str, clock: Callable[[], float], folder: Path | None = None
    ) -> None:
        self._name, self._source, self._clock = name, source, clock
        self._folder = (folder or _home()) / quote(name, safe="")
        self._file = self._folder / "state.json"

    def take(self, spacing: float | None) -> float:
        """Claim the next free moment for a request; give the seconds until then.

        Raises:
            Unreachable: the host is to be left alone.
        """
        state = self._change(lambda s: s.claimed(spacing))
        self._refuse(state)
        return state.slot - state.at

    def look(self) -> None:
        """Look whether it may be asked.

        Raises:
            Unreachable: the host is to be left alone.
        """
        self._refuse(self._change(lambda s: s))

    def answered(self) -> None:
        """Note that the source had what it asked for."""
        at = self._clock()
        state = self._read()
        if at - state.answered.get(self._source, 0.0) < _FIRST_BAN and not (
            state.signs or state.bans
        ):
            return
        known = {self._source: at}
        self._change(lambda s: replace(s, bans=0, signs=0, answered={**s.answered, **known}))

    def pause(self, seconds: float) -> None:
        """Have no process ask for so many seconds: the host said so."""
        self._change(lambda s: replace(s, free=max(s.free, s.at + seconds)))

    def close(self, seconds: float, why: str) -> str:
        """Leave it alone, in later runs as well; give the moment until which, in words."""
        return _told(self._change(lambda s: s.closed(seconds, why)).shut)

    def suspect(self, why: str, *, enough: int) -> None:
        """Note a sign of a ban: so many in a row are one.

        Raises:
            Unreachable: it is a ban.
        """
        self._refuse(self._change(lambda s: s.suspected(self._source, why, enough)))

    def _refuse(self, state: State) -> None:
        if state.shut <= state.at:
            return
        raise Unreachable(
            f"source `{self._source}`: {self._name} is left alone until {_told(state.shut)}:"
            f" {state.why}",
            hint=f"run the same command after that; to ask at once, delete {self._file}",
        )

    def _change(self, act: Callable[[State], State]) -> State:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with locked(self._folder, Waiter(f"a request to {self._name}"), named=False):
                state = act(self._read().seen(self._clock()))
                _write(self._file, json.dumps(asdict(state)).encode())
        except OSError as e:
            raise Unreachable(
                f"source `{self._source}`: what is known of {self._name} can't be kept:"
                f" {e.strerror or e}",
                where=str(self._folder),
                hint="check that the folder is writable and has room; XDG_CACHE_HOME moves it",
            ) from e
        return state

    def _read(self) -> State:
        with suppress(OSError, ValueError, TypeError, AttributeError):
            return _state(json.loads(self._file.read_bytes()))
        return State()


def _state(held: Mapping[str, object]) -> State:
    """Make a state of what a file holds.

    Raises:
        ValueError: it is of another kind; so are the other errors of what is no state.
    """
    state = State(**held)  # type: ignore[arg-type]
    numbers = [getattr(state, f.name) for f in fields(State) if f.name not in ("why", "answered")]
    if not all(math.isfinite(n) for n in [*numbers, *state.answered.values()]):
        raise ValueError("no moment")
    return replace(state, why=str(state.why), bans=min(max(int(state.bans), 0), 6))


def _write(path: Path, data: bytes) -> None:
    """Write a file in place, by one call, so that who is killed leaves it whole.

    To rename another one in would cost 5 ms for each request, as the disk is waited for.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.write(handle, data.ljust(os.fstat(handle).st_size))
    finally:
        os.close(handle)


def _home() -> Path:
    """Give the folder of all hosts: in the user's cache, or where that can't be, in /tmp."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = cache / "nomad" / "hosts"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        folder = Path(tempfile.gettempdir()) / f"nomad-{os.getuid()}" / "hosts"
    return folder


def _told(moment: float) -> str:
    return f"{datetime.fromtimestamp(math.ceil(moment), UTC):%Y-%m-%d %H:%M:%S} UTC"
