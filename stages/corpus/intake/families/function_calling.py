"""A request, the functions there are, and the calls that answer it: sets of single calls.

Reads four schemas; `Options.schema` says which.
- xlam: `query`, and `tools` and `answers`, which are JSON in a string.
- bfcl: `question` as a list of conversations, `function` as a list, and `ground_truth`, published in a second
  file of the same ids: for each argument the list of all values that count as right.
- api_bank: `instruction`, `input` (dialogue and tools) and `output`, a call in Python's notation.
- apibench: `code`, free text that holds request and answer, beside `api_data`, the API's documentation. The text
  is `###Instruction: ... ###Input: ... ###Output: <<<domain>>>: ...` or looks like a dict of Python, but is none,
  because the quotes inside are not escaped.

Rules: the functions are in the system prompt, the calls are a JSON list (see `tool_calls`). Of several right
values of an argument the first is taken; where that is "", the argument is left out, since it is optional.
APIBench's answer is its call with domain and provider as JSON, then the explanation, then the code in a fence;
one without these parts stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from ...rows.row import Reason, Reject, Row
from .. import tool_calls, turns
from ..family import Family, Record, completed, shown, text_of


class Schema(StrEnum):
    """As whom a source publishes."""

    XLAM = "xlam"
    BFCL = "bfcl"
    API_BANK = "api_bank"
    APIBENCH = "apibench"


@dataclass(frozen=True)
class Options:
    """What differs among the sources."""

    schema: Schema = Schema.XLAM


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row that a request with its calls is, or why it is none."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    return _MAPPERS[options.schema](item)


def _xlam(item: Record) -> Row | Reject:
    query = text_of(item, "query")
    if isinstance(query, Reject):
        return query
    tools = _objects(item, "tools")
    if isinstance(tools, Reject):
        return tools
    answers = _objects(item, "answers")
    if isinstance(answers, Reject):
        return answers
    return _row(query, tools, answers)


def _objects(item: Record, name: str) -> list[Any] | Reject:
    """The list of objects in a field, which may be JSON in a string."""
    value = item.get(name)
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            return Reject(Reason.NOT_JSON, f"{name}: {error}: {value!r}"[:200])
    if value is None:
        return Reject(Reason.MISSING_FIELD, f"no {name}; it has {', '.join(map(str, item))}"[:200])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return Reject(Reason.WRONG_TYPE, f"{name} is no list of objects: {shown(value)}"[:200])
    return value


def _row(asked: str, tools: list[Any], calls: list[Any], history: tuple[tuple[str, str], ...] = ()) -> Row | Reject:
    if not tool_calls.is_calls(calls):
        return Reject(Reason.WRONG_TYPE, f"no calls with name and arguments: {shown(calls)}"[:200])
    prompt, answer = tool_calls.tools_prompt(tools), tool_calls.json_text(calls)
    if prompt is None or answer is None:
        return Reject(Reason.WRONG_TYPE, f"tools or calls that JSON cannot carry: {shown(calls)}"[:200])
    return completed(Row(asked, "", answer if calls else "", history, prompt if tools else ""))


def _bfcl(item: Record) -> Row | Reject:
    conversations = item.get("question")
    if not isinstance(conversations, list) or len(conversations) != 1:
        return Reject(Reason.WRONG_TYPE, f"question is no list with one conversation: {shown(conversations)}"[:200])
    messages = turns.spoken(conversations[0], "role", "content", {})
    if isinstance(messages, Reject):
        return messages
    tools = _objects(item, "function")
    if isinstance(tools, Reject):
        return tools
    truth = _objects(item, "ground_truth")
    if isinstance(truth, Reject):
        return truth
    try:
        calls = [{"name": name, "arguments": _first(values)} for call in truth for name, values in call.items()]
    except RecursionError:
        return Reject(Reason.WRONG_TYPE, "ground_truth is nested without end")
    said = turns.from_messages([*messages, (turns.ASSISTANT, "[...]")])
    if isinstance(said, Reject):
        return said
    system, history, asked, _ = said
    row = _row(asked, tools, calls, history)
    return row if isinstance(row, Reject) else row._replace(system=f"{system}\n\n{row.system}".strip())


def _first(values: Any) -> Any:
    """The first of the right values for each argument, also inside an argument that is an object."""
    if not isinstance(values, dict):
        return values
    chosen = {}
    for name, right in values.items():
        value = right[0] if isinstance(right, list) and right else right
        if value != "":
            chosen[name] = [_first(each) for each in value] if isinstance(value, list) else _first(value)
    return chosen


def _api_bank(item: Record) -> Row | Reject:
    instruction = text_of(item, "instruction")
    if isinstance(instruction, Reject):
        return instruction
    given = text_of(item, "input")
    if isinstance(given, Reject):
        return given
    output = text_of(item, "output")
    if isinstance(output, Reject):
        return output
    calls = tool_calls.calls_in_python(output.removeprefix("API-Request:").strip())
    if calls is not None:
        output = tool_calls.json_text(calls) or output
        instruction, _ = tool_calls.in_json_notation(instruction)
    elif output.startswith("API-Request:"):
        return Reject(Reason.WRONG_TYPE, f"no call in Python's notation: {output!r}"[:200])
    return completed(Row(instruction, given, output))


def _apibench(item: Record) -> Row | Reject:
    code = text_of(item, "code")
    if isinstance(code, Reject):
        return code
    parts = _dict_like(code) if code.startswith("{") else _marked(code)
    if isinstance(parts, Reject):
        return parts
    instruction, given, output = parts
    system = ""
    if documentation := item.get("api_data"):
        text = documentation if isinstance(documentation, str) else tool_calls.json_text(documentation)
        if text is None:
            return Reject(Reason.WRONG_TYPE, "api_data that JSON cannot carry")
        system = f"Use this API documentation for reference:\n{text.strip()}"
    return completed(Row(instruction, given, _answer(output), (), system))


def _marked(code: str) -> tuple[str, str, str] | Reject:
    """Instruction, input and output of a text in which `###Instruction:` and so on stand before them."""
    marks = list(_MARKS.finditer(code))[:3]
    names = [mark[1] for mark in marks]
    # Any further mark belongs to the answer, with all that follows it.
    if names[:2] == ["Instruction", "Output"]:
        del marks[2:]
    elif names != ["Instruction", "Input", "Output"]:
        reason = Reason.EMPTY_INSTRUCTION if "Output" in names else Reason.EMPTY_OUTPUT
        return Reject(reason, f"not ###Instruction and ###Output, but {names}: {code!r}"[:200])
    if before := code[: marks[0].start()].strip():
        return Reject(Reason.BAD_ROLE_ORDER, f"{before!r} stands before ###Instruction"[:200])
    first, last = marks[0], marks[-1]
    given = code[marks[1].end() : last.start()].strip() if len(marks) == 3 else ""
    return code[first.end() : marks[1].start()].strip(), given, code[last.end() :].strip()


def _dict_like(code: str) -> tuple[str, str, str] | Reject:
    """The same of a text that looks like a dict of Python."""
    head, found, output = code.partition(", 'Output': ")
    if not head.startswith("{'Instruction': ") or not found:
        return Reject(Reason.MISSING_FIELD, f"no 'Instruction' and 'Output' in {code!r}"[:200])
    if not output.endswith("}"):
        return Reject(Reason.NOT_JSON, f"cut off: it ends in {output[-80:]!r}")
    instruction, _, given = head.removeprefix("{'Instruction': ").partition(", 'Input': ")
    output = output[:-1].strip()
    return _unquoted(instruction), _unquoted(given), output if output.startswith("{") else _unquoted(output)


def _answer(output: str) -> str:
    """An answer with its call as JSON, the explanation and the code; as it is, where it has not these parts."""
    if output.startswith("<<<domain>>>"):
        fields = _fields(output, "<<<{}>>>:")
    elif output.startswith("{'domain': ") and output.endswith("}"):
        fields = _fields(f", {output[1:-1]}", ", '{}':")
        fields = fields and {name: _unquoted(value) for name, value in fields.items()}
    else:
        fields = {}
    call = {name: fields[name] for name in _CALL_PARTS if name in fields}
    text = tool_calls.json_text(call)
    if not call or text is None:
        return output
    code = fields.get("code", "")
    if code and "```" not in code:
        code = f"```python\n{code}\n```"
    return "\n\n".join(part for part in (text, fields.get("explanation", ""), code) if part)


def _fields(text: str, mark: str) -> dict[str, str]:
    """The parts that these marks, in this order, stand before; none if one other than explanation or code lacks."""
    found: dict[str, str] = {}
    last, begin = "", 0
    for name in (*_CALL_PARTS, "explanation", "code"):
        sign = mark.format(name)
        at = text.find(sign, begin)
        if at < 0:
            if name in _CALL_PARTS:
                return {}
            continue
        if last:
            found[last] = text[begin:at].strip()
        last, begin = name, at + len(sign)
    found[last] = text[begin:].strip()
    return found


def _unquoted(text: str) -> str:
    """A text without the quotes around it; those inside lose the backslash, where they have one."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1].replace(f"\\{text[0]}", text[0]).strip()
    return text


_MARKS = re.compile(r"###\s*(Instruction|Input|Output)\s*:")
_CALL_PARTS = ("domain", "api_call", "api_provider")
_MAPPERS: dict[Schema, Callable[[Record], Row | Reject]] = {
    Schema.XLAM: _xlam,
    Schema.BFCL: _bfcl,
    Schema.API_BANK: _api_bank,
    Schema.APIBENCH: _apibench,
}

FAMILY = Family(Options, map_item)
