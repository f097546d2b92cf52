"""The canonical training row, and why an item of a source is none."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

Turn = tuple[str, str]
"""What the user said and what the assistant answered."""


class Row(NamedTuple):
    """An instruction with its answer, as Alpaca has it, and the turns before it, as LLaMA-Factory has them.

    No field holds control or persona tokens; what is known about a row beside its text is metadata.
    """

    instruction: str
    input: str
    """What the instruction is about (a passage, data), or empty."""
    output: str
    history: tuple[Turn, ...] = ()
    """The turns before this one, oldest first."""
    system: str = ""
    rejected: str = ""
    """An answer to the same that people liked less; for preference pairs, never a target."""
    lang: str = ""
    """The language that the source states (ISO 639-1), or empty."""
    safety_label: str = ""
    """What the source or its mapper says of the request's risk; only rows of the safety bucket have one."""
    severity: str = ""
    """low, medium or high; only rows of the safety bucket have one."""


class Reason(StrEnum):
    """Why an item of a source becomes no row; each stands in the reports with how often."""

    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    LINE_TOO_LONG = "line_too_long"
    BAD_UNICODE = "bad_unicode"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    EMPTY_INSTRUCTION = "empty_instruction"
    EMPTY_OUTPUT = "empty_output"
    NO_ANSWERED_TURN = "no_answered_turn"
    BAD_ROLE_ORDER = "bad_role_order"
    ANSWER_NOT_AMONG_CHOICES = "answer_not_among_choices"
    LABELLED_WRONG = "labelled_wrong"
    DELETED = "deleted"
    REVIEW_FAILED = "review_failed"
    NO_SOLUTION_IN_LANGUAGE = "no_solution_in_language"
    NO_DOCUMENTATION = "no_documentation"
    NOT_SPLITTABLE = "not_splittable"
    UNSAFE_COMPLETION = "unsafe_completion"
    UNLABELLED = "unlabelled"


class Reject(NamedTuple):
    """An item that becomes no row: the reason, and what exactly is wrong with it, in a few words."""

    reason: Reason
    detail: str
