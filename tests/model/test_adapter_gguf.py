"""An adapter as a GGUF file of its own: on the base it answers as the merged file does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader
from numpy.typing import NDArray

from stages import files
from stages.errors import UserError
from stages.model import adapter_gguf, gguf


def adapter_of(base: Path, out: Path, **options: Any) -> Path:
    """An adapter with random weights, merged as well: the folders `adapter` and `merged` in `out`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from stages.model import tokenizer

    torch.manual_seed(1)
    model: Any = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    lora = LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False, **options
    )
    adapted = get_peft_model(model, lora)
    adapted.save_pretrained(out / "adapter")
    adapted.merge_and_unload().save_pretrained(out / "merged")
    tokenizer.copy_tokenizer(base, out / "merged")
    return out / "adapter"


def logits(model: Path, texts: list[list[int]], adapter: Path | None = None) -> NDArray[np.float32]:
    """What llama.cpp gives behind each token of the texts: (tokens, vocabulary)."""
    import llama_cpp

    lora = None if adapter is None else str(adapter)
    loaded = llama_cpp.Llama(
        str(model), lora_path=lora, n_ctx=1024, n_batch=1024, n_threads=1, logits_all=True, verbose=False
    )
    found = []
    for ids in texts:
        loaded.reset()
        loaded.eval(ids)
        found.append(np.array(loaded.scores[: len(ids)]))
    loaded.close()
    return np.concatenate(found)


@pytest.fixture(scope="module")
def texts(tokenizer: Any, trainset: Path) -> list[list[int]]:
    from stages.model.tokenizer import token_ids

    return [token_ids(tokenizer, row["messages"]) for row in files.read_rows(trainset / "val.jsonl")]


@pytest.mark.parametrize("rslora", [False, True])
def test_base_and_adapter_answer_as_the_merged_file_does(
    model_folder: Path, plain_gguf: Path, texts: list[list[int]], tmp_path: Path, rslora: bool
) -> None:
    adapter = adapter_of(model_folder, tmp_path, use_rslora=rslora)
    adapter_gguf.convert(adapter, model_folder, tmp_path / "adapter.gguf", tmp_path / "adapter")
    gguf.convert(tmp_path / "merged", tmp_path / "merged.gguf", "merged")
    together = logits(plain_gguf, texts, tmp_path / "adapter.gguf")
    merged, alone = logits(tmp_path / "merged.gguf", texts), logits(plain_gguf, texts)
    assert (together.argmax(1) == merged.argmax(1)).mean() >= 0.99
    assert (together.argmax(1) == alone.argmax(1)).mean() < 0.5
    # Both round to F16, at different places.
    np.testing.assert_allclose(together, merged, atol=0.02 * np.abs(merged).max())


def test_converting_twice_gives_the_same_bytes_and_names_no_path(model_folder: Path, tmp_path: Path) -> None:
    adapter = adapter_of(model_folder, tmp_path)
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        adapter_gguf.convert(adapter, model_folder, tmp_path / f"{name}.gguf", tmp_path / name)
        contents.append((tmp_path / f"{name}.gguf").read_bytes())
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]
    assert model_folder.name.encode() not in contents[0]


def test_its_metadata_can_be_added_and_read(model_folder: Path, tmp_path: Path) -> None:
    adapter = adapter_of(model_folder, tmp_path)
    adapter_gguf.convert(adapter, model_folder, tmp_path / "plain.gguf", tmp_path / "merged")
    gguf.add_metadata(tmp_path / "plain.gguf", tmp_path / "full.gguf", {"base": "b.dir"})
    assert gguf.read_metadata(tmp_path / "full.gguf") == {"base": "b.dir"}
    fields = GGUFReader(tmp_path / "full.gguf").fields
    assert fields["general.type"].contents() == "adapter"
    assert fields["adapter.lora.alpha"].contents() == 8.0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", True),
        ("alpha_pattern", {"q_proj": 3}),
        ("modules_to_save", ["lm_head"]),
        ("trainable_token_indices", [1]),
        ("lora_bias", True),
    ],
)
def test_an_adapter_that_llama_cpp_does_not_know_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    config = {"use_dora": False, "alpha_pattern": {}, "modules_to_save": None, "r": 4, "lora_alpha": 8}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    adapter_gguf.refuse_unknown(tmp_path)
    (tmp_path / "adapter_config.json").write_text(json.dumps({**config, key: value}))
    with pytest.raises(UserError, match=f"takes no adapter with {key}; set model_gguf.adapter to false") as refused:
        adapter_gguf.refuse_unknown(tmp_path)
    assert "\n" not in str(refused.value)
