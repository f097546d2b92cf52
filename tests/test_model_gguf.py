"""The stage model_gguf: lineage, manifest, merging (conversion itself: model/test_gguf.py, test_flow.py)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stages import model_gguf, params
from stages.errors import UserError
from stages.lamp import asking
from stages.tracking import lineage, taint

ROOT = Path(__file__).resolve().parents[1]
KNOBS = model_gguf.Params("lamp-nano", ("F16", "Q4_K_M"))


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of a base and an adapter, with their lineage."""
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder, chain in ((base, {"params": "b"}), (adapter, {"trainset": "t.dir", "base": "x", "params": "p"})):
        folder.mkdir()
        (folder / "model.safetensors").write_text(folder.name)
        lineage.write(folder, chain)
    return base, adapter


def test_the_lineage_has_the_hashes_of_data_base_adapter_and_parameters(trained: tuple[Path, Path]) -> None:
    base, adapter = trained
    chain = model_gguf.gguf_lineage(base, adapter, KNOBS)
    assert chain.keys() == {"trainset", "base", "adapter", "params"}
    assert chain["trainset"] == "t.dir"
    assert (chain["base"], chain["adapter"]) == (lineage.dvc_hash(base), lineage.dvc_hash(adapter))


def test_other_parameters_of_training_or_export_give_another_hash(trained: tuple[Path, Path]) -> None:
    base, adapter = trained
    first = model_gguf.gguf_lineage(base, adapter, KNOBS)["params"]
    assert model_gguf.gguf_lineage(base, adapter, KNOBS)["params"] == first
    assert model_gguf.gguf_lineage(base, adapter, model_gguf.Params("lamp-nano", ("F16",)))["params"] != first
    lineage.write(adapter, {"trainset": "t.dir", "params": "other"})
    assert model_gguf.gguf_lineage(base, adapter, KNOBS)["params"] != first


def test_an_adapter_without_lineage_says_what_to_run(trained: tuple[Path, Path]) -> None:
    base, adapter = trained
    (adapter / "lineage.json").unlink()
    with pytest.raises(UserError, match=r"lineage\.json: no such file; run the stage that makes it"):
        model_gguf.gguf_lineage(base, adapter, KNOBS)


@pytest.mark.parametrize("marked", ["base", "adapter"])
def test_what_was_trained_on_research_data_is_not_exported(
    trained: tuple[Path, Path], tmp_path: Path, marked: str
) -> None:
    base, adapter = trained
    taint.write(tmp_path / marked, taint.RESEARCH)
    options = {"base": base, "adapter": adapter, "out": tmp_path / "gguf", "params": ROOT / "params.yaml"}
    command = [part for name, path in options.items() for part in (f"--{name}", str(path))]
    done = CliRunner().invoke(model_gguf.main, command)
    assert done.exit_code == 2
    assert f"{tmp_path / marked}: marked 'research'" in done.output
    assert "no GGUF file is made of it" in done.output
    assert not (tmp_path / "gguf").exists()


def test_the_way_of_asking_goes_into_the_file(tmp_path: Path) -> None:
    wanted = {
        "system_prompt": "You are a lamp.",
        "request_template": "For: {prompt}",
        "follow_up_template": "{running}: {prompt}",
    }
    (tmp_path / asking.FILE).write_text(json.dumps(wanted))
    assert model_gguf.request_format(tmp_path) == wanted
    (tmp_path / asking.FILE).unlink()
    with pytest.raises(UserError, match=asking.FILE):
        model_gguf.request_format(tmp_path)


def test_the_manifest_lists_each_gguf_file_with_its_sum_and_size(tmp_path: Path) -> None:
    for name in ("b-F16.gguf", "a-Q8_0.gguf", "notes.txt"):
        (tmp_path / name).write_text(name)
    model_gguf.write_manifest(tmp_path, {"base": "x"})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["lineage"] == {"base": "x"}
    assert list(manifest["files"]) == ["a-Q8_0.gguf", "b-F16.gguf"]
    assert manifest["files"]["b-F16.gguf"] == {"sha256": hashlib.sha256(b"b-F16.gguf").hexdigest(), "bytes": 10}


def test_merging_gives_a_model_that_answers_as_base_and_adapter_together(tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    model: Any = LlamaForCausalLM(config)
    model.save_pretrained(tmp_path / "base")
    for name in ("tokenizer.model", "tokenizer_config.json"):
        (tmp_path / "base" / name).write_text("{}")
    lora = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    adapted = get_peft_model(model, lora).eval()
    adapted.save_pretrained(tmp_path / "adapter")
    model_gguf.merge(tmp_path / "base", tmp_path / "adapter", tmp_path / "merged")
    tokens = torch.tensor([[5, 6, 7]])
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", local_files_only=True).eval()
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", local_files_only=True).eval()
    with torch.no_grad():
        assert torch.allclose(merged(tokens).logits, adapted(tokens).logits, atol=1e-5)
        assert not torch.allclose(merged(tokens).logits, base(tokens).logits, atol=1e-2)
    assert {"tokenizer.model", "tokenizer_config.json"} <= {path.name for path in (tmp_path / "merged").iterdir()}


def test_the_repositorys_own_parameters_are_right() -> None:
    knobs = params.load(model_gguf.Params, "model_gguf", ROOT / "params.yaml")
    bench = yaml.safe_load((ROOT / "params.yaml").read_text())["score_bench"]
    assert set(bench["quants"]) <= set(knobs.quants), "what is benchmarked must be made"
