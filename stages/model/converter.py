"""Run the official GGUF converter on a model whose vocabulary it has never seen: a process of its own.

The converter finds out how a byte-level BPE tokenizer splits text by the ids of a test text, which it knows for the
published vocabularies. That check always comes first. Where it finds nothing, and only there, the answer is taken
from the tokenizer.json itself, if that splits exactly as one of the published ones does (pre_tokenizers.py); otherwise
the converter's own error stands.

Run:  python -P converter.py PRE_TOKENIZERS_PY SCRIPT MODEL --outfile FILE ...    (from MODEL on, the converter's own)
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from pathlib import Path
from typing import Any


def main(known: Path, script: Path) -> None:
    """Run the converter with the rest of this process's arguments. known: the file pre_tokenizers.py."""
    # Its own version of the library gguf, too, as it would have it.
    sys.path[:0] = [str(script.parent), str(script.parent / "gguf-py")]
    base: Any = importlib.import_module("conversion.base").TextModel
    own_check = base.get_vocab_base_pre

    def checked(self: Any, tokenizer: Any) -> str:
        try:
            return str(own_check(self, tokenizer))
        except NotImplementedError:
            name = _recognised(known, Path(self.dir_model) / "tokenizer.json")
            if name is None:
                raise
            return name

    base.get_vocab_base_pre = checked
    sys.argv = [str(script), *sys.argv[3:]]
    runpy.run_path(str(script), run_name="__main__")


def _recognised(known: Path, path: Path) -> str | None:
    # By its path: this process must not find the names of this folder (gguf, tokenizer) before those of libraries.
    name = runpy.run_path(str(known))["recognised"](json.loads(path.read_text(encoding="utf-8")))
    return None if name is None else str(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
