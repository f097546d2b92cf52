"""Problems solved step by step, with the final answer behind a mark.

Reads two schemas. GSM8K: `question`, and `answer` as one text whose last line is `#### 72` and whose sums carry
what a calculator was asked, `48/2 = <<48/2=24>>24`. PRM800K as trl-lib publishes it: `prompt`, `completions`
(a list of steps; the last may be, or end in, `# Answer` and the answer) and `labels` (whether each step is right).

Rules: the reasoning is kept, a step per line; calculator marks go; the final answer follows in a sentence that is
the same for all ("The answer is 72."), numbers without thousands separators. Only right and finished reasoning is
a target: a trace with a step that is labelled wrong is rejected, and so is one that breaks off before its answer.
(PRM800K makes a trace of each alternative to a step, so that right ones break off in the middle, too.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, shown, text_of


@dataclass(frozen=True)
class Options:
    """How a source names its fields and marks its answers."""

    question: str = "question"
    answer: str = "answer"
    """The reasoning: one text or, where `labels` are named, a list of steps."""
    labels: str = ""
    """A list of bool, whether each step is right. Empty: there are none, all reasoning is right."""
    mark: str = "####"
    """What stands before the final answer."""
    numeric: bool = True
    """Final answers are numbers: 1,080 is written 1080. Elsewhere a comma may part two answers: 100,200."""


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row that a solved problem is, or why it is none."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    question = text_of(item, options.question)
    if isinstance(question, Reject):
        return question
    reasoning = _right_steps(item, options) if options.labels else text_of(item, options.answer)
    if isinstance(reasoning, Reject):
        return reasoning
    if not reasoning:
        return completed(Row(question, "", ""))
    steps, mark, answer = reasoning.rpartition(options.mark)
    answer = answer.strip().removesuffix(".")
    if not answer or not mark or not (steps == "" or steps[-1].isspace()):
        return Reject(Reason.NO_ANSWERED_TURN, f"no {options.mark} with an answer ends {reasoning[-120:]!r}"[:200])
    if "<<" in steps:
        steps = _CALCULATION.sub("", steps)
    if options.numeric and "," in answer and _THOUSANDS.fullmatch(answer):
        answer = answer.replace(",", "")
    return completed(Row(question, "", f"{steps.rstrip()}\nThe answer is {answer}.".lstrip()))


def _right_steps(item: Record, options: Options) -> str | Reject:
    """The steps of a trace, one after the other, or why they are no target."""
    steps, labels = item.get(options.answer), item.get(options.labels)
    if not isinstance(steps, list):
        return text_of(item, options.answer) if steps is None else _of_wrong_type(options.answer, steps)
    if labels is None:
        return Reject(Reason.UNLABELLED, f"no {options.labels} for {len(steps)} steps")
    if not isinstance(labels, list):
        return _of_wrong_type(options.labels, labels)
    if len(labels) != len(steps):
        return Reject(Reason.UNLABELLED, f"{len(labels)} {options.labels} for {len(steps)} steps")
    kept = []
    for number, (step, label) in enumerate(zip(steps, labels, strict=True), 1):
        if not isinstance(step, str):
            return _of_wrong_type(f"step {number}", step)
        if label is not True:
            return _not_right(number, step, label)
        if step := step.strip():
            kept.append(step)
    return "\n".join(kept)


def _not_right(number: int, step: str, label: object) -> Reject:
    if label is False:
        return Reject(Reason.LABELLED_WRONG, f"step {number} is labelled wrong: {step[:160]!r}"[:200])
    if label is None:
        return Reject(Reason.UNLABELLED, f"step {number} has no label: {step[:160]!r}"[:200])
    return _of_wrong_type(f"the label of step {number}", label)


def _of_wrong_type(name: str, value: object) -> Reject:
    return Reject(Reason.WRONG_TYPE, f"{name} is {type(value).__name__}: {shown(value)}")


_CALCULATION = re.compile(r"<<[^<>=]*=[^<>]*>>")
_THOUSANDS = re.compile(r"[-$€£]*\d{1,3}(?:,\d{3})+(?:\.\d+)?%?")

FAMILY = Family(Options, map_item)
