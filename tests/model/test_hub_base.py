"""What of a model on the hub becomes a base: text part, tokenizer settled, licence beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stages.errors import UserError
from stages.model import chat, hub_base
from stages.model import tokenizer as tokenizing
from tests.model import families


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, trainset: Path) -> dict[str, Path]:
    """Models of two families as they could lie on the hub."""
    folders = {}
    for family in ("llama3", "gemma3"):
        made = families.make_base(family, trainset, tmp_path_factory.mktemp(family), epochs=0)
        path = made / "tokenizer_config.json"
        config = {**json.loads(path.read_text()), "chat_template": chat.FAMILY_TEMPLATES[family]}
        del config["pad_token"]
        path.write_text(json.dumps(config))
        (made / "LICENSE.txt").write_text("terms")
        folders[family] = made
    return folders


def adopted(source: Path, folder: Path, family: str, **changes: Any) -> Path:
    folder.mkdir()
    hub_base.adopt(source, replace(families.entry(family), **changes), folder)
    return folder


def test_weights_and_licence_are_taken_as_they_are(published: dict[str, Path], tmp_path: Path) -> None:
    source = published["llama3"]
    base = adopted(source, tmp_path / "base", "llama3")
    for name in ("model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "LICENSE.txt"):
        assert (base / name).read_bytes() == (source / name).read_bytes()
    assert not (base / "base.json").exists()


def test_weights_in_several_files_are_all_taken(published: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(published["llama3"], source)
    (source / "model.safetensors").rename(source / "model-00001-of-00001.safetensors")
    (source / "model.safetensors.index.json").write_text("{}")
    base = adopted(source, tmp_path / "base", "llama3")
    assert {"model-00001-of-00001.safetensors", "model.safetensors.index.json"} <= {
        path.name for path in base.iterdir()
    }


def test_today_stands_in_no_prompt(published: dict[str, Path], tmp_path: Path) -> None:
    before = tokenizing.load(published["llama3"]).apply_chat_template(
        [{"role": "user", "content": "x"}], tokenize=False
    )
    assert chat.DAY not in before
    tokenizer = tokenizing.load(adopted(published["llama3"], tmp_path / "base", "llama3"))
    after = tokenizer.apply_chat_template([{"role": "user", "content": "x"}], tokenize=False)
    assert f"Today Date: {chat.DAY}\n" in after
    assert tokenizer.pad_token == "<|finetune_right_pad_id|>"


def test_a_template_in_a_file_of_its_own_goes_into_the_configuration(
    published: dict[str, Path], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    shutil.copytree(published["gemma3"], source)
    path = source / "tokenizer_config.json"
    config = json.loads(path.read_text())
    (source / "chat_template.jinja").write_text(config.pop("chat_template") + "!")
    path.write_text(json.dumps(config))
    base = adopted(source, tmp_path / "base", "gemma3")
    wanted = chat.FAMILY_TEMPLATES["gemma3"] + "!"
    assert json.loads((base / "tokenizer_config.json").read_text())["chat_template"] == wanted
    assert tokenizing.load(base).chat_template == wanted
    assert not (base / "chat_template.jinja").exists()


def test_a_tokenizer_without_template_is_refused(published: dict[str, Path], tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(published["gemma3"], source)
    path = source / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["chat_template"]
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"google/gemma-3-4b-it has no chat template; take an instruction-tuned model"):
        adopted(source, tmp_path / "base", "gemma3")


@pytest.mark.parametrize("key", ["stop", "pad"])
def test_a_token_that_the_tokenizer_lacks_is_named(published: dict[str, Path], tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match=rf"model_base\.bases, {key}: the tokenizer of this base has no '<halt>'"):
        adopted(published["llama3"], tmp_path / "base", "llama3", **{key: "<halt>"})


def test_of_gemma_which_also_sees_only_the_text_part_is_taken(published: dict[str, Path], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, Gemma3Config, Gemma3ForConditionalGeneration, Gemma3TextConfig

    source = tmp_path / "source"
    shutil.copytree(published["gemma3"], source)
    text = Gemma3TextConfig(**json.loads((source / "config.json").read_text()))
    eyes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Gemma3Config(
        text_config=text, vision_config={**eyes, "image_size": 28, "patch_size": 14}, mm_tokens_per_image=4
    )
    torch.manual_seed(0)
    (source / "model.safetensors").unlink()
    Gemma3ForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(source)
    whole: Any = Gemma3ForConditionalGeneration.from_pretrained(source, dtype="auto").eval()
    base = adopted(source, tmp_path / "base", "gemma3")
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype="auto").eval()
    assert type(model).__name__ == "Gemma3ForCausalLM"
    assert model.dtype == torch.bfloat16
    ids = torch.tensor([[2, 10, 11, 12]])
    with torch.no_grad():
        assert torch.equal(model(ids).logits, whole(ids).logits)
    assert hub_base.parameters(base) == model.num_parameters()
    assert hub_base.parameters(base) < hub_base.parameters(source)


def test_parameters_are_counted_without_loading_them(published: dict[str, Path]) -> None:
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(published["llama3"])
    assert hub_base.parameters(published["llama3"]) == model.num_parameters()
