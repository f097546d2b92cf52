"""Conversations as ShareGPT exports them: a list of {from, value}, where `from` is human, gpt, system, ...

Sources: SlimOrca (each message with a training `weight`), OpenHermes 2.5, ShareGPT52K, WizardLM Evol-Instruct V2.
The rules are those of `turns`: every turn is kept, as history and last pair. Beyond them

- every name that the exports use for a side is known (human and user; gpt, chatgpt, bing, bard, ...); another
  one (tool, observation, function_call) is rejected, since what a tool said is neither a question nor an answer;
- some sources repeat the system prompt in a field beside the conversation: it counts where the conversation
  itself has none (`system`);
- answers that were scraped as the web page's HTML are turned back into Markdown (`page_markup`).
"""

from __future__ import annotations

from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, shown
from ..page_markup import is_page_markup, to_markdown
from ..turns import ASSISTANT, SYSTEM, USER, Message, row_of, spoken


@dataclass(frozen=True)
class Options:
    """The fields' names, and what a source's export left in the text."""

    conversations: str = "conversations"
    role: str = "from"
    text: str = "value"
    system: str = ""
    """The field that holds a system prompt beside the conversation; empty: there is none."""
    page_markup: bool = False
    """Some answers are HTML of the chat page."""


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row of one conversation."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, shown(item))
    if options.conversations not in item:
        return Reject(Reason.MISSING_FIELD, f"no {options.conversations}: {shown(item)}")
    messages = spoken(item[options.conversations], options.role, options.text, _ROLES)
    if isinstance(messages, Reject):
        return messages
    if options.page_markup:
        messages = [_without_markup(message) for message in messages]
    row = row_of(messages)
    if options.system and isinstance(row, Row) and not row.system:
        return _under(item.get(options.system), row)
    return row


def _without_markup(message: Message) -> Message:
    role, text = message
    return (role, to_markdown(text)) if role == ASSISTANT and is_page_markup(text) else message


def _under(system: object, row: Row) -> Row | Reject:
    """The row with the system prompt that stands beside its conversation."""
    if isinstance(system, str):
        return row._replace(system=system.strip())
    return row if system is None else Reject(Reason.WRONG_TYPE, f"the system prompt is {shown(system)}")


_ROLES = {
    SYSTEM: SYSTEM,
    **dict.fromkeys(("human", "user", "prompter"), USER),
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "model", "chatbot", "assistant"), ASSISTANT),
}

FAMILY = Family(Options, map_item)
