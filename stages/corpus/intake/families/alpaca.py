"""An instruction, what it is about, and the answer: the schema of Stanford's Alpaca and of most sets after it.

Reads records with a field for the instruction, one for its input (in some sets `context`, in some none) and one
for the answer (`output`, `response` or `solution`); `Options` names them. Other fields are left alone, such as
`prompt`, in which some publishers say the whole row again in a template.

Rules: an input that only says that there is none ("<noinput>", "N/A", "No input required.") becomes empty, an
answer that does ("<nooutput>") counts as empty, and a row without an answer is rejected. Nothing else is changed
but white space around a field.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...rows.row import Reason, Reject, Row
from ..family import Family, Record, completed, text_of


@dataclass(frozen=True)
class Options:
    """The names of a source's fields."""

    instruction: str = "instruction"
    input: str = "input"
    """Empty: the source has no such field."""
    output: str = "output"
    input_may_be_missing: bool = False
    """A record without the field has no input. False: it is rejected, since a field misnamed here would lose text."""


def map_item(item: Record, options: Options) -> Row | Reject:
    """The row that a record is, or why it is none."""
    if not isinstance(item, dict):
        return Reject(Reason.NOT_AN_OBJECT, f"a record is {type(item).__name__}")
    instruction = text_of(item, options.instruction)
    if isinstance(instruction, Reject):
        return instruction
    given = _input(item, options)
    if isinstance(given, Reject):
        return given
    output = text_of(item, options.output)
    if isinstance(output, Reject):
        return output
    if output[:1] == "<" and output.casefold() in _NO_OUTPUT:
        output = ""
    return completed(Row(instruction, given, output))


def _input(item: Record, options: Options) -> str | Reject:
    """What the instruction is about, which may be nothing."""
    if not options.input or (options.input_may_be_missing and options.input not in item):
        return ""
    given = text_of(item, options.input)
    # The length first: most inputs are longer than any placeholder, and need no copy.
    if isinstance(given, str) and len(given) <= _LONGEST and given.strip(_BRACKETS).casefold() in _NO_INPUT:
        return ""
    return given


# Compared without case, brackets and full stop. Not here, because each is what some instruction is about: "na"
# (sodium), "null", "nil", "nan", "-", "empty".
_NO_INPUT = frozenset(
    ["n/a", "no input", "noinput", "no_input", "no-input", "none", "not applicable", "not available", "not required"]
    + ["not needed", "no context", "no context provided", "no additional input", "no further input"]
    + [f"no input {word}" for word in ("required", "needed", "necessary", "provided", "given", "available")]
    + [f"no input {verb} {word}" for verb in ("is", "was") for word in ("required", "needed", "necessary", "provided")]
    + [f"none {word}" for word in ("required", "needed", "provided", "given")]
    + [f"input not {word}" for word in ("required", "needed", "applicable", "provided")]
)
_BRACKETS = "<>()[]{}. "
_LONGEST = max(map(len, _NO_INPUT)) + 6  # two brackets at each end, a full stop and a blank
# Without the brackets these words can be an answer: what a program prints, for one.
_NO_OUTPUT = frozenset(["<nooutput>", "<no output>", "<no_output>", "<noinput>", "<no input>"])

FAMILY = Family(Options, map_item)
