"""The stage model_base: parameters, mistakes, and what is published (training itself: test_flow.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from stages import model_base, params
from stages.errors import UserError
from stages.lamp import asking
from stages.tracking import lineage, taint

ROOT = Path(__file__).resolve().parents[1]
SECTION = yaml.safe_load((ROOT / "params.yaml").read_text())["model_base"]


def load(folder: Path, **changes: Any) -> model_base.Params:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"model_base": {**SECTION, **changes}}))
    return params.load(model_base.Params, "model_base", path)


def test_the_repositorys_own_parameters_are_right() -> None:
    knobs = params.load(model_base.Params, "model_base", ROOT / "params.yaml")
    # Else Q4_K_M falls back to larger types.
    assert knobs.hidden_size % 256 == knobs.intermediate_size % 256 == 0
    assert knobs.heads % knobs.kv_heads == 0


def test_mistakes_in_the_parameters_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        load(tmp_path, layers="four", vocabulary=2048.5, depth=3)
    for said in ("layers: ", "vocabulary: ", "depth is unknown"):
        assert said in str(refused.value)


def test_what_is_published_is_the_model_the_tokenizer_as_trained_and_its_lineage(tmp_path: Path) -> None:
    class Model:
        def save_pretrained(self, folder: Path) -> None:
            (folder / "model.safetensors").write_bytes(b"weights")

    (tmp_path / "tokenizer").mkdir()
    for name in ("tokenizer.model", "tokenizer_config.json"):
        (tmp_path / "tokenizer" / name).write_text(name)
    (tmp_path / asking.FILE).write_text("{}")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "left over").touch()
    chain = {"trainset": "a", "params": "b"}
    model_base._publish(Model(), tmp_path / "tokenizer", tmp_path / asking.FILE, chain, tmp_path / "base")
    assert {path.name for path in (tmp_path / "base").iterdir()} == {
        "model.safetensors",
        "tokenizer.model",
        "tokenizer_config.json",
        asking.FILE,
        "lineage.json",
    }
    assert lineage.read(tmp_path / "base") == chain


def test_a_missing_training_set_ends_in_one_line(tmp_path: Path) -> None:
    load(tmp_path)
    command = [sys.executable, "-m", "stages.model_base", "--params", str(tmp_path / "params.yaml")]
    options = {"trainset": "absent", "out": "base", "metrics": "m.json", "curves": "curves", "checkpoints": "c"}
    command += [part for name, path in options.items() for part in (f"--{name}", str(tmp_path / path))]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "absent" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "base").exists()


def test_no_base_model_is_made_of_research_data(tmp_path: Path) -> None:
    load(tmp_path)
    taint.write(tmp_path, taint.RESEARCH)
    options = {"trainset": ".", "out": "base", "params": "params.yaml", "checkpoints": "c"}
    command = [part for name, path in options.items() for part in (f"--{name}", str(tmp_path / path))]
    done = CliRunner().invoke(model_base.main, command)
    assert done.exit_code == 2
    assert "no base model is made of it" in done.output
    assert not (tmp_path / "base").exists()


def test_the_contract_is_the_help() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "stages.model_base", "--help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert "Train the nano base model from scratch" in help_text
    assert json.dumps("data/lamp/trainset").strip('"') in help_text
