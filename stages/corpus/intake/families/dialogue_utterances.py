"""Talks between two people: one utterance a record (empathetic_dialogues), or a list of them (daily_dialog).

- One utterance a record: an item is a whole conversation, regrouped by `conversation` and ordered by `order`.
  Who speaks first is the user, who listens is the assistant. The situation that the speaker had in mind is the
  context of the instruction (`Row.input`), unless the speaker says it word for word; the one-word emotion, the
  listeners' marks and tags are notes about the talk and not read. `_comma_` is how the publisher wrote ",".
- A list: the speakers alternate, and the first is the user. daily_dialog is published as tokens with spaces
  between them (`spaced`).
- A last remark that nobody answered is left out, as everywhere (`turns`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from ...rows.row import Reason, Reject, Row
from ..conversations import regrouped
from ..family import Family, Item, Record, text_of
from ..spacing import respaced
from ..turns import ASSISTANT, USER, Message, row_of


@dataclass(frozen=True)
class Options:
    """Names of the fields. `dialog` names the list of utterances; empty: a record is one utterance."""

    dialog: str = ""
    spaced: bool = False
    conversation: str = "conv_id"
    order: str = "utterance_idx"
    speaker: str = "speaker_idx"
    utterance: str = "utterance"
    situation: str = "prompt"


def items(records: Iterable[Record], options: Options) -> Iterator[Item]:
    """Conversations: records that hold one each, or the records that make one up."""
    return iter(records) if options.dialog else regrouped(records, options.conversation, options.order)


def map_item(item: Item, options: Options) -> Row | Reject:
    """The talk up to its last answered remark."""
    if options.dialog:
        return _row_of_list(item, options)
    if not isinstance(item, list) or not item:
        return Reject(Reason.WRONG_TYPE, f"the utterances are {type(item).__name__}: {item!r}"[:200])
    messages: list[Message] = []
    first: Any = None
    for record in item:
        if not isinstance(record, dict):
            return Reject(Reason.NOT_AN_OBJECT, f"{type(record).__name__}: {record!r}"[:200])
        said = text_of(record, options.utterance)
        if isinstance(said, Reject):
            return said
        speaker = record.get(options.speaker)
        if type(speaker) is not int and type(speaker) is not str:
            return Reject(Reason.WRONG_TYPE, f"{options.speaker} is {speaker!r}"[:200])
        first = speaker if first is None else first
        messages.append((USER if speaker == first else ASSISTANT, said.replace("_comma_", ",")))
    if item[0].get(options.conversation) is None:
        return Reject(Reason.MISSING_FIELD, f"no {options.conversation}: {item[0]!r}"[:200])
    row = row_of(messages)
    return row if isinstance(row, Reject) else _situated(row, item[0], options)


def _situated(row: Row, record: Record, options: Options) -> Row | Reject:
    situation = text_of(record, options.situation)
    if isinstance(situation, Reject):
        return situation
    situation = situation.replace("_comma_", ",")
    if situation in row.instruction or any(situation in asked for asked, _ in row.history):
        return row
    return row._replace(input=situation)


def _row_of_list(item: Item, options: Options) -> Row | Reject:
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(item).__name__}: {item!r}"[:200])
    if options.dialog not in item:
        return Reject(Reason.MISSING_FIELD, f"no {options.dialog}; it has {', '.join(map(str, item))}"[:200])
    dialog = item[options.dialog]
    if not isinstance(dialog, list):
        return Reject(Reason.WRONG_TYPE, f"{options.dialog} is {type(dialog).__name__}: {dialog!r}"[:200])
    for said in dialog:
        if not isinstance(said, str):
            return Reject(Reason.WRONG_TYPE, f"an utterance is {type(said).__name__}: {said!r}"[:200])
        if not said.strip():
            # Left out, it would hand every later remark to the other speaker.
            return Reject(Reason.BAD_ROLE_ORDER, f"an utterance is empty: {dialog!r}"[:200])
    if options.spaced:
        dialog = [respaced(said) for said in dialog]
    return row_of(zip(cycle((USER, ASSISTANT)), dialog, strict=False))


FAMILY = Family(Options, map_item, items, whole_files=True)
