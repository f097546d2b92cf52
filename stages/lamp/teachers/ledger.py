"""What was sent and may be paid for: an append-only file, so that a killed run is found again.

A batch is written down before it is asked for (`intended`, with the keys of its calls), again when the server has
given it an id (`created`) and when its results are in the store (`collected`). A run that is killed in between leaves
an intent without an id; whether the server has that batch is found out before anything else is sent.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ...errors import UserError


@dataclass
class Sent:
    """A batch that was asked for and is not collected. batch: the server's id, or None while it is not known.

    model, setting: what it was asked with, which may not be what is asked with now.
    """

    intent: str
    keys: frozenset[str]
    model: str
    setting: str
    most_usd: float
    at: datetime
    batch: str | None = None


class Ledger:
    """Reads the file, then appends to it. Only one process may have it open: see AnswerStore.

    open: batches that are out, by intent. batches: ids of all that were ever created.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.open: dict[str, Sent] = {}
        self.batches: set[str] = set()
        self._calls: Counter[str] = Counter()
        self._calls_usd: dict[str, float] = {}
        self._extra_usd = 0.0
        self._writing = threading.Lock()
        for number, event in enumerate(_events(path), start=1):
            try:
                self._apply(event)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{path}:{number}: no line of a ledger ({error!r}); restore the file") from None

    def intend(self, keys: list[str], model: str, setting: str, most_usd: float) -> Sent:
        """Write down that a batch is about to be asked for."""
        intent = uuid.uuid4().hex
        about = {"model": model, "setting": setting, "most_usd": most_usd, "keys": keys}
        self._write({"event": "intended", "intent": intent, **about})
        return self.open[intent]

    def created(self, sent: Sent, batch: str) -> None:
        """The server has the batch, under this id."""
        self._write({"event": "created", "intent": sent.intent, "batch": batch})

    def absent(self, sent: Sent, why: str) -> None:
        """The server never had the batch: its calls may be sent again."""
        self._write({"event": "absent", "intent": sent.intent, "why": why})

    def collected(self, sent: Sent, counts: dict[str, int], extra_usd: float) -> None:
        """The results are in the store. extra_usd: paid for answers that are not, or that were there already."""
        self._write({"event": "collected", "intent": sent.intent, "counts": counts, "extra_usd": extra_usd})

    def calling(self, key: str, most_usd: float) -> None:
        """A plain call is about to be made."""
        self._write({"event": "calling", "key": key, "most_usd": most_usd})

    def failed(self, key: str, why: str) -> None:
        """A plain call has ended without an answer, and certainly without cost."""
        self._write({"event": "failed", "key": key, "why": why})

    def lost(self, key: str, most_usd: float) -> None:
        """A plain call's answer was lost on the way: it may have been paid for, and is counted as if it was."""
        self._write({"event": "lost", "key": key, "most_usd": most_usd})

    def reserved_usd(self) -> float:
        """At most this much will be paid for the batches that are out."""
        return sum(sent.most_usd for sent in self.open.values())

    def unanswered_calls(self, answered: Collection[str]) -> dict[str, float]:
        """Key and bound of plain calls that were made and neither failed nor are among the `answered`."""
        left = {key: count - (key in answered) for key, count in self._calls.items()}
        return {key: self._calls_usd[key] * count for key, count in left.items() if count > 0}

    def extra_usd(self) -> float:
        """Paid, or counted as paid, for what is not in the store."""
        return self._extra_usd

    def _write(self, event: dict[str, Any]) -> None:
        stamped = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **event}
        with self._writing:
            with self._path.open("ab") as handle:
                handle.write(orjson.dumps(stamped) + b"\n")
                handle.flush()
                os.fsync(handle.fileno())
            self._apply(stamped)

    def _apply(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "intended":
            about = {key: event[key] for key in ("intent", "model", "setting", "most_usd")}
            at = datetime.fromisoformat(event["at"])
            self.open[event["intent"]] = Sent(keys=frozenset(event["keys"]), at=at, **about)
        elif kind == "created":
            self.open[event["intent"]].batch = event["batch"]
            self.batches.add(event["batch"])
        elif kind == "absent":
            del self.open[event["intent"]]
        elif kind == "collected":
            del self.open[event["intent"]]
            self._extra_usd += event["extra_usd"]
        elif kind == "calling":
            self._calls[event["key"]] += 1
            self._calls_usd[event["key"]] = event["most_usd"]
        elif kind == "failed":
            self._calls[event["key"]] -= 1
        elif kind == "lost":
            self._extra_usd += event["most_usd"]
        else:
            raise ValueError(f"event {kind!r}")


def _events(path: Path) -> list[dict[str, Any]]:
    """The events of the file. A last line without an end was being written when the run was killed: it is cut off.

    Nothing was sent on its account, because a line is on the disk before what it announces is done.
    """
    if not path.exists():
        return []
    content = path.read_bytes()
    whole, _, torn = content.rpartition(b"\n")
    if torn:
        with path.open("r+b") as handle:
            handle.truncate(len(content) - len(torn))
    events = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            events.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise UserError(f"{path}:{number}: not JSON ({error}); restore the file") from None
    return events
