"""Problematic remarks and constructive answers (prosocial-dialog), one exchange a record.

A record has context (what the user says), response, rots (rules of thumb), safety_label, safety_annotations and
their reasons, source, etc, dialogue_id, response_id and episode_done. An item is a whole dialogue, regrouped by
dialogue_id and ordered by response_id, so that all its turns are in the row.

- The safety label is the gravest that any kept exchange has, without its underscores: casual,
  possibly_needs_caution, probably_needs_caution, needs_caution or needs_intervention.
- Severity: low up to possibly_needs_caution (one of three annotators), high for needs_intervention, else medium.
- Rules of thumb and annotations are notes about the talk; nobody says them, so they are not in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...rows.row import Reason, Reject, Row
from ..conversations import regrouped
from ..family import Family, Item, NoOptions, Record, text_of
from ..safety import Severity
from ..turns import ASSISTANT, USER, Message, row_of

_LABELS = {
    "__casual__": (0, Severity.LOW),
    "__possibly_needs_caution__": (1, Severity.LOW),
    "__probably_needs_caution__": (2, Severity.MEDIUM),
    "__needs_caution__": (3, Severity.MEDIUM),
    "__needs_intervention__": (4, Severity.HIGH),
}
"""How grave each is, for comparison, and the severity of a row in which none is graver."""


def items(records: Iterable[Record], options: NoOptions) -> Iterator[Item]:
    """Dialogues: the exchanges that make each up, in order."""
    return regrouped(records, "dialogue_id", "response_id")


def map_item(item: Item, options: NoOptions) -> Row | Reject:
    """The dialogue, all turns of it, with its gravest label."""
    if not isinstance(item, list) or not item:
        return Reject(Reason.WRONG_TYPE, f"the exchanges are {type(item).__name__}: {item!r}"[:200])
    messages: list[Message] = []
    labels: list[str] = []
    for record in item:
        exchange = _exchange(record)
        if isinstance(exchange, Reject):
            return exchange
        context, response, label = exchange
        messages += ((USER, context), (ASSISTANT, response))
        labels.append(label)
    row = row_of(messages)
    if isinstance(row, Reject):
        return row
    gravest = max(labels, key=lambda label: _LABELS[label][0])
    return row._replace(safety_label=gravest.strip("_"), severity=_LABELS[gravest][1].value)


def _exchange(record: object) -> tuple[str, str, str] | Reject:
    if not isinstance(record, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(record).__name__}: {record!r}"[:200])
    if record.get("dialogue_id") is None:
        return Reject(Reason.MISSING_FIELD, f"no dialogue_id: {record!r}"[:200])
    context = text_of(record, "context")
    if isinstance(context, Reject):
        return context
    response = text_of(record, "response")
    if isinstance(response, Reject):
        return response
    label = record.get("safety_label")
    if not isinstance(label, str) or label not in _LABELS:
        return Reject(Reason.UNLABELLED, f"safety_label is {label!r}, not one of {', '.join(_LABELS)}"[:200])
    return context, response, label


FAMILY = Family(NoOptions, map_item, items, whole_files=True)
