"""Which GGUF file of a folder is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages.device.model_files import model_file
from stages.errors import UserError


def test_the_file_of_a_quant_is_found(tmp_path: Path) -> None:
    for quant in ("F16", "Q8_0"):
        (tmp_path / f"lamp-nano-{quant}.gguf").touch()
    assert model_file(tmp_path, "Q8_0").name == "lamp-nano-Q8_0.gguf"


def test_a_missing_one_says_what_is_there_and_where_to_add_it(tmp_path: Path) -> None:
    (tmp_path / "lamp-nano-Q8_0.gguf").touch()
    said = r"no \*-F16\.gguf \(there is lamp-nano-Q8_0\.gguf\); add F16 to model_gguf\.quants"
    with pytest.raises(UserError, match=said):
        model_file(tmp_path, "F16")
