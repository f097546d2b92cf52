"""The one lamp that everybody at the service shares: what runs on it, since when, and what was said to it.

Comes in: requests, one at a time, and "lights off" at any time. Goes out: the running program, its frames, the history.
Always holds: whoever asks, there is one running program and one history; what was answered after the lights were
switched off is not played if it was asked before. Answering is left to one thread, all else may be called from any.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property

from ...errors import UserError
from ...lamp.moments import key_moments
from ...lamp.program import LEDS, Program
from ...lamp.simulator import TICK_MS, Schedule, frame
from ..answering import Answerer, Reply
from ..session import Decides, Session

REMEMBERED = 30
# Of a program of many steps so many are looked at for the one that makes its picture.
_LOOKED_AT = 12
FRAME_BYTES = 3 * LEDS
DARK = bytes(FRAME_BYTES)
OFF: Program = {"program": {"name": "Off", "steps": [{"id": "s1", "command": {"type": "stop"}, "duration": None}]}}
_SWITCHED_OFF = "the lights were switched off meanwhile; this is not shown"


@dataclass(frozen=True)
class Asked:
    """A request. change: whether it changes the running program; None: that is decided here.

    instead: the id of an earlier request that this one corrects: it is answered over what ran before that.
    """

    request: str
    change: bool | None = None
    seed: int = 0
    instead: str | None = None


@dataclass(frozen=True)
class Said:
    """A request with its reply. before: the program that ran when it was asked, None if none did. at: UTC."""

    id: str
    request: str
    reply: Reply
    before: Program | None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def still(self) -> bytes:
        """The program at its brightest moment: 172 x 3 levels."""
        return _still(self.reply.program)


@dataclass(frozen=True)
class Playing:
    """A program that runs. said: the id of the request that it answers, None where it was remembered. since: UTC."""

    program: Program
    said: str | None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    began_s: float = field(default_factory=lambda: time.monotonic())

    @cached_property
    def schedule(self) -> Schedule:
        """Which command plays when."""
        return Schedule(self.program)

    @property
    def for_ms(self) -> int:
        """For how long it has been running."""
        return int(1000 * (time.monotonic() - self.began_s))


class Lamp:
    """The running program and the history. played: called with each program that begins, from the answering thread."""

    def __init__(
        self,
        answerer: Answerer,
        decider: Decides | None,
        running: Program | None = None,
        played: Callable[[Program], None] = lambda program: None,
    ) -> None:
        self._answerer, self._decider, self._played = answerer, decider, played
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._history: deque[Said] = deque(maxlen=REMEMBERED)
        self._playing = None if running is None else Playing(running, None)
        self._lit = running is not None
        self._offs = 0
        self._drawn: tuple[Playing | None, int, bytes] = (None, 0, DARK)
        self.revision = 0

    @property
    def playing(self) -> Playing | None:
        """What runs now; None before the first request."""
        return self._playing

    @property
    def history(self) -> list[Said]:
        """What was said, the latest last."""
        with self._lock:
            return list(self._history)

    def answer(self, asked: Asked) -> Said:
        """Answer a request and play the answer. Raises UserError where it corrects a request that is forgotten."""
        with self._lock:
            before, offs = self._before(asked.instead), self._offs
        reply = Session(self._answerer, self._decider, before).ask(asked.request, asked.change, asked.seed)
        said = Said(f"r{next(self._numbers)}", asked.request, reply, before)
        with self._lock:
            if self._offs != offs:
                return replace(said, reply=replace(reply, remarks=(*reply.remarks, _SWITCHED_OFF)))
            kept = [one for one in self._history if one.id != asked.instead]
            self._history = deque([*kept, said], maxlen=REMEMBERED)
            self._play(Playing(reply.program, said.id), lit=True)
        self._played(reply.program)
        return said

    def _before(self, instead: str | None) -> Program | None:
        """What a request is answered over: what runs, or what ran before the request that it corrects."""
        if instead is not None:
            for said in self._history:
                if said.id == instead:
                    return said.before
            raise UserError(f"instead: the request {instead[:20]!r} is not remembered; send this one without it")
        return self._playing.program if self._playing is not None and self._lit else None

    def off(self) -> None:
        """Switch the lights off at once. The next request has no running program to change."""
        with self._lock:
            self._offs += 1
            self._play(Playing(OFF, None), lit=False)
        self._played(OFF)

    def _play(self, playing: Playing, lit: bool) -> None:
        self._playing, self._lit = playing, lit
        self.revision += 1

    def frame(self) -> bytes:
        """What the lamp shows now: 172 x 3 levels, red, green, blue, the 140 of the front first. Drawn once a tick."""
        playing = self._playing
        if playing is None:
            return DARK
        tick = playing.for_ms // TICK_MS
        drawn_of, drawn_at, drawn = self._drawn
        if drawn_of is not playing or drawn_at != tick:
            drawn = frame(*playing.schedule.at(tick * TICK_MS)).tobytes()
            self._drawn = (playing, tick, drawn)
        return drawn


def _still(program: Program) -> bytes:
    schedule = Schedule(program)
    moments = [frame(*schedule.at(moment)) for moment in key_moments(schedule, _LOOKED_AT)]
    return max(moments, key=lambda moment: int(moment.sum())).tobytes()
