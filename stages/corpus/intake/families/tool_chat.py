"""Conversations in which the assistant calls tools and reads what they return.

Reads two schemas; `Options.schema` says which.
- glaive: `system` ("SYSTEM: You are ... -", then JSON objects one after the other) and `chat`, one text in which
  `USER:`, `ASSISTANT:` and `FUNCTION RESPONSE:` begin a line, `<functioncall>` stands before a call whose
  arguments are JSON in single quotes, and `<|endoftext|>` behind an answer.
- toolace: `system`, which holds the tools and how to write a call, and `conversations`, a list of {from, value};
  a call is `[name(a=1)]`. ToolBench's conversations fit, too: `system` is their first message, tools answer as
  `function`, and calls stay in the form that their system prompt asks for.

Rules: all turns are kept; what a tool returned is said by the user's side, behind "Function response:". Calls
become JSON lists (see `tool_calls`), and so does what the system prompt says of their form; one that says nothing
of it gets a sentence. A call that cannot be read makes its conversation a reject.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ...rows.row import Reason, Reject, Row
from .. import tool_calls, turns
from ..family import Family, Record, text_of


class Schema(StrEnum):
    """As whom a source publishes."""

    GLAIVE = "glaive"
    TOOLACE = "toolace"


@dataclass(frozen=True)
class Options:
    """What differs among the sources."""

    schema: Schema = Schema.GLAIVE


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row that a conversation with tools is, or why it is none."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    return _MAPPERS[options.schema](item)


def _glaive(item: Record) -> Row | Reject:
    system = text_of(item, "system")
    if isinstance(system, Reject):
        return system
    chat = text_of(item, "chat")
    if isinstance(chat, Reject):
        return chat
    system = system.removeprefix("SYSTEM:")
    if "{" in system:
        system = f"{system.rstrip()}\n\n{tool_calls.CALL_FORMAT}"
    before, *marked = _SPEAKERS.split(chat.replace("<|endoftext|>", ""))
    if before.strip():
        return Reject(Reason.BAD_ROLE_ORDER, f"nobody says {before!r}"[:200])
    messages = [(turns.SYSTEM, system)]
    for speaker, text in zip(marked[::2], marked[1::2], strict=True):
        if speaker == "FUNCTION RESPONSE":
            messages.append((turns.USER, _response(text)))
        elif speaker == "USER":
            messages.append((turns.USER, text))
        elif "<functioncall>" in text:
            called = _with_calls(text)
            if called is None:
                return Reject(Reason.NOT_JSON, f"a call that is no JSON: {text.strip()!r}"[:200])
            messages.append((turns.ASSISTANT, called))
        else:
            messages.append((turns.ASSISTANT, text))
    return turns.row_of(messages)


def _response(text: str) -> str:
    return f"Function response: {text.strip()}"


def _with_calls(text: str) -> str | None:
    """What the assistant says, its calls as a JSON list; None if one cannot be read."""
    said, *raw = text.split("<functioncall>")
    calls = [_glaive_call(each.strip()) for each in raw]
    if not tool_calls.is_calls(calls):
        return None
    written = tool_calls.json_text(calls)
    return written and f"{said.strip()}\n{written}".strip()


def _glaive_call(text: str) -> Any:
    """The call in `{"name": "f", "arguments": '{"a": 1}'}`, also where the arguments stand without the quotes."""
    call = _loads(text)
    arguments: Any = call.get("arguments", {}) if isinstance(call, dict) else None
    begin, end = text.find("'{"), text.rfind("}'")
    if call is None and 0 <= begin < end:
        call, arguments = _loads(f"{text[:begin]}null{text[end + 2 :]}"), text[begin + 1 : end + 1]
    if isinstance(arguments, str):
        read = _loads(arguments)
        arguments = _loads(arguments.replace("\\'", "'")) if read is None else read
    return {**call, "arguments": arguments} if isinstance(call, dict) else None


def _loads(text: str) -> Any:
    """The value of a JSON text, line ends inside strings allowed; None if it is none."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def _toolace(item: Record) -> Row | Reject:
    system: str | Reject = text_of(item, "system") if "system" in item else ""
    if isinstance(system, Reject):
        return system
    messages = turns.spoken(item.get("conversations"), "from", "value", {})
    if isinstance(messages, Reject):
        return messages
    told, called = [(turns.SYSTEM, system)], False
    for role, text in messages:
        if role in ("tool", "function"):
            told.append((turns.USER, _response(text)))
            continue
        if role == turns.ASSISTANT and tool_calls.looks_like_calls(stripped := text.strip()):
            calls = tool_calls.calls_in_python(stripped)
            written = tool_calls.json_text(calls) if calls else None
            if written is None:
                return Reject(Reason.WRONG_TYPE, f"calls that cannot be read: {stripped!r}"[:200])
            text, called = written, True
        told.append((role, text))
    prompt, said = tool_calls.in_json_notation(system)
    if called and not said:
        prompt = f"{prompt}\n\n{tool_calls.CALL_FORMAT}"
    told[0] = (turns.SYSTEM, prompt)
    return turns.row_of(told)


_SPEAKERS = re.compile(r"(?:^|\n)[ \t]*(USER|ASSISTANT|FUNCTION RESPONSE):")
_MAPPERS: dict[Schema, Callable[[Record], Row | Reject]] = {Schema.GLAIVE: _glaive, Schema.TOOLACE: _toolace}

FAMILY = Family(Options, map_item)
