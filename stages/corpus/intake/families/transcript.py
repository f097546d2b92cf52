"""Whole conversations as one text (hh-rlhf): "\\n\\nHuman: ...\\n\\nAssistant: ...", a chosen and a rejected one.

- A marker is one only at the start of a line that follows an empty line, as published. "Human:" within a turn
  (people paste conversations) is text of that turn.
- All turns of `chosen` are kept. Some transcripts end in an empty assistant turn: the last answered turn before
  it, if any, is the row.
- `rejected` is never a target: its last answer goes to `Row.rejected`, and only where all before that answer is
  equal; some pairs diverge earlier.
- Red team (`red_team: true`): these transcripts carry no labels, and their chosen answer is only the less
  harmful of two. So a row needs an answer that plainly declines, and before it nothing but answers that decline
  or ask back; all else is rejected as unlabelled. Severity goes by the words of the requests (`safety`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, text_of
from ..safety import SafetyLabel, asks_back, declines, severity_in_words
from ..turns import ASSISTANT, USER, Message, from_messages, row_of

HUMAN_MARK = "\n\nHuman:"
ASSISTANT_MARK = "\n\nAssistant:"


@dataclass(frozen=True)
class Options:
    """The fields of the two transcripts (`rejected` empty: there is none), and whether rows are a red team's."""

    chosen: str = "chosen"
    rejected: str = "rejected"
    red_team: bool = False


def map_item(item: Record, options: Options) -> Row | Reject:
    """The chosen conversation, with the last answer of the rejected one if that answers the same."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(item).__name__}: {item!r}"[:200])
    chosen = text_of(item, options.chosen)
    if isinstance(chosen, Reject):
        return chosen
    messages = messages_in(chosen)
    row = messages if isinstance(messages, Reject) else row_of(messages)
    if isinstance(row, Reject):
        return row
    rejected = item.get(options.rejected)
    if isinstance(rejected, str):
        row = _paired(row, rejected)
    return _labelled(row) if options.red_team else row


def messages_in(transcript: str) -> list[Message] | Reject:
    """The messages of a transcript, in order; text before the first marker is nobody's and rejects it."""
    head, *exchanges = f"\n\n{transcript.lstrip()}".split(HUMAN_MARK)
    if head.strip():
        return Reject(Reason.BAD_ROLE_ORDER, f"does not begin with 'Human:': {head.strip()!r}"[:200])
    messages: list[Message] = []
    for exchange in exchanges:
        asked, *answers = exchange.split(ASSISTANT_MARK)
        messages.append((USER, asked))
        for answer in answers:
            messages.append((ASSISTANT, answer))
    return messages


def _paired(row: Row, rejected: str) -> Row:
    messages = messages_in(rejected)
    parts = messages if isinstance(messages, Reject) else from_messages(messages)
    if isinstance(parts, Reject):
        return row
    _, history, instruction, worse = parts
    if worse == row.output or instruction != row.instruction or history != row.history:
        return row
    return row._replace(rejected=worse)


def _labelled(row: Row) -> Row | Reject:
    if not declines(row.output):
        return Reject(Reason.UNLABELLED, f"no label, and the answer does not plainly decline: {row.output!r}"[:200])
    for _, answer in row.history:
        if not declines(answer) and not asks_back(answer):
            return Reject(Reason.UNLABELLED, f"no label, and an earlier answer does not decline: {answer!r}"[:200])
    severity = severity_in_words([*(asked for asked, _ in row.history), row.instruction])
    return row._replace(safety_label=SafetyLabel.REFUSAL.value, severity=severity.value)


FAMILY = Family(Options, map_item)
