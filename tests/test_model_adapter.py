"""The stage model_adapter: parameters, and what is published (training itself: test_flow.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import model_adapter, params
from stages.errors import UserError
from stages.tracking import lineage, taint

ROOT = Path(__file__).resolve().parents[1]
SECTION = yaml.safe_load((ROOT / "params.yaml").read_text())["model_adapter"]


class Adapted:
    """Writes what PEFT writes, with its sets in the order of the day."""

    def __init__(self, modules: list[str]) -> None:
        self.modules = modules

    def save_pretrained(self, folder: Path) -> None:
        config: dict[str, Any] = {"target_modules": self.modules, "r": 4, "base_model_name_or_path": "/tmp/somewhere"}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        (folder / "adapter_model.safetensors").write_bytes(b"weights")
        (folder / "README.md").write_text("a template of PEFT's")


def test_the_repositorys_own_parameters_are_right() -> None:
    params.load(model_adapter.Params, "model_adapter", ROOT / "params.yaml")


def test_mistakes_in_the_parameters_are_reported_together(tmp_path: Path) -> None:
    section = {**SECTION, "rank": "big", "dropout": 0.1}
    del section["alpha"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"model_adapter": section}))
    with pytest.raises(UserError) as refused:
        params.load(model_adapter.Params, "model_adapter", tmp_path / "params.yaml")
    for said in ("rank: ", "alpha is missing", "dropout is unknown"):
        assert said in str(refused.value)


def test_an_adapter_has_the_same_bytes_whatever_order_peft_writes_its_sets_in(tmp_path: Path) -> None:
    made = []
    for name, modules in (("one", ["q_proj", "down_proj"]), ("two", ["down_proj", "q_proj"])):
        model_adapter._publish(
            Adapted(modules), Path("models/base"), {"base": "a", "params": "b"}, None, tmp_path / name
        )
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1]
    assert made[0].keys() == {"adapter_config.json", "adapter_model.safetensors", "lineage.json"}
    config = json.loads(made[0]["adapter_config.json"])
    assert config["target_modules"] == ["down_proj", "q_proj"]
    assert config["base_model_name_or_path"] == "models/base"
    assert lineage.read(tmp_path / "one") == {"base": "a", "params": "b"}


def test_an_adapter_of_research_data_carries_their_mark(tmp_path: Path) -> None:
    model_adapter._publish(Adapted(["q_proj"]), Path("models/base"), {"base": "a"}, "research", tmp_path / "out")
    assert taint.of(tmp_path / "out") == "research"


def test_the_adapter_is_on_all_linear_layers_with_the_rank_of_the_parameters() -> None:
    knobs = model_adapter.Params(**{**SECTION, "rank": 4, "alpha": 6})
    config = model_adapter._lora(knobs)
    assert (config.r, config.lora_alpha, config.lora_dropout) == (4, 6, 0.0)
    assert config.target_modules == "all-linear"


def test_a_base_without_lineage_ends_in_one_line(tmp_path: Path) -> None:
    for name in ("trainset", "base"):
        (tmp_path / name).mkdir()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"model_adapter": SECTION}))
    options = {"trainset": "trainset", "base": "base", "out": "adapter", "metrics": "m.json", "curves": "curves"}
    options |= {"checkpoints": "checkpoints", "params": "params.yaml"}
    command = [sys.executable, "-m", "stages.model_adapter"]
    command += [part for name, path in options.items() for part in (f"--{name}", str(tmp_path / path))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "lineage.json: no such file; run the stage that makes it" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "adapter").exists()
