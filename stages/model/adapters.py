"""A LoRA adapter on a base model: what it is put on, made anew or carried on, and the bytes it is saved as."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from .. import files
from ..errors import UserError
from ..tracking import lineage
from . import bases
from .training import Precision

FILES = ("adapter_config.json", "adapter_model.safetensors")
_ALL_LINEAR = "all-linear"


@dataclass(frozen=True)
class Options:
    """What an adapter is like.

    method: lora, or qlora: over a base in 4 bits (NF4). target_modules: names of linear layers; None: those that
    base.json names. precision: of the base's weights and of what is multiplied with them.
    """

    method: Literal["lora", "qlora"]
    rank: int
    alpha: int
    dropout: float
    dora: bool
    rslora: bool
    target_modules: tuple[str, ...] | None
    precision: Precision

    @classmethod
    def of(cls, knobs: Any) -> Options:
        """The options among a stage's parameters."""
        return cls(**{key.name: getattr(knobs, key.name) for key in fields(cls)})


def check(options: Options) -> None:
    """Raises UserError for a method that this machine cannot run. Before anything is loaded."""
    if options.method == "qlora":
        if importlib.util.find_spec("bitsandbytes") is None:
            raise UserError(
                "model_adapter.method=qlora needs bitsandbytes; install it (pip install '.[qlora]'), or take"
                " model_adapter.method=lora"
            )
        import torch

        if not torch.cuda.is_available():
            raise UserError("model_adapter.method=qlora needs a CUDA GPU, and there is none; take method=lora")


def base_model(base: Path, options: Options) -> Any:
    """The base model, in the precision and the number of bits that it is trained over."""
    import torch
    from transformers import AutoModelForCausalLM

    half = options.precision == "bf16" or (options.precision == "auto" and torch.cuda.is_available())
    more: dict[str, Any] = {"dtype": torch.bfloat16 if half else torch.float32}
    if options.method == "qlora":
        from transformers import BitsAndBytesConfig

        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16 if half else torch.float32,
        )
        more["device_map"] = {"": torch.cuda.current_device()}
    return AutoModelForCausalLM.from_pretrained(base, local_files_only=True, **more)


def new(model: Any, base: Path, options: Options) -> Any:
    """The model with a new adapter, which changes nothing yet; its random numbers are torch's next ones."""
    from peft import get_peft_model

    return get_peft_model(model, _lora(model, base, options))


def carried_on(model: Any, adapter: Path, base_hash: str) -> Any:
    """The model with the adapter of a folder, to be trained further.

    base_hash: the DVC hash of the base; raises UserError for an adapter of another one.
    """
    from peft import PeftModel

    trained_on = lineage.read(adapter).get("base")
    if trained_on != base_hash:
        raise UserError(
            f"{adapter}: an adapter of another base ({trained_on}, this one is {base_hash}); delete the folder to train"
            " it anew"
        )
    return PeftModel.from_pretrained(model, adapter, is_trainable=True)


def _lora(model: Any, base: Path, options: Options) -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,
        lora_dropout=options.dropout,
        use_dora=options.dora,
        use_rslora=options.rslora,
        target_modules=_targets(model, base, options),
        task_type="CAUSAL_LM",
    )


def _targets(model: Any, base: Path, options: Options) -> str | list[str]:
    """The layers that get an adapter. Raises UserError for a name that no linear layer of the model has."""
    wanted, where = options.target_modules, "params.yaml, model_adapter.target_modules"
    if wanted is None:
        wanted, where = bases.read(base).target_modules, str(base / bases.FILE)
    if tuple(wanted) == (_ALL_LINEAR,):
        return _ALL_LINEAR
    there = linear_layers(model)
    if absent := sorted(set(wanted) - there):
        raise UserError(f"{where}: the base has no layer {', '.join(absent)}; it has {', '.join(sorted(there))}")
    return list(wanted)


def linear_layers(model: Any) -> set[str]:
    """The names that linear layers have in each block of the model; not the one that gives the logits."""
    import torch

    head = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }


def save(model: Any, base: Path, folder: Path, saved: Path | None = None) -> None:
    """Write the adapter into a folder: weights and configuration, the same bytes for the same adapter.

    saved: a folder that has them, where they are not those of `model`.
    """
    if saved is None:
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
    else:
        for name in FILES:
            shutil.copyfile(saved / name, folder / name)
    config_path = folder / "adapter_config.json"
    config = json.loads(config_path.read_text(encoding="utf-8"))
    # PEFT writes sets in the order of the day.
    config["target_modules"] = sorted(config["target_modules"])
    config["base_model_name_or_path"] = base.as_posix()
    files.write_json(config_path, dict(sorted(config.items())))
