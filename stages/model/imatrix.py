"""The importance matrix: which inputs of each weight carry most, so that quantising spares those.

llama.cpp's tool for it, llama-imatrix, does not come with the Python binding, but llama_model_quantize takes the
figures: for each weight in a layer, the mean square of every input column over real text. They are taken here from
the merged Hugging Face model, in which a column has the same place as in GGUF (the converter reorders rows at most).
As with llama-imatrix, embeddings and output get none.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from .. import files
from ..errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NEEDED_BY = frozenset({"IQ1_M", "IQ1_S", "IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ3_XS", "IQ3_XXS", "Q2_K_S"})
"""Quants so small that llama.cpp does not make them without."""
_LAYER = "blk."
_KEY_ROWS, _KEY_DATASET = "quantize.imatrix.chunks_count", "quantize.imatrix.dataset"  # as llama-quantize writes them
_INT, _STRING = 0, 3  # llama_model_kv_override_type


@dataclass(frozen=True)
class Importance:
    """columns: by the weight's name in GGUF, the mean square of each of its inputs. rows: of `dataset`, for all."""

    columns: Mapping[str, NDArray[np.float32]]
    rows: int
    dataset: str

    def hand_to(self, settings: Any) -> None:
        """Put it into llama_model_quantize_params, which keeps it alive."""
        entries = (llama_cpp.llama_model_imatrix_data * (len(self.columns) + 1))()  # the last one has no name: the end
        for entry, (name, values) in zip(entries, self.columns.items(), strict=False):
            entry.name, entry.size = name.encode(), len(values)
            # An array of ctypes' own: of a numpy array nothing but the address would be kept.
            entry.data = (ctypes.c_float * len(values)).from_buffer_copy(values.astype(np.float32).tobytes())
        notes = (llama_cpp.llama_model_kv_override * 3)()
        notes[0].tag, notes[0].key, notes[0].value.val_i64 = _INT, _KEY_ROWS.encode(), self.rows
        notes[1].tag, notes[1].key, notes[1].value.val_str = _STRING, _KEY_DATASET.encode(), self.dataset.encode()
        settings.imatrix, settings.kv_overrides = entries, notes


def measure(model: Path, converted: Path, rows: Path, count: int) -> Importance:
    """The importance of each weight of a Hugging Face model, over chat rows that are drawn from a file.

    converted: the model's F16 GGUF file. rows: JSON Lines with `id` and `messages`. count: rows at most, drawn by
    their ids; those longer than the model's context are left out. The same figures for the same rows in any order.
    Raises UserError when there is no row, and when a weight that llama.cpp would quantise cannot be found here.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from . import tokenizer as tokenizing

    device = "cuda" if torch.cuda.is_available() else "cpu"
    loaded = AutoModelForCausalLM.from_pretrained(model, local_files_only=True).eval().to(device)
    shapes = _weights(converted)
    names = _names(loaded, converted)
    if missing := sorted(shapes.keys() - set(names.values())):
        raise UserError(
            f"{model}: no importance can be measured for {', '.join(missing[:3])} ({len(missing)} of {len(shapes)}"
            " weights); set model_gguf.importance_matrix to none"
        )
    tokenizer, context = tokenizing.load(model), loaded.config.get_text_config().max_position_embeddings
    texts = [ids for chat in drawn(rows, count) if len(ids := tokenizing.token_ids(tokenizer, chat)) <= context]
    if not texts:
        raise UserError(f"{rows}: no row fits {context} tokens; set model_gguf.importance_matrix to none")
    columns = _mean_squares(loaded, names, texts)
    return Importance({name: columns[name] for name in sorted(shapes)}, len(texts), rows.name)


def drawn(rows: Path, count: int) -> list[list[dict[str, str]]]:
    """The messages of at most `count` rows, drawn by their ids: a further row pushes out one other at most."""
    keyed = [
        (blake2b(str(row["id"]).encode(), digest_size=8).digest(), row["messages"])
        for row in files.read_rows(rows, ("id", "messages"))
    ]
    return [messages for _, messages in sorted(keyed, key=lambda each: each[0])[:count]]


def _weights(converted: Path) -> dict[str, int]:
    """The weights in layers that llama.cpp quantises, with how many figures each needs."""
    import gguf

    return {
        tensor.name: int(tensor.shape[0])
        for tensor in gguf.GGUFReader(converted).tensors
        if tensor.name.startswith(_LAYER) and tensor.name.endswith(".weight") and len(tensor.shape) > 1
    }


def _names(model: PreTrainedModel, converted: Path) -> dict[str, str]:
    """The linear modules in the layers of a Hugging Face model, with their weights' names in GGUF."""
    import gguf
    import torch

    reader = gguf.GGUFReader(converted)
    architecture = str(reader.fields["general.architecture"].contents())
    number = next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    blocks = int(reader.fields[f"{architecture}.block_count"].contents())
    known = gguf.get_tensor_name_map(number, blocks)
    found = {
        # A model that also sees has its layers one level deeper.
        name: known.get_name(f"{name.replace('language_model.', '')}.weight", try_suffixes=(".weight",))
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    return {name: weight for name, weight in found.items() if weight and weight.startswith(_LAYER)}


def _mean_squares(
    model: PreTrainedModel, names: dict[str, str], texts: list[list[int]]
) -> dict[str, NDArray[np.float32]]:
    """The figures by name in GGUF. One text at a time, so that no padding counts."""
    import torch

    modules = {module: names[name] for name, module in model.named_modules() if name in names}
    sums: dict[str, Any] = dict.fromkeys(modules.values(), 0.0)

    def add(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        sums[modules[module]] += inputs[0].float().flatten(0, -2).square().sum(0).double()

    hooks = [module.register_forward_pre_hook(add) for module in modules]
    with torch.inference_mode():
        for ids in texts:
            model(input_ids=torch.tensor([ids], device=model.device))
    for hook in hooks:
        hook.remove()
    tokens = sum(map(len, texts))
    return {name: (total / tokens).cpu().numpy().astype(np.float32) for name, total in sums.items()}
