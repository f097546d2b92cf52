"""Conversations that branch: OpenAssistant's message trees, as nested trees or as flat rows.

Three forms are published: {message_tree_id, prompt: {text, role, replies: [...]}} (a tree a line), the prompt
alone with its nested replies, and one row a message with `parent_id` and `message_tree_id` (the hub's parquet),
which are regrouped, whatever their order. The trees leave out keys where the rows write nulls.

An item is a path through a tree, from its prompt down to an answer with nothing answered below it:

- Replies that were deleted, failed the review or are empty are not walked, nor what hangs below them.
- People ranked the answers to the same message; 0 is the best. A path costs the sum of its answers' places in
  that order, and a source takes the `paths` cheapest of each tree; between equal ones, what came first
  decides. Unranked answers come after ranked ones.
- A follow-up that nobody answered is not part of a path.
- A tree without such a path is one item all the same, its prompt and the first reply, for which the reason is told.

The rest are the rules of `turns`. The language is that of the prompt ("pt-BR" -> "pt").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, shown
from ..turns import ASSISTANT, USER, Message, row_of


@dataclass(frozen=True)
class Options:
    """How much is taken of a tree."""

    paths: int = 1
    """Rows per tree at most."""


Replies = Callable[[Record], list[Any]]


def items(records: Iterable[Record], options: Options) -> Iterator[list[Any]]:
    """The best paths of all trees, each a list of messages; a record that is neither tree nor message, alone."""
    trees: dict[str, list[Record]] = {}
    for record in records:
        prompt = record.get("prompt", record) if isinstance(record, dict) else None
        if not isinstance(prompt, dict):
            yield [record]
        elif isinstance(prompt.get("replies"), list):
            yield from _best_paths(prompt, _nested, options.paths)
        elif isinstance(prompt.get("message_tree_id"), str) and isinstance(prompt.get("message_id"), str):
            trees.setdefault(prompt["message_tree_id"], []).append(prompt)
        else:
            yield [prompt]
    for messages in trees.values():
        yield from _regrouped(messages, options.paths)


def map_item(item: Any, options: Options) -> Row | Reject:
    """The row of one path."""
    if not isinstance(item, list):
        return Reject(Reason.WRONG_TYPE, f"no path of messages: {shown(item)}")
    messages: list[Message] = []
    for message in item:
        if not isinstance(message, dict):
            return Reject(Reason.WRONG_TYPE, f"a message is {type(message).__name__}: {shown(message)}")
        if message.get("deleted") is True:
            return Reject(Reason.DELETED, shown(message.get("text")))
        if message.get("review_result") is False:
            return Reject(Reason.REVIEW_FAILED, shown(message.get("text")))
        role, text = message.get("role"), message.get("text")
        if not isinstance(role, str) or not isinstance(text, str):
            missing = "role" not in message or "text" not in message
            return Reject(Reason.MISSING_FIELD if missing else Reason.WRONG_TYPE, f"no role or text: {shown(message)}")
        messages.append((_ROLES.get(role, role), text))
    if messages and item[0].get("parent_id") is not None:
        return Reject(Reason.MISSING_FIELD, f"the prompt of this reply is not in the file: {shown(messages[0][1])}")
    row = row_of(messages)
    lang = item[0].get("lang") if item else None
    return row._replace(lang=lang.partition("-")[0].lower()) if isinstance(row, Row) and isinstance(lang, str) else row


def _nested(message: Record) -> list[Any]:
    replies = message.get("replies")
    return replies if isinstance(replies, list) else []


def _regrouped(messages: list[Record], wanted: int) -> Iterator[list[Record]]:
    """The best paths of one tree that came as rows; where its prompt is not among them, the first row alone."""
    by_parent: dict[Any, list[Any]] = {}
    seen = set()
    for message in messages:
        parent = message.get("parent_id")
        # A message that came twice must not be walked twice: it could be its own ancestor.
        if message["message_id"] not in seen and (parent is None or isinstance(parent, str)):
            seen.add(message["message_id"])
            by_parent.setdefault(parent, []).append(message)
    prompts = by_parent.pop(None, [])
    for prompt in prompts:
        yield from _best_paths(prompt, lambda message: by_parent.get(message["message_id"], []), wanted)
    if not prompts:
        yield messages[:1]


def _best_paths(prompt: Record, replies_of: Replies, wanted: int) -> Iterator[list[Record]]:
    """The cheapest paths, in that order; where there is none, the prompt and its first reply."""
    found: list[tuple[int, tuple[int, ...], tuple[Record, ...]]] = []
    open_ends: list[tuple[int, tuple[int, ...], tuple[Record, ...]]] = [(0, (), (prompt,))]
    while open_ends:
        cost, places, path = open_ends.pop()
        for place, answer in enumerate(_usable(replies_of(path[-1]), "assistant")):
            further = [
                (cost + place, (*places, place, at), (*path, answer, question))
                for at, question in enumerate(_usable(replies_of(answer), "prompter"))
                if _usable(replies_of(question), "assistant")
            ]
            open_ends += further
            if not further:
                found.append((cost + place, (*places, place), (*path, answer)))
    found.sort(key=lambda end: end[:2])  # never by the messages, which do not compare
    for _, _, path in found[:wanted]:
        yield [_alone(message) for message in path]
    if not found:
        yield [_alone(message) for message in (prompt, *replies_of(prompt)[:1])]


def _usable(replies: list[Any], role: str) -> list[Record]:
    """The replies of a role that may be trained on, the best-ranked first."""
    usable = [
        reply
        for reply in replies
        if isinstance(reply, dict)
        and reply.get("role") == role
        and reply.get("deleted") is not True
        and reply.get("review_result") is not False
        and isinstance(reply.get("text"), str)
        and reply["text"].strip()
    ]
    return sorted(usable, key=_rank) if len(usable) > 1 else usable


def _rank(message: Record) -> float:
    rank = message.get("rank")
    return rank if isinstance(rank, int | float) else float("inf")


def _alone(message: Any) -> Any:
    """A message without what hangs below it."""
    return (
        {name: value for name, value in message.items() if name != "replies"} if isinstance(message, dict) else message
    )


_ROLES = {"prompter": USER, "assistant": ASSISTANT}

FAMILY = Family(Options, map_item, items, whole_files=True)
