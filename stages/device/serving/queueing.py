"""Requests of many, answered one after the other: the model has one thread, and what waits for it is bounded.

Comes in: calls from the event loop. Goes out: a future for each.
Always holds: at most `size` calls wait; what is cancelled before it begins is never made; after `close` nothing begins.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# The share that the latest call has in the time that one is expected to take.
_LATEST = 0.3


class Full(Exception):  # noqa: N818 - it is what it says
    """No room to wait. retry_after_s: when there probably is some, in whole seconds, at least 1."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class Closed(Exception):  # noqa: N818 - it is what it says
    """Nothing more is begun."""


class Queue:
    """One thread and at most `size` calls that wait for it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._thread = ThreadPoolExecutor(1, "answering")
        self._lock = threading.Lock()
        self._waiting: set[object] = set()
        self._usual_s = 0.0
        self._busy_since: float | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many calls have not begun."""
        return len(self._waiting)

    @property
    def busy_s(self) -> float:
        """For how long the present call has been going on; 0 when there is none."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Make a call when its turn comes; to cancel it in time gives its place away. Raises Full or Closed."""
        place = object()
        with self._lock:
            if self._closed:
                raise Closed
            # One that can begin at once does not wait.
            if len(self._waiting) >= self.size + (self._busy_since is None):
                raise Full(max(1, math.ceil(self._usual_s * (len(self._waiting) + 1) / 2)))
            self._waiting.add(place)
            future = self._thread.submit(self._make, call, place)
        future.add_done_callback(lambda _: self._leave(place))
        return future

    def _make(self, call: Callable[[], T], place: object) -> T:
        start = time.monotonic()
        with self._lock:
            self._waiting.discard(place)
            self._busy_since = start
        try:
            return call()
        finally:
            with self._lock:
                took = time.monotonic() - start
                self._usual_s += _LATEST * (took - self._usual_s) if self._usual_s else took
                self._busy_since = None

    def _leave(self, place: object) -> None:
        with self._lock:
            self._waiting.discard(place)

    def close(self) -> None:
        """Cancel what waits and begin nothing more; the present call goes on. Does not wait."""
        with self._lock:
            self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def finished(self, within_s: float) -> bool:
        """Wait for the present call. Returns whether it ended in time."""
        until = time.monotonic() + within_s
        while self._busy_since is not None and time.monotonic() < until:
            time.sleep(0.02)
        return self._busy_since is None
