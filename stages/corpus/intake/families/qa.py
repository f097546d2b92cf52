"""Question and answer: one of each in a record, under whatever names, the answer in whatever type.

Reads `question`/`answer`, `query`/`response`, `problem`/`solution`, `inputs`/`targets` ... The rules:

- An answer is a text; or an object with the answer as `value` and other spellings as `aliases` (TriviaQA);
  or a number or truth value (TheoremQA), written as Python writes it: 11760, 4e-05, True.
- A list holds answers that each answer the question, of which the first is taken (NQ-open); or it is one
  answer, written [0, 5] (TheoremQA). The source says which.
- Where people judged the answers (WikiQA), only the right ones become rows; the others are counted.
- A source without answers (titles and bodies of questions) states what to do with the text instead: see `ask`.
- Where a source was printed with its backslashes read as escapes, LaTeX commands get theirs back.
- What a forum left in place of a deleted post is no text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, shown, text_of


class Several(StrEnum):
    """What a list of answers is."""

    FIRST = "first"
    """Each of them answers the question; the first is the best known and is taken."""
    LIST = "list"
    """The answer is the list."""


@dataclass(frozen=True)
class Options:
    """The fields of a source, and what its answers are."""

    question: str = "question"
    answer: str = "answer"
    system: str = ""
    """The field with the system prompt; empty: the source has none."""
    label: str = ""
    """The field that says whether the answer is right; empty: the source has none."""
    right: int = 1
    """The label of right answers."""
    several: Several = Several.FIRST
    ask: str = ""
    """The instruction of every row, where the source has only a text to work on, which then is the input."""
    broken_escapes: bool = False
    """Backslashes of LaTeX commands were read as escapes: a tab and "o" stands for \\to."""


def map_item(item: Record, options: Options) -> Row | Reject:
    """The question as instruction and its answer as output."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a {type(item).__name__}: {shown(item)}")
    try:
        return _row(item, options)
    except RecursionError:  # Python shows and writes no lists nested about 1,000 deep
        return Reject(Reason.WRONG_TYPE, f"nested too deep to be shown, under {', '.join(map(str, item))}"[:200])


FAMILY = Family(Options, map_item)


def _row(item: Record, options: Options) -> Row | Reject:
    if options.label and (wrong := _judged_wrong(item, options)):
        return wrong
    if options.broken_escapes:  # before white space is dropped, of which a form feed is some
        item = {name: _with_backslashes(value) if isinstance(value, str) else value for name, value in item.items()}
    question = text_of(item, options.question)
    if not isinstance(question, str):
        return question
    answer = _answer(item, options)
    if not isinstance(answer, str):
        return answer
    system = text_of(item, options.system) if options.system else ""
    if not isinstance(system, str):
        return system
    for what, text in (("question", question), ("answer", answer)):
        if len(text) <= _LONGEST_MARK and text in _DELETED:
            return Reject(Reason.DELETED, f"{text} stands for the {what}")
    if not question:
        return Reject(Reason.EMPTY_INSTRUCTION, f"nothing asks for {answer[:150]!r}")
    if options.ask:
        return completed(Row(options.ask, question, answer, (), system))
    return completed(Row(question, "", answer, (), system))


def _judged_wrong(item: Record, options: Options) -> Reject | None:
    if options.label not in item:
        return Reject(Reason.MISSING_FIELD, f"no {options.label}; it has {', '.join(map(str, item))}"[:200])
    label = item[options.label]
    if isinstance(label, str) and label.strip().isdecimal() and len(label) < _LONGEST_LABEL:
        label = int(label)  # a CSV file has only texts
    if label is None or label == -1:  # -1 is how the hub writes a label that is hidden
        return Reject(Reason.UNLABELLED, f"{options.label} is {label}")
    if not isinstance(label, int):
        return Reject(Reason.WRONG_TYPE, f"{options.label} is {type(label).__name__}: {shown(label)}")
    if label != options.right:
        return Reject(Reason.LABELLED_WRONG, f"{options.label} is {label}, not {options.right}")
    return None


def _answer(item: Record, options: Options) -> str | Reject:
    value = item.get(options.answer)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dict):
        return _of_object(value, options.answer)
    if isinstance(value, list):
        return _of_list(value, options)
    text = _of_scalar(value)
    return text_of(item, options.answer) if text is None else text


def _of_object(value: dict[str, Any], name: str) -> str | Reject:
    if "value" not in value:
        fields = ", ".join(map(str, value)) or "no fields"
        return Reject(Reason.MISSING_FIELD, f"{name} has no value; it has {fields}"[:200])
    best = _of_scalar(value["value"])
    if best is None and value["value"] is not None:
        return Reject(Reason.WRONG_TYPE, f"{name}.value is {type(value['value']).__name__}: {shown(value['value'])}")
    if best and best != _WITHHELD:
        return best
    aliases = value.get("aliases")
    return next(filter(None, map(_of_scalar, aliases)), "") if isinstance(aliases, list) else ""


def _of_list(values: list[Any], options: Options) -> str | Reject:
    texts = []
    for value in values:
        text = _of_scalar(value)
        if text is None:
            if value is None and options.several is Several.FIRST:
                continue
            return Reject(Reason.WRONG_TYPE, f"{options.answer} holds a {type(value).__name__}: {shown(values)}")
        if text and options.several is Several.FIRST:
            return text
        texts.append(text)
    return f"[{', '.join(texts)}]" if any(texts) else ""


def _of_scalar(value: Any) -> str | None:
    """The value as text, where it is a text, a number or a truth value. 0 and False are answers."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (bool, int, float)):
        return repr(value)
    return None


def _with_backslashes(text: str) -> str:
    if _CONTROL.isdisjoint(text):
        return text
    return _BROKEN_COMMAND.sub(lambda match: _ESCAPES[match[0]], text)


_DELETED = frozenset({"[deleted]", "[removed]"})
_LONGEST_MARK = max(map(len, _DELETED))
_LONGEST_LABEL = 20  # Python turns no text of some thousand digits into a number

_WITHHELD = "<unk>"  # TriviaQA's test split hides its answers behind it

_ESCAPES = {"\a": r"\a", "\b": r"\b", "\t": r"\t", "\v": r"\v", "\f": r"\f", "\r": r"\r"}
_CONTROL = frozenset(_ESCAPES)
# Tabs and carriage returns have uses, so these count only before the rest of a command. No text has the others.
_BROKEN_COMMAND = re.compile(
    r"[\a\b\v\f](?=[a-z])"
    r"|\t(?=(?:o|an|anh|au|imes|heta|ext|extbf|extit|frac|riangle|ilde|op)(?![a-z]))"
    r"|\r(?=(?:ight|ightarrow|angle|ceil|floor|ho|m)(?![a-z]))"
)
