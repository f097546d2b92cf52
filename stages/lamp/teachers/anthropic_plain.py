"""Calls one by one, a few at a time: for a handful of answers now, at the full price.

Not as safe as batches: the API has no way to ask for the answer of a call again. A process that is killed loses the
answers that are on their way, at most `concurrency` of them, and pays for those again. The ledger knows that they
were made, and counts them as paid.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

from anthropic import APIConnectionError, APIError, APIStatusError
from anthropic.types import Message

from ...errors import UserError
from .answer_store import AnswerStore
from .anthropic_client import answer_of, connect, for_the_user
from .anthropic_knobs import Knobs
from .conversation import Arrival, Call, Setting


class Plain:
    """Makes calls in threads and collects their answers."""

    def __init__(self, store: AnswerStore, setting: Setting, knobs: Knobs) -> None:
        self._store = store
        self._setting = setting
        self._knobs = knobs
        self._client = connect(knobs, self._lost)
        self._threads = ThreadPoolExecutor(knobs.concurrency)
        self._running: dict[Future[Message], Call] = {}
        self._call = threading.local()

    @property
    def room(self) -> int:
        """How many more calls can be out at once."""
        return self._knobs.concurrency - len(self._running)

    def bound_usd(self, call: Call) -> float:
        """What a call costs at most."""
        return self._setting.most_usd(call, self._knobs.price, 0.0)

    def out(self) -> set[str]:
        """Keys of the calls that are out."""
        return {call.key for call in self._running.values()}

    def reserved_usd(self) -> float:
        """What the calls that are out cost at most."""
        return sum(map(self.bound_usd, self._running.values()))

    def send(self, calls: list[Call]) -> None:
        """Make at most `room` calls."""
        assert len(calls) <= self.room
        for call in calls:
            self._store.ledger.calling(call.key, self.bound_usd(call))
            self._running[self._threads.submit(self._ask, call)] = call

    def _ask(self, call: Call) -> Message:
        self._call.now = call
        params: Any = self._setting.params(call.messages, self._knobs.cache_ttl)
        message: Message = self._client.messages.create(**params)
        return message

    def _lost(self) -> None:
        """The connection broke while the call was out; the client tries again."""
        call = self._call.now
        self._store.ledger.lost(call.key, self.bound_usd(call))

    def collect(self) -> list[Arrival]:
        """Wait until a call has ended; put its answer into the store and tell what came of it."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        arrivals = []
        for future in done:
            call = self._running.pop(future)
            try:
                message = future.result()
            except (APIConnectionError, APIStatusError) as error:
                self._store.ledger.failed(call.key, str(error))
                self._stop_on(error)
                arrivals.append(Arrival(call.key, None, str(error)))
                continue
            answer = answer_of(message, self._knobs.price, 0.0, self._knobs.cache_ttl, None)
            self._store.put(call.key, call.messages, self._setting.digest, answer)
            arrivals.append(Arrival(call.key, answer))
        return arrivals

    def _stop_on(self, error: APIError) -> None:
        """What is refused once is refused always: a key, a model, an account without credit."""
        if isinstance(error, APIStatusError) and error.status_code < 500 and error.status_code != 429:
            raise for_the_user(error) from None

    def close(self) -> None:
        """Start no further call; those that are out are paid, so their answers are waited for and kept."""
        self._threads.shutdown(wait=False)
        while self._running:
            with suppress(UserError):
                self.collect()
