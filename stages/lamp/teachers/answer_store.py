"""The paid answers: one file for each, named by what was asked, written once and never again.

    answers/ab/abcd....json    an answer, with what was asked of it, its tokens and its cost
    settings/0123....json      what the calls of one kind share: model, system prompt, schema, sampling
    ledger.jsonl               what was sent (see ledger.py)
    lock                       held by the one run that may use the folder

A key is the sha256 of the setting and the messages. Files of two stores can be copied together: the same name is
the same question. The ledger belongs to the machine that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ...errors import UserError
from ...files import published_file, write_json
from .ledger import Ledger
from .spending import Usage


@dataclass(frozen=True)
class Answer:
    """What the model said, and what it cost. batch: the id of its batch, None for a plain call.

    detail: what the API says about a refusal.
    """

    text: str
    stop_reason: str
    usage: Usage
    usd: float
    model: str
    message: str
    batch: str | None
    detail: str = ""
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


class AnswerStore:
    """A folder of answers, all of them read, and the ledger beside them. See `opened`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / "ledger.jsonl")
        self._answers = peek(folder)
        self._paid_usd = sum(answer.usd for answer in self._answers.values())
        # Calls of a run that was killed before it could write their answers down. They may have been paid for.
        self.cut_off = self.ledger.unanswered_calls(self._answers.keys())
        self._cut_off_usd = sum(self.cut_off.values())
        for sent in list(self.ledger.open.values()):
            # A run that was killed between the last answer of a batch and the line that says so.
            if sent.batch and all(key in self._answers and self._answers[key].batch == sent.batch for key in sent.keys):
                self.ledger.collected(sent, {"succeeded": len(sent.keys)}, extra_usd=0.0)

    @property
    def spent_usd(self) -> float:
        """What everything in the folder has cost so far, whoever asked; what may have been paid counts as paid."""
        return self._paid_usd + self.ledger.extra_usd() + self._cut_off_usd

    def get(self, key: str) -> Answer | None:
        """The answer of that key, None where there is none."""
        return self._answers.get(key)

    def put(self, key: str, messages: list[dict[str, str]], setting: str, answer: Answer) -> None:
        """Keep an answer. Its key must be new: what is here is never written again."""
        assert key not in self._answers, key
        record = {"key": key, "setting": setting, "messages": messages, **asdict(answer)}
        with published_file(self.folder / "answers" / key[:2] / f"{key}.json") as temporary:
            temporary.write_bytes(orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")
        self._answers[key] = answer
        self._paid_usd += answer.usd

    def describe(self, setting: str, shared: dict[str, Any]) -> None:
        """Keep what the calls of a setting share, so that the store explains itself."""
        path = self.folder / "settings" / f"{setting}.json"
        if not path.exists():
            write_json(path, shared)


@contextmanager
def opened(folder: Path) -> Iterator[AnswerStore]:
    """The store in a folder, which is made if need be and locked against other runs.

    Raises UserError where another run has it: two runs that do not know of each other would pay twice.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        try:
            # Released by the operating system when the process ends, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another run is asking with this store; wait until it is done") from None
        yield AnswerStore(folder)


def peek(folder: Path) -> dict[str, Answer]:
    """The answers in a folder, by key, without taking its lock; for reading only."""
    return {path.stem: _read(path) for path in (folder / "answers").glob("??/*.json")}


def _read(path: Path) -> Answer:
    try:
        record = orjson.loads(path.read_bytes())
        plain = {
            key: record[key] for key in ("text", "stop_reason", "usd", "model", "message", "batch", "detail", "at")
        }
        return Answer(**plain, usage=Usage(**record["usage"]))
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no answer ({error!r}); restore the file, or delete it to ask again") from None
