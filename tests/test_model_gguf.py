"""The stage model_gguf: what it refuses, what it writes, merging (the parts of it: model/test_*.py; test_flow.py)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from gguf import GGUFReader

from stages import files, model_gguf, params
from stages.device.model_files import model_file
from stages.errors import UserError
from stages.lamp import asking
from stages.model import bases, gguf, model_card
from stages.tracking import lineage, taint

ROOT = Path(__file__).resolve().parents[1]
KNOBS = model_gguf.Params("lamp-nano", ("F16", "Q4_K_M"), "none", 500, adapter=False)
ASKING = {
    "system_prompt": "You are a lamp.",
    "request_template": "For: {prompt}",
    "follow_up_template": "{running}: {prompt}",
}


@pytest.fixture
def trained(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of a base and an adapter, with their lineage."""
    base, adapter = tmp_path / "base", tmp_path / "adapter"
    for folder, chain in ((base, {"params": "b"}), (adapter, {"trainset": "t.dir", "base": "x", "params": "p"})):
        folder.mkdir()
        (folder / "model.safetensors").write_text(folder.name)
        lineage.write(folder, chain)
    return base, adapter


@dataclass(frozen=True)
class Inputs:
    """All that the stage is given, and where it writes."""

    base: Path
    adapter: Path
    trainset: Path
    base_metrics: Path
    adapter_metrics: Path
    out: Path
    params: Path

    def options(self) -> list[str]:
        names = ("base", "adapter", "trainset", "base_metrics", "adapter_metrics", "out", "params")
        return [part for name in names for part in (f"--{name.replace('_', '-')}", str(getattr(self, name)))]

    def run(self) -> subprocess.CompletedProcess[str]:
        # In a process of its own: it must be the first to load torch.
        command = [sys.executable, "-m", "stages.model_gguf", *self.options()]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def refusal(self) -> str:
        """The one line that the stage ends in; nothing may have been written."""
        done = self.run()
        assert done.returncode == 2
        assert not self.out.exists()
        (line,) = done.stderr.splitlines()
        return line

    def with_knobs(self, **knobs: Any) -> Inputs:
        values = yaml.safe_load((ROOT / "params.yaml").read_text())
        values["model_gguf"].update(knobs)
        self.params.write_text(yaml.safe_dump(values))
        return self


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """A base of one layer with random weights, an adapter that changes it, and a few rows."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    from stages.model import tokenizer as tokenizing

    folder = tmp_path_factory.mktemp("toy")
    made = Inputs(*(folder / name for name in ("base", "lamp", "trainset", "b.json", "a.json", "gguf", "params.yaml")))
    rows = [chat_row(number) for number in range(24)]
    files.write_rows(made.trainset / "train.jsonl", rows[:20])
    files.write_rows(made.trainset / "val.jsonl", rows[20:])
    made.base.mkdir()
    tokenizing.train([row["messages"] for row in rows], 512, 3, 256, made.base)
    tokenizer: Any = tokenizing.load(made.base)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=256, tie_word_embeddings=True, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    model.save_pretrained(made.base)
    files.write_json(made.base / asking.FILE, ASKING)
    row = bases.Entry("nano", None, None, "ours", False, "<|end|>", "<pad>", False, ("q_proj",))
    bases.write(made.base, bases.described("nano", row, False, None))
    lineage.write(made.base, {"params": "b"})
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    fresh: Any = AutoModelForCausalLM.from_pretrained(made.base, local_files_only=True)
    get_peft_model(fresh, lora).save_pretrained(made.adapter)
    chain = {"trainset": lineage.dvc_hash(made.trainset), "base": lineage.dvc_hash(made.base), "params": "p"}
    lineage.write(made.adapter, chain)
    phase = {"name": "lamp", "kind": "sft", "data": "lamp", "epochs": 3, "learning_rate": 5e-4}
    files.write_json(made.adapter / model_card.PHASES, [{**phase, "train_loss": 0.125, "val_loss": 0.25}])
    files.write_json(made.base_metrics, {"parameters": 1234567, "train_loss": 0.75, "val_loss": 0.5})
    files.write_json(made.adapter_metrics, {"rows": 20, "trained_parameters": 4321, "val_loss": 0.25})
    return made.with_knobs(importance_matrix="trainset", importance_rows=10, adapter=True, quants=["F16", "Q4_K_M"])


def chat_row(number: int) -> dict[str, Any]:
    command = {"type": "pattern", "name": "solid", "params": {"color": f"#{number:06X}"}}
    program = {"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}}
    said = ("You are a lamp.", f"For: colour number {number}", json.dumps(program, separators=(",", ":")))
    roles = ("system", "user", "assistant")
    messages = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
    return {"id": f"row-{number}", "category": "pattern", "messages": messages}


@pytest.fixture(scope="module")
def exported(toy: Inputs) -> Path:
    """What the stage makes of the toy, with everything that can be asked for."""
    done = toy.run()
    assert done.returncode == 0, done.stderr[-2000:]
    return toy.out


def variant(toy: Inputs, folder: Path) -> Inputs:
    """Copies of the toy's inputs, to be spoilt."""
    for name in ("base", "adapter", "trainset"):
        shutil.copytree(getattr(toy, name), folder / name)
    return Inputs(*(folder / name for name in ("base", "adapter", "trainset", "b", "a", "gguf", "params.yaml")))


def test_it_writes_a_file_for_each_quant_and_what_was_asked_for_beside(exported: Path) -> None:
    assert {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()} == {
        "lamp-nano-F16.gguf",
        "lamp-nano-Q4_K_M.gguf",
        "adapter/lamp-nano-base-F16.gguf",
        "adapter/lamp-nano-adapter-F16.gguf",
        "README.md",
        "Modelfile",
        "manifest.json",
    }


def test_the_manifest_has_all_other_files_and_the_card_those_that_were_there_before_it(exported: Path) -> None:
    listed = json.loads((exported / "manifest.json").read_text())["files"]
    there = {path.relative_to(exported).as_posix(): path for path in exported.rglob("*") if path.is_file()}
    assert listed.keys() == there.keys() - {"manifest.json"}
    for name, entry in listed.items():
        assert entry == {"sha256": gguf.sha256(there[name]), "bytes": there[name].stat().st_size}
    card = (exported / "README.md").read_text()
    for name in listed.keys() - {"README.md"}:
        assert f"| `{name}` | {listed[name]['bytes']:,} | `{listed[name]['sha256']}` |" in card


def test_none_of_the_files_is_taken_for_a_quant_that_it_is_not(exported: Path) -> None:
    assert model_file(exported, "F16") == exported / "lamp-nano-F16.gguf"
    assert model_file(exported, "Q4_K_M") == exported / "lamp-nano-Q4_K_M.gguf"
    with pytest.raises(UserError, match="no"):
        model_file(exported, "adapter")


def test_every_gguf_file_names_what_it_was_made_of(exported: Path, toy: Inputs) -> None:
    wanted = {"base": lineage.dvc_hash(toy.base), "adapter": lineage.dvc_hash(toy.adapter), **ASKING}
    for path in exported.rglob("*.gguf"):
        assert wanted.items() <= gguf.read_metadata(path).items()


def test_the_importance_is_of_training_rows_alone(exported: Path) -> None:
    fields = GGUFReader(exported / "lamp-nano-Q4_K_M.gguf").fields
    assert fields["quantize.imatrix.dataset"].contents() == "train.jsonl"
    assert fields["quantize.imatrix.chunks_count"].contents() == 10
    assert "importance matrix from 10 training rows" in (exported / "README.md").read_text()


def test_the_modelfile_runs_the_last_quant_with_this_models_template_and_end(exported: Path) -> None:
    lines = (exported / "Modelfile").read_text().splitlines()
    assert "FROM ./lamp-nano-Q4_K_M.gguf" in lines
    assert 'PARAMETER stop "<|end|>"' in lines
    assert "PARAMETER num_ctx 256" in lines
    assert 'SYSTEM """You are a lamp."""' in lines
    assert [line for line in lines if line.startswith("TEMPLATE") and "<|assistant|>" in line]


def test_the_card_says_what_the_stages_before_have_measured(exported: Path) -> None:
    card = " ".join((exported / "README.md").read_text().split())
    for part in ("1,234,567 parameters", "4,321 were trained", "20 rows were trained on", "4 further rows", "0.125"):
        assert part in card
    assert yaml.safe_load((ROOT / "params.yaml").read_text())["score_dataset"]["licence"] in card
    assert "- Base model: ours" in card


def test_no_file_names_a_folder_of_this_machine(exported: Path, toy: Inputs) -> None:
    for path in exported.rglob("*"):
        if path.is_file():
            assert str(toy.base.parent).encode() not in path.read_bytes()


@pytest.mark.slow
def test_running_it_again_gives_the_same_bytes(exported: Path, toy: Inputs) -> None:
    before = {path: path.read_bytes() for path in exported.rglob("*") if path.is_file()}
    assert toy.run().returncode == 0
    assert {path: path.read_bytes() for path in exported.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"quants": ["F16", "Q4_K_XXL", "Q9"]}, r"quants: 'Q4_K_XXL', 'Q9' is none of BF16, F16, .*Q4_K_M"),
        ({"quants": ["F16", "Q8_0", "F16"]}, r"quants: F16 is there twice"),
        ({"quants": []}, r"quants: names none; take F16"),
        ({"quants": ["IQ2_XS"]}, r"quants: IQ2_XS needs model_gguf\.importance_matrix=trainset"),
        ({"name": "../lamp"}, r"name: '\.\./lamp' is no name for files"),
        ({"importance_rows": 0}, r"importance_rows: 0 is too few"),
        ({"importance_matrix": "validation"}, r"importance_matrix: input should be 'none' or 'trainset'"),
    ],
)
def test_what_cannot_be_made_is_said_before_any_work(
    toy: Inputs, tmp_path: Path, knobs: dict[str, Any], said: str
) -> None:
    assert re.search(said, variant(toy, tmp_path).with_knobs(**knobs).refusal())


def test_an_adapter_that_llama_cpp_cannot_put_on_is_said_before_any_work(toy: Inputs, tmp_path: Path) -> None:
    spoilt = variant(toy, tmp_path).with_knobs(adapter=True)
    config = json.loads((spoilt.adapter / "adapter_config.json").read_text())
    (spoilt.adapter / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    assert "use_dora; set model_gguf.adapter to false" in spoilt.refusal()


def test_an_adapter_of_another_base_is_refused_with_both_hashes(trained: tuple[Path, Path], tmp_path: Path) -> None:
    base, adapter = trained
    chain = model_gguf.gguf_lineage(base, adapter, KNOBS)
    with pytest.raises(UserError, match=rf"an adapter of another base \(x; .* is {chain['base']}\)") as refused:
        model_gguf.refuse_other_inputs(base, adapter, tmp_path, chain)
    assert "\n" not in str(refused.value)


def test_other_rows_than_were_trained_on_are_refused(toy: Inputs, tmp_path: Path) -> None:
    files.write_rows(tmp_path / "train.jsonl", [chat_row(99)])
    chain = model_gguf.gguf_lineage(toy.base, toy.adapter, KNOBS)
    model_gguf.refuse_other_inputs(toy.base, toy.adapter, toy.trainset, chain)
    with pytest.raises(UserError, match=r"other rows \(\w+\.dir\) than .* was trained on"):
        model_gguf.refuse_other_inputs(toy.base, toy.adapter, tmp_path, chain)


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
    for other in (replace(KNOBS, quants=("F16",)), replace(KNOBS, importance_matrix="trainset")):
        assert model_gguf.gguf_lineage(base, adapter, other)["params"] != first
    lineage.write(adapter, {"trainset": "t.dir", "params": "other"})
    assert model_gguf.gguf_lineage(base, adapter, KNOBS)["params"] != first


def test_the_hashes_of_further_phases_go_along(trained: tuple[Path, Path]) -> None:
    base, adapter = trained
    lineage.write(adapter, {**lineage.read(adapter), "data.mix.calm": "m.dir"})
    assert model_gguf.gguf_lineage(base, adapter, KNOBS)["data.mix.calm"] == "m.dir"


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
    (tmp_path / asking.FILE).write_text(json.dumps(ASKING))
    assert model_gguf.request_format(tmp_path) == ASKING
    (tmp_path / asking.FILE).unlink()
    with pytest.raises(UserError, match=asking.FILE):
        model_gguf.request_format(tmp_path)


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
    model_gguf.check(knobs, ROOT)
