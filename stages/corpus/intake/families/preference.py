"""Two answers to the same, one liked better: {prompt, chosen, rejected}, both as lists of {role, content}.

Source: UltraFeedback binarized, where `chosen` and `rejected` hold the question too and `prompt` repeats it.
Lists that begin with the answer are read as answers to `prompt`, which is a text or a list of messages.

The row's target is the chosen answer, never the rejected one. That is kept beside it only where the pair says
something: both answer the same (system prompt and all turns before are equal), they differ, and the chosen one
was not scored lower or equal. The rest are the rules of `turns`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, shown
from ..turns import ASSISTANT, USER, Message, row_of, spoken


@dataclass(frozen=True)
class Options:
    """The fields' names."""

    prompt: str = "prompt"
    chosen: str = "chosen"
    rejected: str = "rejected"
    score_chosen: str = "score_chosen"
    score_rejected: str = "score_rejected"
    role: str = "role"
    text: str = "content"


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row of the chosen answer, with the rejected one where it answers the same."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, shown(item))
    for name in (options.chosen, options.rejected):
        if name not in item:
            return Reject(Reason.MISSING_FIELD, f"no {name}: {shown(item)}")
    chosen = _conversation(item, options.chosen, options)
    if isinstance(chosen, Reject):
        return chosen
    other = _conversation(item, options.rejected, options)
    if isinstance(other, Reject) or not _preferred(item.get(options.score_chosen), item.get(options.score_rejected)):
        return chosen
    same_question = other._replace(output=chosen.output) == chosen
    return chosen._replace(rejected=other.output) if same_question and other.output != chosen.output else chosen


def _conversation(item: Record, name: str, options: Options) -> Row | Reject:
    messages = spoken(item[name], options.role, options.text, {})
    if isinstance(messages, Reject):
        return messages
    if messages and messages[0][0] == ASSISTANT:
        before = _prompt(item.get(options.prompt), options)
        if isinstance(before, Reject):
            return before
        messages = before + messages
    return row_of(messages)


def _prompt(prompt: Any, options: Options) -> list[Message] | Reject:
    return [(USER, prompt)] if isinstance(prompt, str) else spoken(prompt, options.role, options.text, {})


def _preferred(chosen: Any, rejected: Any) -> bool:
    """Whether nothing speaks against the preference; without two scores, nothing does."""
    scored = isinstance(chosen, int | float) and isinstance(rejected, int | float)
    return not scored or chosen > rejected


FAMILY = Family(Options, map_item)
