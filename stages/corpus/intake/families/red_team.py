"""Requests and answers with safety labels (WildGuardMix): only answers labelled harmless become rows.

A record has prompt, response, prompt_harm_label (harmful, unharmful), response_harm_label (the same),
response_refusal_label (refusal, compliance), subcategory and adversarial. More than half of the records have
no response, and labels are null where the annotators disagreed.

- A harmful answer is an unsafe completion, whatever the request. A missing label leaves a record unlabelled.
- Refusing a request that is labelled unharmful is the mistake that such data sets show on purpose, hence
  labelled wrong: who trains on it gets a model that refuses too much.
- The safety label says what happened (`SafetyLabel`); severity follows subcategory and prompt label
  (`safety.severity_of`). `adversarial` tells how a request is disguised, not how grave it is, and is not read.
- The request itself is the instruction, word for word.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, text_of
from ..safety import SafetyLabel, severity_of

_LABELS = ("prompt_harm_label", "response_harm_label", "response_refusal_label")
_VALUES = (("harmful", "unharmful"), ("harmful", "unharmful"), ("refusal", "compliance"))


@dataclass(frozen=True)
class Options:
    """The fields of the request and of its answer."""

    prompt: str = "prompt"
    response: str = "response"


def map_item(item: Record, options: Options) -> Row | Reject:
    """The request with its safe answer, labelled; or why the answer is no example to learn from."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(item).__name__}: {item!r}"[:200])
    prompt = text_of(item, options.prompt)
    if isinstance(prompt, Reject):
        return prompt
    response = text_of(item, options.response)
    if isinstance(response, Reject):
        return response
    row = completed(Row(prompt, "", response))
    return row if isinstance(row, Reject) else _labelled(row, item)


def _labelled(row: Row, item: Record) -> Row | Reject:
    if item.get("response_harm_label") == "harmful":
        return Reject(Reason.UNSAFE_COMPLETION, f"response_harm_label is harmful for {row.instruction!r}"[:200])
    for name, values in zip(_LABELS, _VALUES, strict=True):
        if item.get(name) not in values:
            return Reject(Reason.UNLABELLED, f"{name} is {item.get(name)!r}, not one of {', '.join(values)}"[:200])
    harmful = item["prompt_harm_label"] == "harmful"
    refused = item["response_refusal_label"] == "refusal"
    if refused and not harmful:
        return Reject(Reason.LABELLED_WRONG, f"refuses what is labelled unharmful: {row.instruction!r}"[:200])
    label = SafetyLabel.REFUSAL if refused else SafetyLabel.SAFE_HELP if harmful else SafetyLabel.BENIGN_HELP
    severity = severity_of(item.get("subcategory"), harmful)
    return row._replace(safety_label=label.value, severity=severity.value)


FAMILY = Family(Options, map_item)
