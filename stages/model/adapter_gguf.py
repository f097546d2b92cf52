"""A LoRA adapter as a GGUF file of its own, which llama.cpp puts on the base model's F16 file when it loads that."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from .. import files
from ..errors import UserError
from . import gguf

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# What a PEFT adapter can be and llama.cpp cannot: it knows A, B and one alpha. Merged into the base, all of it works.
_UNKNOWN = ("use_dora", "alpha_pattern", "modules_to_save", "trainable_token_indices", "lora_bias")


def refuse_unknown(adapter: Path) -> None:
    """Raises UserError for an adapter that llama.cpp cannot put on a model."""
    config = files.read_json(adapter / _CONFIG)
    if unknown := [key for key in _UNKNOWN if config.get(key)]:
        raise UserError(
            f"{adapter / _CONFIG}: llama.cpp takes no adapter with {', '.join(unknown)}; set model_gguf.adapter to"
            " false (the merged files have it all), or train without"
        )


def convert(adapter: Path, base: Path, out: Path, scratch: Path) -> None:
    """Write a PEFT adapter of a base model's folder as a GGUF file, in F16. scratch: a folder that may be written to.

    Raises UserError with the converter's last words.
    """
    # The file is named after the folder's name, so that must be the same every time.
    folder = scratch / "adapter"
    folder.mkdir()
    shutil.copyfile(adapter / _WEIGHTS, folder / _WEIGHTS)
    files.write_json(folder / _CONFIG, _as_llama_cpp_scales(files.read_json(adapter / _CONFIG)))
    gguf.run_script("convert_lora_to_gguf.py", folder, "--base", str(base), "--outtype", "f16", "--outfile", str(out))


def _as_llama_cpp_scales(config: dict[str, Any]) -> dict[str, Any]:
    """llama.cpp scales by alpha / rank always; a rank-stabilised adapter was trained with alpha / sqrt(rank)."""
    if not config.get("use_rslora"):
        return config
    return {**config, "use_rslora": False, "lora_alpha": config["lora_alpha"] * math.sqrt(config["r"])}
