"""Miniatures of the families as the stages make them, for tests: base, adapter, merged model, GGUF files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from stages import model_base, params
from stages.model import bases

ROOT = Path(__file__).resolve().parents[2]
BASES = {"llama3": "llama-3.2-3b", "gemma3": "gemma-3-4b", "phi4": "phi-4-mini", "tinyllama": "tinyllama-1.1b"}
"""A base of each family."""


def knobs(family: str, **changes: Any) -> model_base.Params:
    """The repository's own parameters for the miniature of a family, trained for a few steps on toy rows."""
    own = params.load(model_base.Params, "model_base", ROOT / "params.yaml")
    toy: dict[str, Any] = {"vocabulary": 800, "epochs": 30, "save_steps": 1000, "threads": 1}
    return replace(own, base=BASES[family], miniature=True, **{**toy, **changes})


def entry(family: str) -> bases.Entry:
    """The row of a family's base in params.yaml."""
    return knobs(family).bases[BASES[family]]


def make_base(family: str, trainset: Path, folder: Path, **changes: Any) -> Path:
    """The base model of a family's miniature, made by the stage in `folder`, without its request format."""
    own = knobs(family, **changes)
    row = own.bases[own.base]
    (folder / "work").mkdir(parents=True)
    (folder / "primer.jsonl").touch()

    def finish(made: Path) -> None:
        bases.write(made, bases.described(own.base, row, True, None))

    model_base.train(own, row, (trainset, folder / "primer.jsonl"), folder / "work", finish, folder / "base")
    return folder / "base"


def make_adapter(base: Path, chats: list[list[dict[str, str]]], folder: Path, steps: int) -> Path:
    """A LoRA adapter on the layers that base.json names, trained on the answers of a few chats."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from stages.model import tokenizer as tokenizing

    tokenizer = tokenizing.load(base)
    torch.manual_seed(0)
    targets = list(bases.read(base).target_modules)
    lora = LoraConfig(r=8, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM")
    model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), lora)
    optimizer = torch.optim.AdamW((each for each in model.parameters() if each.requires_grad), lr=2e-3)
    for step in range(steps):
        messages = chats[step % len(chats)]
        ids = torch.tensor([tokenizing.token_ids(tokenizer, messages)])
        labels = ids.clone()
        labels[:, : len(tokenizing.token_ids(tokenizer, messages[:-1], add_generation_prompt=True))] = -100
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def table() -> dict[str, Any]:
    """model_base.bases as it stands in params.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())["model_base"]["bases"]
    return found
