"""From the files of a model on the hub to the folder of a base model: text part only, tokenizer settled, as trained."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

from . import tokenizer
from .bases import Entry

_OTHER_FILES = ("config.json", "generation_config.json", "model.safetensors.index.json")
_PAPERS = ("LICENSE*", "NOTICE*", "USE_POLICY*")


def adopt(source: Path, entry: Entry, folder: Path) -> None:
    """Write the base model of a fetched model into `folder`. Raises UserError as tokenizer.settle does."""
    tokenizer.copy_tokenizer(source, folder)
    for papers in _PAPERS:
        for file in source.glob(papers):
            shutil.copyfile(file, folder / file.name)
    if json.loads((source / "config.json").read_text(encoding="utf-8")).get("model_type") == "gemma3":
        _text_part(source, folder)
    else:
        weights = [file.name for file in source.glob("*.safetensors")]
        for name in (*weights, *_OTHER_FILES):
            if (source / name).exists():
                shutil.copyfile(source / name, folder / name)
    tokenizer.settle(folder, entry)


def _text_part(source: Path, folder: Path) -> None:
    """Of Gemma 3, which also sees pictures, the model that reads and writes text."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3ForConditionalGeneration

    whole: Any = Gemma3ForConditionalGeneration.from_pretrained(source, dtype="auto", local_files_only=True)
    with torch.device("meta"):  # its weights are those of the whole
        text = Gemma3ForCausalLM(whole.config.text_config)
    text.model, text.lm_head = whole.model.language_model, whole.lm_head
    text.tie_weights()
    text.generation_config = whole.generation_config
    text.save_pretrained(folder)


def parameters(folder: Path) -> int:
    """How many parameters a model folder holds, read from the headers of its files alone."""
    from safetensors import safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="np") as weights:
            names = weights.keys()
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in names)
    return total
