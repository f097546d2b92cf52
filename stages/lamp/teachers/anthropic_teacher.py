"""The teacher that asks a model of Anthropic, through batches or one call at a time, and pays for each answer once.

What is in the store is not asked again, so the same command after a kill goes on where it was, and a run whose answers
are all there needs neither key nor network.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ...errors import UserError
from .answer_store import AnswerStore, opened
from .anthropic_knobs import SECTION, Knobs
from .anthropic_prompt import answer_schema, outside, question, system_prompt
from .conversation import Arrival, Call, Conversation, Setting

# A call that comes to nothing (expired, errored) is sent again this often in one run.
_TRIES = 3


class Post(Protocol):
    """How calls go out and answers come in: `Batches` or `Plain`."""

    @property
    def room(self) -> int:
        """How many more calls can be out at once."""

    def bound_usd(self, call: Call) -> float:
        """What a call costs at most."""

    def reserved_usd(self) -> float:
        """What the calls that are out cost at most."""

    def out(self) -> set[str]:
        """Keys of the calls that are out."""

    def send(self, calls: list[Call]) -> None:
        """Send calls, at most `room`."""

    def collect(self) -> list[Arrival]:
        """Wait for something to arrive. Answers are in the store when this returns."""


def program_setting(knobs: Knobs) -> Setting:
    """What all requests for programs share."""
    schema = answer_schema() if knobs.structured_output else None
    return Setting(knobs.model, system_prompt(), schema, knobs.max_tokens, knobs.effort)


def answers(rows: list[dict[str, Any]], knobs: Knobs) -> Iterator[tuple[dict[str, Any], str | None, list[str]]]:
    """Each request with its program as compact JSON, or None and the reasons why every attempt was refused.

    Raises UserError where the model has no price, the key is missing, the budget is used up or the API does not
    answer. Whatever has been paid for by then is in the store.
    """
    conversations = ask([question(row) for row in rows], program_setting(knobs), _program_faults, knobs)
    for row, conversation in zip(rows, conversations, strict=True):
        yield row, _compact(conversation.answer), conversation.reasons


def _program_faults(text: str) -> list[str]:
    from .. import validation

    try:
        return outside(validation.parse(text))
    except validation.InvalidProgram as invalid:
        return [str(defect) for defect in invalid.defects]


def _compact(answer: str | None) -> str | None:
    from .. import program, validation

    return None if answer is None else program.compact(validation.parse(answer))


def ask(questions: list[str], setting: Setting, faults: Callable[[str], list[str]], knobs: Knobs) -> list[Conversation]:
    """Ask each question until its answer has no `faults`. Returns the ended conversations, in order.

    The same question is asked once. Raises UserError as `answers` does.
    """
    assert knobs.price  # an unknown one is reported before anything else is done
    talks = {text: Conversation(setting, text, faults, knobs.attempts) for text in questions}
    with opened(knobs.store_folder) as store:
        store.describe(setting.digest, setting.shared)
        for talk in talks.values():
            _recall(talk, store)
        if any(talk.call for talk in talks.values()):
            with _Progress(list(talks.values()), store, knobs) as progress:
                _exchange(list(talks.values()), store, setting, knobs, progress)
    return [talks[text] for text in questions]


def _recall(talk: Conversation, store: AnswerStore) -> None:
    """Go on with a conversation as far as the store has its answers."""
    while talk.call and (answer := store.get(talk.call.key)):
        talk.hear(answer)


def _exchange(
    talks: list[Conversation], store: AnswerStore, setting: Setting, knobs: Knobs, progress: _Progress
) -> None:
    from .anthropic_batches import Batches

    if store.cut_off:
        usd = sum(store.cut_off.values())
        progress.say(
            f"{len(store.cut_off)} calls of earlier runs were cut off; they are counted as paid, at most ${usd:.2f}"
        )
    if store.ledger.open or knobs.mode == "batches":
        batches = Batches(store, setting, knobs, progress.say)
        batches.know(talk.call for talk in talks if talk.call)
        batches.settle()
        _Desk(talks, store, knobs, batches, progress).work(sends=knobs.mode == "batches")
    if knobs.mode == "plain":
        with _plain(store, setting, knobs) as plain:
            _Desk(talks, store, knobs, plain, progress).work(sends=True)


@contextmanager
def _plain(store: AnswerStore, setting: Setting, knobs: Knobs) -> Iterator[Post]:
    from .anthropic_plain import Plain

    plain = Plain(store, setting, knobs)
    try:
        yield plain
    finally:
        plain.close()


class _Desk:
    """Sends what is due, as far as room and budget go, and hands what arrives to its conversation."""

    def __init__(
        self,
        talks: list[Conversation],
        store: AnswerStore,
        knobs: Knobs,
        post: Post,
        progress: _Progress,
        sends: bool = True,
    ) -> None:
        self._store = store
        self._knobs = knobs
        self._post = post
        self._progress = progress
        self._waiting = {talk.call.key: talk for talk in talks if talk.call}
        out = post.out()
        self._due = deque(talk.call for key, talk in self._waiting.items() if talk.call and key not in out)
        self._failures: Counter[str] = Counter()
        self._stuck: dict[str, str] = {}

    def work(self, sends: bool) -> None:
        """Until every conversation has ended; or, where nothing is to be sent, until nothing is out."""
        while True:
            if sends:
                self._send()
            if not self._post.out():
                break
            for arrival in self._post.collect():
                self._take(arrival)
            self._progress.show()
        if sends and self._due:
            raise self._too_dear(self._due[0])
        if sends and self._stuck:
            key, why = next(iter(self._stuck.items()))
            raise UserError(
                f"{len(self._stuck)} requests came back without an answer {_TRIES} times ({why}; the first is "
                f"{self._waiting[key].question[:60]!r}); nothing was paid for them, run the same command again"
            )

    def _send(self) -> None:
        free_usd = self._knobs.budget_usd - self._store.spent_usd - self._post.reserved_usd()
        calls: list[Call] = []
        while self._due and len(calls) < self._post.room:
            bound = self._post.bound_usd(self._due[0])
            if bound > free_usd:
                break
            free_usd -= bound
            calls.append(self._due.popleft())
        if calls:
            self._post.send(calls)

    def _take(self, arrival: Arrival) -> None:
        talk = self._waiting.get(arrival.key)
        if talk is None:
            return  # paid by an earlier run; what is asked now is something else
        assert talk.call is not None
        if arrival.answer is None:
            self._failures[arrival.key] += 1
            if self._failures[arrival.key] < _TRIES:
                self._due.append(talk.call)
            else:
                self._stuck[arrival.key] = arrival.failure
            return
        del self._waiting[arrival.key]
        _recall(talk, self._store)
        if talk.call:
            self._waiting[talk.call.key] = talk
            self._due.append(talk.call)
        else:
            self._progress.ended += 1

    def _too_dear(self, call: Call) -> UserError:
        return UserError(
            f"{SECTION}.budget_usd is {self._knobs.budget_usd:g}, ${self._store.spent_usd:.2f} is spent, and the next "
            f"call may cost ${self._post.bound_usd(call):.4f}; see `lampforge cost` and raise it. {len(self._waiting)} "
            f"requests wait; nothing is lost, what is paid for is in {self._store.folder}"
        )


class _Progress:
    """A bar with what is spent so far, and lines above it. Where there is no terminal: the lines only.

    ended: conversations that are over.
    """

    def __init__(self, talks: list[Conversation], store: AnswerStore, knobs: Knobs) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.ended = sum(talk.call is None for talk in talks)
        self._store = store
        self._spent_before = store.spent_usd
        self._budget = knobs.budget_usd
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[spent]}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("answers", total=len(talks), spent="")

    def __enter__(self) -> _Progress:
        self._bar.start()
        self.show()
        return self

    def __exit__(self, *error: object) -> None:
        self.show()
        self._bar.stop()
        out = sum(len(sent.keys) for sent in self._store.ledger.open.values())
        later = f"; {out} requests are still out, the same command fetches their answers" if out else ""
        if out or self._store.spent_usd != self._spent_before:  # else an error's line is to stand alone
            self.say(f"{self._spent()} spent; the answers are in {self._store.folder}{later}")

    def _spent(self) -> str:
        return f"${self._store.spent_usd:.2f} of ${self._budget:.2f}"

    def show(self) -> None:
        """Draw the bar as things stand."""
        self._bar.update(self._task, completed=self.ended, spent=self._spent())

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(line, markup=False)
