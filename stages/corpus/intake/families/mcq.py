"""Questions with choices: aqua_rat, boolq, qasc, arc, mmlu and its headerless tables.

What is read (the names are options)
    question    text
    choices     a list of texts, or {"text": [...], "label": [...]}; a text may carry its own mark ("A)32400").
                Tables have a column for each choice instead (`columns`; a file without a header has
                question, a, b, c, d, answer). Where neither is named, the answer is true or false.
    answer      the choice's number (0 is the first), its label, its label and text ("A) 32400"), or its text
    rationale   fields that lead to the answer, in the order of reading
    passage     what the question is about
    inside      auxiliary_train of MMLU is published as {"train": {the record}}

The row
    instruction    the question, a blank line, then every choice on a line of its own as `A) text`, under the
                   labels of the source where it has some (ARC numbers a part of its choices);
                   without choices the blank line is followed by `Yes or no?`
    input          the passage
    output         the label and the text of the right choice; after a rationale, a blank line and `Answer: `.
                   True is `Yes`, false is `No`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...rows.row import Reason, Reject, Row
from ..family import Family, Item, Record, completed, text_of

LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
MARKS = [f"{letter})" for letter in LETTERS]
YES_OR_NO = "Yes or no?"


@dataclass(frozen=True)
class Options:
    """Where a source keeps what."""

    question: str = "question"
    choices: str = "choices"
    """The field of the choices; empty: see `columns`."""
    columns: tuple[str, ...] = ()
    """The fields of the choices where each has its own. With neither, the answer is true or false."""
    csv_columns: tuple[str, ...] = ()
    """The names of the columns of a CSV file that has no header."""
    answer: str = "answer"
    rationale: tuple[str, ...] = ()
    passage: str = ""
    inside: str = ""
    """A field that holds the record proper; a record without it is the record proper."""


def map_item(item: Item, options: Options) -> Row | Reject:
    """The row of a question: its choices are shown, and the right one is the output."""
    try:
        return _row(item, options)
    except RecursionError:  # Python does not show lists nested about 1,000 deep
        return Reject(Reason.WRONG_TYPE, "nested too deep to be shown")


def _row(item: Item, options: Options) -> Row | Reject:
    record = item.get(options.inside, item) if options.inside and isinstance(item, dict) else item
    if not isinstance(record, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"{type(record).__name__}: {record!r}"[:200])
    question = text_of(record, options.question)
    if isinstance(question, Reject):
        return question
    if not question:
        return Reject(Reason.EMPTY_INSTRUCTION, f"{options.question} is {record[options.question]!r}"[:200])
    passage = text_of(record, options.passage) if options.passage else ""
    if isinstance(passage, Reject):
        return passage
    asked = _asked_and_answered(record, options)
    if isinstance(asked, Reject):
        return asked
    choices, output = asked
    if options.rationale:
        reasoned = _reasoned(record, options, output)
        if isinstance(reasoned, Reject):
            return reasoned
        output = reasoned
    return completed(Row(f"{question}\n\n{choices}", passage, output))


def _asked_and_answered(record: Record, options: Options) -> tuple[str, str] | Reject:
    # The choices as they are shown, and the right one.
    if options.answer not in record:
        return Reject(Reason.MISSING_FIELD, f"no {options.answer}; it has {', '.join(map(str, record))}"[:200])
    answer = record[options.answer]
    if answer is None or answer == "":
        return Reject(Reason.EMPTY_OUTPUT, f"{options.answer} is {answer!r}")
    if options.columns:
        values = [record.get(column) for column in options.columns]
        choices = _texts(values, ", ".join(options.columns))
    elif options.choices:
        choices = _choices(record, options.choices)
    elif isinstance(answer, bool):
        return YES_OR_NO, "Yes" if answer else "No"
    else:
        return Reject(Reason.WRONG_TYPE, f"{options.answer} is neither true nor false: {answer!r}"[:200])
    if isinstance(choices, Reject):
        return choices
    labels, texts = choices
    index = _index(answer, labels, texts)
    if isinstance(index, Reject):
        return index
    if not texts[index]:
        return Reject(Reason.EMPTY_OUTPUT, f"the right choice, {labels[index]}, is empty")
    shown = [f"{label}) {text}" for label, text in zip(labels, texts, strict=True)]
    return "\n".join(shown).rstrip(), shown[index]


def _choices(record: Record, name: str) -> tuple[list[str], list[str]] | Reject:
    # The labels and the texts.
    value = record.get(name)
    if isinstance(value, list):
        return _texts(value, name)
    if name not in record:
        return Reject(Reason.MISSING_FIELD, f"no {name}; it has {', '.join(map(str, record))}"[:200])
    if not isinstance(value, dict):
        return Reject(Reason.WRONG_TYPE, f"{name} is {type(value).__name__}: {value!r}"[:200])
    texts, labels = value.get("text"), value.get("label")
    if not isinstance(texts, list) or not isinstance(labels, list) or not 0 < len(texts) == len(labels):
        return Reject(Reason.WRONG_TYPE, f"{name} has no label for each text: {value!r}"[:200])
    try:
        return [label.strip() for label in labels], [text.strip() for text in texts]
    except AttributeError:  # of all that JSON holds, only text can be stripped
        return Reject(Reason.WRONG_TYPE, f"{name} are not all text: {value!r}"[:200])


def _texts(values: list[Any], name: str) -> tuple[list[str], list[str]] | Reject:
    # The same for choices without labels, which get letters; a letter that is there already goes.
    if not 0 < len(values) <= len(LETTERS):
        return Reject(Reason.WRONG_TYPE, f"{name}: {len(values)} choices instead of 1 to {len(LETTERS)}")
    try:
        # not strict: there are more letters than choices
        texts = [
            text[2:].strip() if text.startswith(mark) else text.strip()
            for text, mark in zip(values, MARKS, strict=False)
        ]
    except AttributeError:  # of all that JSON holds, only text can be stripped
        return Reject(Reason.WRONG_TYPE, f"{name} are not all text: {values!r}"[:200])
    return LETTERS[: len(texts)], texts


def _index(answer: object, labels: list[str], texts: list[str]) -> int | Reject:
    # Which choice is meant.
    if isinstance(answer, str):
        if answer in labels:
            return labels.index(answer)
        said = answer.strip()
        label, mark, text = said.partition(")")
        if label.upper() in labels and (not mark or text.strip() in ("", texts[labels.index(label.upper())])):
            return labels.index(label.upper())
        if texts.count(said) == 1:
            return texts.index(said)
        if not said:
            return Reject(Reason.EMPTY_OUTPUT, f"the answer is {answer!r}"[:200])
    elif isinstance(answer, bool) or not isinstance(answer, int):
        return Reject(Reason.WRONG_TYPE, f"the answer is {type(answer).__name__}: {answer!r}"[:200])
    elif 0 <= answer < len(texts):
        return answer
    return Reject(Reason.ANSWER_NOT_AMONG_CHOICES, f"{answer!r} is none of {len(texts)} choices: {texts!r}"[:200])


def _reasoned(record: Record, options: Options, answer: str) -> str | Reject:
    steps = []
    for name in options.rationale:
        step = text_of(record, name)
        if isinstance(step, Reject):
            return step
        if step:
            steps.append(step)
    return "\n".join(steps) + f"\n\nAnswer: {answer}" if steps else answer


FAMILY = Family(Options, map_item)
