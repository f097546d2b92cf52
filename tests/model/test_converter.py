"""The converter's check of how text is split: its own answer comes first, ours only where it has none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from tokenizers.pre_tokenizers import ByteLevel

from stages.model import converter, pre_tokenizers
from stages.model.pre_tokenizers import LLAMA3

BASE = """
class TextModel:
    def __init__(self, dir_model):
        self.dir_model = dir_model
    def get_vocab_base_pre(self, tokenizer):
        if tokenizer == "published":
            return "its own"
        raise NotImplementedError("BPE pre-tokenizer was not recognized")
"""
SCRIPT = """
import sys
from conversion.base import TextModel
import gguf, tokenizers
if __name__ == "__main__":
    print(sys.argv[3:], gguf.VERSION, TextModel(sys.argv[1]).get_vocab_base_pre(sys.argv[2]))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A converter that knows one tokenizer."""
    (tmp_path / "conversion").mkdir()
    (tmp_path / "conversion" / "__init__.py").touch()
    (tmp_path / "conversion" / "base.py").write_text(BASE)
    (tmp_path / "gguf-py").mkdir()
    (tmp_path / "gguf-py" / "gguf.py").write_text("VERSION = 'beside it'")
    (tmp_path / "convert.py").write_text(SCRIPT)
    return tmp_path / "convert.py"


def run(script: Path, tokenizer: str) -> tuple[str, str]:
    command = [sys.executable, "-P", converter.__file__, pre_tokenizers.__file__, str(script)]
    command += [str(script.parent), tokenizer, "--option"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr.strip()


def put(folder: Path, splitting: object) -> None:
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = splitting
    (folder / "tokenizer.json").write_text(tokenizer.to_str())


def test_a_published_tokenizer_goes_through_the_converters_own_check(script: Path) -> None:
    put(script.parent, LLAMA3.build())
    assert run(script, "published") == ("['--option'] beside it its own", "")


def test_a_new_one_that_splits_as_llama_3_is_named_so(script: Path) -> None:
    put(script.parent, LLAMA3.build())
    assert run(script, "new") == ("['--option'] beside it llama-bpe", "")


def test_for_a_new_one_that_splits_otherwise_the_converters_error_stands(script: Path) -> None:
    put(script.parent, ByteLevel())
    said, error = run(script, "new")
    assert said == ""
    assert error.endswith("NotImplementedError: BPE pre-tokenizer was not recognized")


def test_the_name_hangs_on_the_tokenizer_json_alone(script: Path) -> None:
    put(script.parent, LLAMA3.build())
    path = script.parent / "tokenizer.json"
    found = json.loads(path.read_text())
    found["model"]["ignore_merges"] = False
    path.write_text(json.dumps(found))
    assert "NotImplementedError" in run(script, "new")[1]
