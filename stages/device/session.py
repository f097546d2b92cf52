"""Somebody's talk with the lamp: which program is running, and whether a request changes it.

Comes in: requests one after the other. Goes out: replies; the session knows the last program.
Always holds: what is remembered is a valid program; a session file that is none begins a new session.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Protocol

from .. import files
from ..errors import UserError
from ..lamp import validation
from ..lamp.program import Program
from .answering import Answerer, Reply


class Decides(Protocol):
    """What says whether a request changes the running program; see `follow_up.Decider`."""

    def changes(self, request: str, running: Program) -> bool:
        """Whether it does, rather than asking for something new."""


class Session:
    """What has been said so far, as far as it matters: the program that is running.

    decider: None takes every request for a new one. A session belongs to one Answerer, which answers one request at a
    time.
    """

    def __init__(self, answerer: Answerer, decider: Decides | None, running: Program | None = None) -> None:
        self._answerer, self._decider = answerer, decider
        self.running = running

    def ask(self, request: str, change: bool | None = None, seed: int = 0) -> Reply:
        """Answer a request. change: whether it changes the running program; None: that is decided here."""
        running = self.running
        if running is not None and change is None:
            change = self._decider is not None and self._decider.changes(request, running)
        reply = self._answerer.answer(request, running if change else None, seed)
        self.running = reply.program
        return reply


def remembered(path: Path) -> Program | None:
    """The program that ran when `remember` was called last; None where nothing valid is remembered."""
    with contextlib.suppress(OSError, UserError, validation.InvalidProgram):
        return validation.parse(path.read_bytes())
    return None


def remember(path: Path, program: Program) -> None:
    """Write down what is running now."""
    files.write_json(path, program)
