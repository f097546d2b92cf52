"""The stage corpus_preferences: its outputs, its bytes, and what a trainer makes of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from stages import corpus_preferences
from stages.corpus import preferences
from stages.corpus.rows.row import Row
from tests.corpus import preference_rows
from tests.corpus.preference_rows import Toy, pair

ROOT = Path(__file__).resolve().parents[1]
LIKELIHOOD = {"model": "", "revision": None, "max_tokens": 64, "batch_size": 2, "threads": 1}
KNOBS = {"seed": 7, "per_category": 10, "scorer": "none", "likelihood": LIKELIHOOD, "executor": "local"}
SOURCES = {
    "liked": Toy(3, "instruction", [[pair(number) for number in range(20)], [pair(20, "same", "SAME"), pair(21)]]),
    "chats": Toy(4, "multiturn_dialog", [[pair(number, f"b {number}", history=(("a", "b"),)) for number in range(4)]]),
    "plain": Toy(5, "code", [[Row("q", "", "a")]]),
}


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMPFORGE_WORKERS", "1")


def prepared(folder: Path, **knobs: Any) -> list[str]:
    """Write params and corpus, where there is none yet; returns the stage's options."""
    folder.mkdir(exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump({"corpus_preferences": {**KNOBS, **knobs}}))
    if not (folder / "merged").exists():
        preference_rows.write(folder, SOURCES)
    names = {"sources": "sources", "merged": "merged", "out": "out", "metrics": "metrics.json", "params": "params.yaml"}
    paths = [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    return paths


def run(folder: Path, **knobs: Any) -> Result:
    return CliRunner().invoke(corpus_preferences.main, prepared(folder, **knobs))


def outputs(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in (folder / "out").rglob("*")}
    return {**found, "metrics": (folder / "metrics.json").read_bytes()}


def test_it_writes_pairs_report_and_metrics(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.endswith(
        "14 pairs of 26 (instruction 10, multiturn_dialog 4); dropped: 1 identical, 11 over_limit\n"
    )
    assert sorted(outputs(tmp_path)) == ["metrics", "out/report.json", "out/train.parquet"]
    known = json.loads((tmp_path / "metrics.json").read_text())
    assert known["seen"] == known["kept"] + sum(known["dropped"].values()) == 26
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "merged", "metrics.json", "out", "params.yaml", "sources",
    ]  # fmt: skip


def test_one_and_two_workers_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for count in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", count)
        assert run(tmp_path / count).exit_code == 0
        found.append(outputs(tmp_path / count))
    assert found[0] == found[1]


def test_a_killed_run_goes_on_but_not_with_answers_that_changed_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(preferences, "_report", killed)
        run(tmp_path)
    assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patched:
        patched.setattr(preferences, "rank", killed)  # what was ranked before is not ranked again
        assert run(tmp_path).exit_code == 0
    before = outputs(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(preferences, "_report", killed)
        run(tmp_path)
    chats = [row._replace(rejected="other") for row in SOURCES["chats"].shards[0]]
    # A rejected answer is not in a row's key: the index is the same, and is left as it lies there.
    changed, merged = preference_rows.write(
        tmp_path / "changed", {**SOURCES, "chats": SOURCES["chats"]._replace(shards=[chats])}
    )
    assert (merged / "index.parquet").read_bytes() == (tmp_path / "merged" / "index.parquet").read_bytes()
    shutil.copy(changed / "chats" / "rows-00000.parquet", tmp_path / "sources" / "chats" / "rows-00000.parquet")
    assert run(tmp_path).exit_code == 0
    assert outputs(tmp_path)["out/train.parquet"] != before["out/train.parquet"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"scorer": "likelihood"}, "likelihood.model is empty"),
        ({"scorer": "likelihood", "likelihood": {**LIKELIHOOD, "model": "no/such"}}, "'no/such' cannot be loaded"),
        ({"scorer": "best"}, "scorer"),
        ({"per_category": 0}, "per_category"),
        ({"likelihood": {**LIKELIHOOD, "batch_size": 0}}, "batch_size"),
        ({"likelihood": {"model": ""}}, "max_tokens"),
    ],
)
def test_a_wrong_parameter_is_one_line(tmp_path: Path, knobs: dict[str, Any], message: str) -> None:
    result = run(tmp_path, **knobs)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_corpus_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "manifest.json: no such file" in result.output


def tiny_model(folder: Path) -> None:
    """Save a Llama of some thousand random weights with a tokenizer for bytes and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(1)
    pieces = ["<pad>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokens = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, []))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<end>", pad_token="<pad>")
    tokenizer.chat_template = (
        "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '<end>' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    )
    tokenizer.save_pretrained(folder)
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(pieces), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=256, pad_token_id=0, eos_token_id=1, bos_token_id=None,
        )
    ).save_pretrained(folder)  # fmt: skip


@pytest.mark.slow
def test_margins_by_likelihood_are_the_same_with_one_and_two_workers(tmp_path: Path) -> None:
    tiny_model(tmp_path / "model")
    found = []
    for count in ("1", "2"):
        # Processes of their own: this one has loaded torch, and could no longer fix its instruction set.
        command = prepared(
            tmp_path / count, scorer="likelihood", likelihood=LIKELIHOOD | {"model": f"{tmp_path}/model"}
        )
        environment = os.environ | {"LAMPFORGE_WORKERS": count}
        module = [sys.executable, "-m", "stages.corpus_preferences", *command]
        done = subprocess.run(module, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(outputs(tmp_path / count))
    assert found[0] == found[1]
    margins = json.loads(found[0]["out/report.json"])["categories"]["instruction"]["margins"]
    assert margins["least"] < margins["most"]


@pytest.mark.slow
def test_a_trainer_for_dpo_takes_the_written_file(tmp_path: Path) -> None:
    import trl
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert run(tmp_path).exit_code == 0
    tiny_model(tmp_path / "model")
    rows = load_dataset(
        "parquet", data_files=str(tmp_path / "out" / "train.parquet"), split="train", cache_dir=tmp_path
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    trainer = trl.DPOTrainer(
        AutoModelForCausalLM.from_pretrained(tmp_path / "model"),
        args=trl.DPOConfig(
            tmp_path / "run", max_steps=1, per_device_train_batch_size=4, use_cpu=True, bf16=False, report_to=[],
            save_strategy="no",
        ),
        train_dataset=rows,
        processing_class=tokenizer,
    )  # fmt: skip
    tokenised = trainer.train_dataset
    assert len(tokenised) == 14
    chat = next(row for row in tokenised if row["_source"] == "chats")
    assert tokenizer.decode(chat["prompt_ids"]).startswith("user: a<end>assistant: b<end>user: question ")
    assert tokenizer.decode(chat["rejected_ids"]) == "worse<end>"
    assert trainer.train().training_loss == pytest.approx(0.6931, abs=1e-3)  # ln 2: the reference is the model itself
