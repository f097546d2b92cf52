"""Calls by Message Batches: half the price, and every answer paid once, whenever the process is killed.

What makes it so: a batch is written to the ledger before it is asked for; batches are asked for one after another; an
answer's key is its custom_id; results can be read again for nothing. A batch whose id was lost is found by its size
among the server's batches and known by the keys in its results. Only when the list has not shown it for `settle_s`
seconds are its calls sent again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx2
import orjson
from anthropic import APIConnectionError, APIError, APIStatusError
from anthropic.types import Message
from anthropic.types.messages import MessageBatch, MessageBatchResult

from ...errors import UserError
from .answer_store import Answer, AnswerStore
from .anthropic_client import Unsure, answer_of, connect, for_the_user
from .anthropic_knobs import Knobs
from .conversation import Arrival, Call, Say, Setting
from .ledger import Sent

# How far the clock here may differ from the server's.
_CLOCKS = timedelta(hours=1)
# Of the 256 MB that a batch may have.
_MOST_BYTES = 200_000_000
# How often the same thing may fail, on top of the client's own retries.
_PATIENCE = 5
# What reading results may end in before they are whole: errors of the API, of the connection, half a line of JSON.
_BROKEN = (APIConnectionError, APIStatusError, httpx2.HTTPError, ValueError, StopIteration)


class Batches:
    """Sends calls and collects their answers. `say` tells the user what happens, a line at a time."""

    # Any number of calls can be out at once.
    room = 1_000_000

    def __init__(self, store: AnswerStore, setting: Setting, knobs: Knobs, say: Say) -> None:
        self._client = connect(knobs)
        self._store = store
        self._setting = setting
        self._knobs = knobs
        self._say = say
        self._messages: dict[str, list[dict[str, str]]] = {}
        self._foreign: set[str] = set()
        self._failures: Counter[str] = Counter()

    def bound_usd(self, call: Call) -> float:
        """What a call costs at most."""
        return self._setting.most_usd(call, self._knobs.price, self._knobs.batch_discount)

    def know(self, calls: Iterable[Call]) -> None:
        """Calls of an earlier run that may be out: what was asked is kept beside the answer."""
        self._messages.update({call.key: call.messages for call in calls})

    def out(self) -> set[str]:
        """Keys of the calls that are out, an earlier run's among them."""
        return {key for sent in self._store.ledger.open.values() for key in sent.keys}

    def reserved_usd(self) -> float:
        """What the calls that are out cost at most."""
        return self._store.ledger.reserved_usd()

    def send(self, calls: list[Call]) -> None:
        """Send calls, in batches of a size that the API takes."""
        self.know(calls)
        shared = len(orjson.dumps(self._setting.shared)) + 500
        longest = shared + max(len(orjson.dumps(call.messages)) for call in calls)
        size = min(self._knobs.batch_size, max(1, _MOST_BYTES // longest))
        for start in range(0, len(calls), size):
            part = calls[start : start + size]
            for _ in range(_PATIENCE):
                if self._created(part):
                    break
            else:
                raise UserError(
                    f"the API gave no clear answer to {_PATIENCE} attempts to send a batch, and none of them arrived; "
                    "nothing is lost, run the same command again"
                )

    def _created(self, calls: list[Call]) -> bool:
        """Create a batch. False where the server gave no clear answer and turns out not to have it."""
        most_usd = sum(map(self.bound_usd, calls))
        asked = self._setting
        sent = self._store.ledger.intend([call.key for call in calls], asked.model, asked.digest, most_usd)
        requests: Any = [
            {"custom_id": call.key, "params": asked.params(call.messages, self._knobs.cache_ttl)} for call in calls
        ]
        try:
            batch = self._client.messages.batches.create(requests=requests)
        except Unsure as why:
            self._say(f"no clear answer to a batch of {len(calls)} ({why}): looking whether the server has it")
            return self._settled(sent)
        except (APIConnectionError, APIStatusError) as error:
            # Surely not created: refused, or the connection was never made (see anthropic_client).
            self._store.ledger.absent(sent, str(error))
            raise for_the_user(error) from None
        self._store.ledger.created(sent, batch.id)
        self._say(f"batch {batch.id}: {len(calls)} requests sent")
        return True

    def settle(self) -> None:
        """Find out what became of batches that an earlier run had asked for when it was killed."""
        for sent in [sent for sent in self._store.ledger.open.values() if sent.batch is None]:
            self._say(f"a run was cut off while it sent a batch of {len(sent.keys)}: looking whether the server has it")
            self._settled(sent)

    def _settled(self, sent: Sent) -> bool:
        """Whether the server has the batch; the ledger knows afterwards.

        A batch that is being worked on shows its size only, so one of that size is waited for until its results
        show whose it is.
        """
        since = time.monotonic()
        while True:
            undecided = False
            for batch in self._candidates(sent):
                ours = self._is(batch, sent) if batch.processing_status == "ended" else None
                if ours:
                    self._store.ledger.created(sent, batch.id)
                    self._say(f"batch {batch.id}: found again")
                    return True
                if ours is None:
                    undecided = True
                else:
                    self._foreign.add(batch.id)
            if not undecided and time.monotonic() - since >= self._knobs.settle_s:
                self._store.ledger.absent(sent, "not among the server's batches")
                return False
            time.sleep(self._knobs.poll_s)

    def _candidates(self, sent: Sent) -> list[MessageBatch]:
        """Batches of the right size and time that are not known to be others."""
        found = []
        try:
            for batch in self._client.messages.batches.list(limit=100):
                if batch.created_at < sent.at - _CLOCKS:
                    break
                others = batch.id in self._store.ledger.batches or batch.id in self._foreign
                if not others and _size(batch) == len(sent.keys):
                    found.append(batch)
        except (APIConnectionError, APIStatusError) as error:
            # Without the list nothing can be decided; the intent stays in the ledger.
            raise for_the_user(error) from None
        return found

    def _is(self, batch: MessageBatch, sent: Sent) -> bool | None:
        """Whether an ended batch is the one that was sent, by the first of its results; None where they broke off."""
        if batch.archived_at is not None or batch.results_url is None:
            return False
        try:
            results = self._client.messages.batches.results(batch.id)
            try:
                return next(iter(results)).custom_id in sent.keys
            finally:
                results.close()
        except _BROKEN as error:
            self._be_patient(error, batch.id)
            return None

    def collect(self) -> list[Arrival]:
        """Wait until a batch has ended; put its answers into the store and tell what came of each call."""
        while True:
            for sent in list(self._store.ledger.open.values()):
                arrivals = self._collected(sent) if self._has_ended(sent) else None
                if arrivals is not None:
                    return arrivals
            time.sleep(self._knobs.poll_s)

    def _has_ended(self, sent: Sent) -> bool:
        assert sent.batch is not None
        try:
            batch = self._client.messages.batches.retrieve(sent.batch)
        except (APIConnectionError, APIStatusError) as error:
            self._be_patient(error, sent.batch)
            return False
        self._failures[sent.batch] = 0
        if batch.archived_at is not None:
            self._store.ledger.collected(sent, {"archived": len(sent.keys)}, extra_usd=sent.most_usd)
            raise UserError(
                f"batch {batch.id}: its {len(sent.keys)} answers were not fetched within 29 days and are gone, "
                "though counted as paid; run the same command again to ask anew"
            )
        return batch.processing_status == "ended"

    def _be_patient(self, error: Exception, batch: str, what: str = "") -> None:
        """A look at a batch may fail, the batch goes on; but not for a reason that stays, and not for ever."""
        self._failures[batch + what] += 1
        status = error.status_code if isinstance(error, APIStatusError) else 0
        if status == 404:
            raise UserError(
                f"batch {batch}: the API does not know it under this key; set the key that it was sent with "
                f"(it is open in {self._store.folder / 'ledger.jsonl'})"
            )
        if self._failures[batch + what] >= _PATIENCE or (400 <= status < 500 and status != 429):
            if isinstance(error, APIError):
                raise for_the_user(error) from None
            raise UserError(f"batch {batch}: its results break off ({error}); run the same command again") from None

    def _collected(self, sent: Sent) -> list[Arrival] | None:
        """Read the results of an ended batch into the store; None where nothing new was to be had.

        Where they break off, the batch stays open and is read again; what has arrived is in the store.
        """
        assert sent.batch is not None
        new: list[Arrival] = []
        failed: list[Arrival] = []
        counts: Counter[str] = Counter()
        twice_usd = 0.0
        try:
            for line in self._client.messages.batches.results(sent.batch):
                counts[line.result.type] += 1
                if line.result.type != "succeeded":
                    failed.append(Arrival(line.custom_id, None, _why(line.result)))
                    continue
                answer = self._answer(line.result.message, sent)
                before = self._store.get(line.custom_id)
                if before is None:
                    self._store.put(line.custom_id, self._messages.get(line.custom_id, []), sent.setting, answer)
                    new.append(Arrival(line.custom_id, answer))
                elif before.batch != sent.batch:
                    twice_usd += answer.usd
            if counts.total() != len(sent.keys):
                raise ValueError(f"{counts.total()} results for {len(sent.keys)} requests")
        except _BROKEN as error:
            self._say(f"batch {sent.batch}: its results broke off; they will be read again")
            self._be_patient(error, sent.batch, "results")
            return new or None
        self._store.ledger.collected(sent, dict(counts), twice_usd)
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        self._say(f"batch {sent.batch}: {told}")
        return new + failed

    def _answer(self, message: Message, sent: Sent) -> Answer:
        price = self._knobs.prices.get(sent.model, self._knobs.price)
        return answer_of(message, price, self._knobs.batch_discount, self._knobs.cache_ttl, sent.batch)


def _why(result: MessageBatchResult) -> str:
    """Why an entry of a batch has no message; such entries cost nothing."""
    return f"errored: {result.error.error.message}" if result.type == "errored" else result.type


def _size(batch: MessageBatch) -> int:
    counts = batch.request_counts
    return counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired
