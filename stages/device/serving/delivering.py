"""The running program on its way to the lamp itself and into the file that remembers it, beside the answering.

Comes in: programs, as they begin. Goes out: a POST to the lamp, a file.
Always holds: nobody waits for it; what is overtaken by a later program before its turn is left out, the last one never.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from ...lamp.program import Program, compact
from .. import session

log = logging.getLogger(__name__)

_AGAIN_S = 1.0
_TIMEOUT_S = 5.0
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Delivery:
    """How the last program came to the lamp. error: what went wrong, None if it is there. at: UTC."""

    error: str | None
    at: datetime


class Courier:
    """A thread that brings programs to `url` and into `state`, each None where there is none."""

    def __init__(self, url: str | None, state: Path | None, again_s: float = _AGAIN_S) -> None:
        self.url, self._state, self._again_s = url, state, again_s
        # Kept: making one takes 40 ms of a core, as it reads the certificates of the world.
        self._client = httpx.Client(timeout=_TIMEOUT_S)
        self.last: Delivery | None = None
        self.revision = 0
        self._next: Program | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="delivering", daemon=True)
        if url is not None or state is not None:
            self._thread.start()

    def take(self, program: Program) -> None:
        """Deliver a program soon."""
        with self._changed:
            self._next = program
            self._changed.notify()

    def close(self, within_s: float = 2.0) -> None:
        """Deliver what was taken last, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(within_s)
        self._client.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._closed)
                program, self._next = self._next, None
            if program is None:
                return
            if self.url is not None:
                self.last = Delivery(self._send(compact(program), self.url), datetime.now(UTC))
                self.revision += 1
            # A memory card wears out by being written to, so what is followed at once by another is not remembered.
            with self._changed:
                followed = self._changed.wait_for(lambda: self._next is not None or self._closed, self._again_s)
            if not followed or self._next is None:
                self._remember(program)

    def _remember(self, program: Program) -> None:
        if self._state is None:
            return
        try:
            session.remember(self._state, program)
        except OSError as error:  # a full disk is no reason to stop lighting the room
            log.warning("the running program is not remembered: %s", error)

    def _send(self, text: str, url: str) -> str | None:
        """Send a program, twice if need be. Returns what went wrong."""
        error = None
        for last in (False, True):
            try:
                self._client.post(url, content=text, headers=_JSON).raise_for_status()
                return None
            except (httpx.HTTPError, httpx.InvalidURL) as reason:
                error = f"the lamp did not take the program ({reason})"
            with self._changed:
                # What is overtaken need not be tried again.
                if last or self._changed.wait_for(lambda: self._next is not None or self._closed, self._again_s):
                    break
        log.warning("--lamp %s: %s", url, error)
        return error
