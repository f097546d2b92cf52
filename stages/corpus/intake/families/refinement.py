"""One task that grows: {instruction_v1, output_v1, instruction_v2, output_v2}, and further versions if there are any.

Source: instructions evolved in the manner of WizardLM, where each version asks for more than the one before.

A record is one row, a conversation: the versions before the last are its turns, the last is asked and answered. So no
text is in the corpus twice, as it would be if each version were a row of its own, and what is learnt is how to go on
from what was said. Versions behind the last one that are null are not there (Parquet has null where a record has
fewer of them than others).

Not a refinement, and rejected, is a version that asks or answers as the one before it did, or that holds the marks
of the prompt it was evolved with ("#Rewritten Prompt#"): WizardLM's own rules of elimination (arXiv:2304.12244).

Nobody has compared the answers, so there is no rejected one. A source whose first answers fall short of the last
question can say so (`former_is_worse`): to give the former answer again is then the rejected answer.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row, Turn
from ..family import Family, Record, shown, text_of


@dataclass(frozen=True)
class Options:
    """The fields' names before the version's number, and whether answers fall short of the version after them."""

    instruction: str = "instruction_v"
    output: str = "output_v"
    former_is_worse: bool = False


_MARKS = ("#rewritten prompt#", "#given prompt#", "#new prompt#", "#created prompt#")


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row of the last version, with those before as its turns."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, shown(item)[:200])
    turns: list[Turn] = []
    for number in range(1, max(2, _versions(item, options)) + 1):
        turn = _version(item, number, options)
        if isinstance(turn, Reject):
            return turn
        if turns and (fault := _not_refined(turns[-1], turn)):
            # The contract has no reason of its own for it.
            return Reject(Reason.REVIEW_FAILED, f"version {number} {fault}: {shown(turn)}"[:200])
        turns.append(turn)
    instruction, output = turns.pop()
    rejected = turns[-1][1] if options.former_is_worse else ""
    return Row(instruction, "", output, tuple(turns), rejected=rejected)


def _versions(item: Record, options: Options) -> int:
    """The number of the last version that a record holds something of, or 0."""
    last = 0
    for name, value in item.items():
        if value is None or not isinstance(name, str):
            continue
        for field in (options.instruction, options.output):
            number = name.removeprefix(field)
            if number != name and number.isascii() and number.isdecimal():
                last = max(last, int(number[:4]))
    return last


def _version(item: Record, number: int, options: Options) -> Turn | Reject:
    asked = text_of(item, f"{options.instruction}{number}")
    if isinstance(asked, Reject):
        return asked
    answered = text_of(item, f"{options.output}{number}")
    if isinstance(answered, Reject):
        return answered
    if not asked:
        return Reject(Reason.EMPTY_INSTRUCTION, f"version {number} asks nothing: {shown(answered)}"[:200])
    if not answered:
        return Reject(Reason.EMPTY_OUTPUT, f"nothing answers version {number}: {shown(asked)}"[:200])
    return asked, answered


def _not_refined(before: Turn, now: Turn) -> str:
    """Why a version is no refinement of the one before it, or nothing."""
    if now[0] == before[0]:
        return "asks what was asked before"
    if now[1] == before[1]:
        return "answers what was answered before"
    if "#" in now[0] and any(mark in now[0].lower() for mark in _MARKS):
        return "holds marks of the prompt it was evolved with"
    return ""


FAMILY = Family(Options, map_item)
