"""Calls of tools as text: one way for every source to say which functions there are, and to write the calls.

A call is written as JSON, in a list even when it is alone: `[{"name": "add", "arguments": {"a": 1}}]`. Sources
write them as JSON in strings, as Python (`[add(a=1)]`) or between marks; what tells the model how to write them
is changed with them, else prompt and answer would contradict each other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import orjson

CALL_FORMAT = 'To call functions, write a JSON list of objects with "name" and "arguments".'


def json_text(value: Any) -> str | None:
    """A value as JSON on one line, or None for what JSON cannot carry: lone surrogates, or nesting without end."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return None


def tools_prompt(tools: Any) -> str | None:
    """The system prompt that shows the functions and how to call them; None as in `json_text`."""
    text = json_text(tools)
    return None if text is None else f"You can call these functions:\n{text}\n{CALL_FORMAT}"


def is_calls(value: Any) -> bool:
    """Whether a value is a list of calls, each with the name of a function and an object of arguments."""
    return isinstance(value, list) and all(
        isinstance(call, dict) and isinstance(call.get("name"), str) and isinstance(call.get("arguments"), dict)
        for call in value
    )


def in_json_notation(prompt: str) -> tuple[str, int]:
    """A prompt in which calls are to be written as JSON instead of as Python, and how often that was said."""
    return _PYTHON_NOTATION.subn(_JSON_NOTATION, prompt)


def looks_like_calls(text: str) -> bool:
    """Whether all of a text is a list of calls in Python's notation: `[name(a=1), other name()]`."""
    return text.endswith("]") and text[:-1].rstrip().endswith(")") and _CALLS_BEGIN.match(text) is not None


def calls_in_python(text: str) -> list[dict[str, Any]] | None:
    """The calls in `[name(a=1, b='x'), other name()]`, or None where that is not what a text says.

    A name may hold blanks, slashes and dots, as those of web APIs do; a value is a literal of Python or of
    JSON, or bare text.
    """
    if not (text.startswith("[") and text.endswith("]")):
        return None
    calls, at, end = [], 1, len(text) - 1
    while at < end:
        opening = text.find("(", at, end)
        name = text[at:opening].strip() if opening > 0 else ""
        if not name or not _NAME.fullmatch(name):
            return None
        pieces, at = _pieces(text, opening + 1)
        arguments = _arguments(pieces) if at else None
        if arguments is None:
            return None
        calls.append({"name": name, "arguments": arguments})
        rest = text[at:end].lstrip()
        if rest and not rest.startswith(","):
            return None
        at = end - len(rest) + 1 if rest else end
    return calls or None


def _pieces(text: str, start: int) -> tuple[list[str], int]:
    """What stands between the commas of a call whose arguments begin at start, and where it ends; 0: nowhere."""
    pieces: list[str] = []
    begin, depth, quote, skip = start, 0, "", False
    for at in range(start, len(text)):
        sign = text[at]
        if skip:
            skip = False
        elif quote:
            skip = sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}" and depth:
            depth -= 1
        elif sign == ")":
            return [*pieces, text[begin:at]], at + 1
        elif sign == "," and not depth:
            pieces.append(text[begin:at])
            begin = at + 1
    return [], 0


def _arguments(pieces: list[str]) -> dict[str, Any] | None:
    arguments = {}
    for piece in pieces:
        name, sign, value = piece.partition("=")
        if sign and name.strip() and value.strip():
            arguments[name.strip().strip("\"'")] = _value(value.strip())
        elif piece.strip() or len(pieces) > 1:
            return None
    return arguments


def _value(text: str) -> Any:
    readers: tuple[Callable[[str], Any], ...] = (orjson.loads, ast.literal_eval)
    for read in readers:
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        if json_text(value) is not None:  # a set, or bytes, are Python's, not JSON's
            return value
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


_PYTHON_NOTATION = re.compile(r"\[(?:func|ApiName)\w*\([^\[\]]*\]")
_JSON_NOTATION = '[{"name": "function", "arguments": {"parameter": "value"}}]'
_CALLS_BEGIN = re.compile(r"\[\s*[^\[\]{}()\"'=,]+\(")
_NAME = re.compile(r"[^\[\]{}()\"'=,]+")
