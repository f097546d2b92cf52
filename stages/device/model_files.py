"""The GGUF files of a model folder, by quantisation."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError


def model_file(models: Path, quant: str) -> Path:
    """The folder's GGUF file of a quant. Raises UserError when there is none."""
    found = sorted(models.glob(f"*-{quant}.gguf"))
    if not found:
        there = ", ".join(sorted(path.name for path in models.glob("*.gguf"))) or "no GGUF file"
        raise UserError(f"{models}: no *-{quant}.gguf (there is {there}); add {quant} to model_gguf.quants")
    return found[0]
