"""A public data set that rows are taken from: where it is, in which schema, under which licence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What a source's rows teach; the corpus is balanced over these."""

    CODE = "code"
    INSTRUCTION = "instruction"
    REASONING_MATH = "reasoning_math"
    FACTUAL = "factual"
    ANALYTICAL = "analytical"
    MULTITURN_DIALOG = "multiturn_dialog"
    PSYCHOLOGY_EMOTIONAL = "psychology_emotional"
    CREATIVE = "creative"
    TOOL_USE = "tool_use"
    ADVERSARIAL_MORAL = "adversarial_moral"
    RED_TEAM = "red_team"
    SPECIALIZED = "specialized"


@dataclass(frozen=True)
class Source:
    """Section `source` of a source.yaml."""

    hub: str | None
    """The data set on the Hugging Face hub; None: only the user has it, as local files."""
    config: str | None
    split: str
    family: str
    category: Category
    priority: int
    """Of two equal rows the one whose source has the smaller number stays; no two sources share one."""
    cap: int
    """Rows kept at most, the first ones in the published order."""
    licence: str
    """SPDX where there is one; else what the publisher says."""
    gated: bool
    """The hub asks for a token of an account that has accepted the terms."""
    sample: str
    """The bundled rows beside source.yaml, in the published format."""
    note: str
    """What a reader should know: terms, oddities, what it stands in for."""
