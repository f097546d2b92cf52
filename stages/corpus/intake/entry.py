"""The folder of a source: source.yaml says what it is, and the bundled rows lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ... import params
from ...errors import UserError
from ..rows.source import Source
from .families.registry import FAMILIES

ENTRY = "source.yaml"


def load(folder: Path) -> tuple[Source, Any]:
    """The source that a folder describes, and its options for its family's mapper.

    Raises UserError for a missing file, an unknown family and whatever is missing, unknown or of another type.
    """
    path = folder / ENTRY
    source = params.load(Source, "source", path)
    if source.family not in FAMILIES:
        raise UserError(f"{path}, source.family: {source.family!r} is none of {', '.join(FAMILIES)}")
    return source, params.load(FAMILIES[source.family].options, "options", path)
