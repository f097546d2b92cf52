"""A conversation as its messages -> what a row holds of it: the system prompt, the turns before, the last pair.

Every family that reads conversations goes through `from_messages`, so all of them keep all turns by the same
rules:

- System messages at the head are the system prompt. One later on would speak to turns before it if it were
  moved to the head, so it is rejected.
- Messages of one role in a row are one message, joined by a blank line: somebody who wrote twice before the
  other answered.
- An empty message says nothing and counts as not there.
- The conversation has to begin with the user; what an answer without a question answered is unknown.
- User messages at the end that nobody answered are left out, where a turn before them was answered.
  Nothing else is ever left out: what does not fit is rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..rows.row import Reason, Reject, Row, Turn
from .family import DETAIL, shown

SYSTEM, USER, ASSISTANT = "system", "user", "assistant"

Message = tuple[str, str]
"""Role (system, user or assistant) and text."""


def from_messages(messages: Iterable[Message]) -> tuple[str, tuple[Turn, ...], str, str] | Reject:
    """System prompt, turns before the last answered one (oldest first), its question and its answer.

    All texts come back without white space around them. A role that is none of the three is rejected.
    """
    system = asked = answer = ""
    turns: list[Turn] = []
    silent_user = silent_assistant = False
    for role, raw in messages:
        text = raw.strip()
        if role == USER:
            if not text:
                silent_user = True
            elif answer:
                turns.append((asked, answer))
                asked, answer = text, ""
            else:
                asked = f"{asked}\n\n{text}" if asked else text
        elif role == ASSISTANT:
            if not text:
                silent_assistant = True
            elif asked:
                answer = f"{answer}\n\n{text}" if answer else text
            elif silent_user:
                return Reject(Reason.EMPTY_INSTRUCTION, f"the user says nothing before {text!r}"[:DETAIL])
            else:
                return Reject(Reason.BAD_ROLE_ORDER, f"begins with the assistant: {text!r}"[:DETAIL])
        elif role == SYSTEM:
            if asked and text:
                return Reject(Reason.BAD_ROLE_ORDER, f"system message after the first turn: {text!r}"[:DETAIL])
            if text:
                system = f"{system}\n\n{text}" if system else text
        else:
            return Reject(Reason.BAD_ROLE_ORDER, f"role {role!r} says {text!r}"[:DETAIL])
    if answer:
        return system, tuple(turns), asked, answer
    if turns:
        asked, answer = turns.pop()
        return system, tuple(turns), asked, answer
    if not asked:
        return Reject(Reason.NO_ANSWERED_TURN, "neither a question nor an answer")
    reason = Reason.EMPTY_OUTPUT if silent_assistant else Reason.NO_ANSWERED_TURN
    return Reject(reason, f"nothing answers {asked!r}"[:DETAIL])


def spoken(value: Any, role_field: str, text_field: str, roles: Mapping[str, str]) -> list[Message] | Reject:
    """The messages in a list of objects, their roles renamed by `roles`; a role that is not in it keeps its name.

    A text that is null is empty; whatever else is no list of objects with two texts is rejected.
    """
    if not isinstance(value, list):
        return Reject(Reason.WRONG_TYPE, f"the messages are {type(value).__name__}: {shown(value)}"[:DETAIL])
    messages = []
    for message in value:
        try:
            role, text = message[role_field], message[text_field]
        except KeyError as error:
            return Reject(Reason.MISSING_FIELD, f"a message has no {error}: {shown(message)}"[:DETAIL])
        except (TypeError, IndexError):
            return Reject(Reason.WRONG_TYPE, f"a message is {type(message).__name__}: {shown(message)}"[:DETAIL])
        if text is None:
            text = ""
        if not isinstance(role, str) or not isinstance(text, str):
            return Reject(Reason.WRONG_TYPE, f"a message whose role or text is no string: {shown(message)}"[:DETAIL])
        messages.append((roles.get(role, role), text))
    return messages


def row_of(messages: Iterable[Message]) -> Row | Reject:
    """The row of a conversation that says nothing else of itself."""
    parts = from_messages(messages)
    if isinstance(parts, Reject):
        return parts
    system, history, instruction, output = parts
    return Row(instruction, "", output, history, system)
