"""Conversations as the chat APIs write them: a list of {role, content}, with the roles system, user and assistant.

Sources: ultrachat_200k (whose `prompt` repeats the first message) and all that is published "in messages format".
The rules are those of `turns`: every turn is kept, as history and last pair. A message of another role (tool,
function) is rejected: what a tool said is neither a question nor an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, shown
from ..turns import row_of, spoken


@dataclass(frozen=True)
class Options:
    """The fields' names."""

    messages: str = "messages"
    role: str = "role"
    text: str = "content"


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row of one conversation."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, shown(item))
    if options.messages not in item:
        return Reject(Reason.MISSING_FIELD, f"no {options.messages}: {shown(item)}")
    messages = spoken(item[options.messages], options.role, options.text, _ROLES)
    return messages if isinstance(messages, Reject) else row_of(messages)


# The API's later name for instructions that outrank the user's.
_ROLES = {"developer": "system"}

FAMILY = Family(Options, map_item)
