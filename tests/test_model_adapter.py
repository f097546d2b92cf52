"""The stage model_adapter: parameters, and what is published (training itself: model/test_phases.py, test_flow.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages import model_adapter, params
from stages.errors import UserError
from stages.tracking import lineage, taint

ROOT = Path(__file__).resolve().parents[1]
SECTION = yaml.safe_load((ROOT / "params.yaml").read_text())["model_adapter"]


def test_the_repositorys_own_parameters_are_right() -> None:
    knobs = params.load(model_adapter.Params, "model_adapter", ROOT / "params.yaml")
    assert model_adapter.with_preset(knobs) == knobs, "the default preset changes nothing"
    (task,) = model_adapter.planned(knobs, Path("data/lamp/trainset"))
    assert (task.name, task.data, task.epochs, task.learning_rate) == (
        "lamp",
        "lamp",
        knobs.epochs,
        knobs.learning_rate,
    )


@pytest.mark.parametrize(
    ("preset", "rank", "alpha", "method"), [("large", 128, 256, "lora"), ("large_4bit", 32, 64, "qlora")]
)
def test_the_presets_of_the_large_bases_see_16_rows_a_step(preset: str, rank: int, alpha: int, method: str) -> None:
    knobs = params.load(model_adapter.Params, "model_adapter", ROOT / "params.yaml")
    large = model_adapter.with_preset(replace(knobs, preset=preset))
    assert (large.rank, large.alpha, large.method, large.precision) == (rank, alpha, method, "bf16")
    assert large.batch_size * large.gradient_accumulation == 16
    assert (large.learning_rate, large.warmup_share, large.gradient_checkpointing) == (2e-4, 0.05, True)


def test_every_phase_of_the_plans_names_a_mix_that_is_cut() -> None:
    knobs = params.load(model_adapter.Params, "model_adapter", ROOT / "params.yaml")
    mixes = yaml.safe_load((ROOT / "params.yaml").read_text())["corpus_mixes"]["mixes"]
    named = [phase.data for phases in knobs.plans.values() for phase in phases]
    assert {data.partition(":")[2] for data in named if data.startswith("mix:")} <= mixes.keys()
    assert len(knobs.plans["four_phase"]) == 5
    assert len(knobs.plans["curriculum"]) == 6


def test_what_the_pipeline_waits_for_is_what_the_plan_names() -> None:
    deps = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["model_adapter"]["deps"]
    assert {"${model_adapter.corpus}", "${model_adapter.pairs}"} <= set(deps)
    assert SECTION["corpus"] == SECTION["pairs"] == "data/lamp/trainset", "the default waits for nothing else"


def test_mistakes_in_the_parameters_are_reported_together(tmp_path: Path) -> None:
    section = {**SECTION, "rank": "big", "depth": 0.1}
    del section["alpha"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"model_adapter": section}))
    with pytest.raises(UserError) as refused:
        params.load(model_adapter.Params, "model_adapter", tmp_path / "params.yaml")
    for said in ("rank: ", "alpha is missing", "depth is unknown"):
        assert said in str(refused.value)


def test_an_adapter_is_published_with_its_lineage_its_phases_and_the_mark_of_its_data(tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    trained.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", "record.json"):
        (trained / name).write_text(name)
    phases = [{"name": "lamp", "kind": "sft"}]
    for mark, marked in ((None, set()), (taint.RESEARCH, {taint.FILE})):
        model_adapter._publish(trained, phases, {"base": "a", "params": "b"}, mark, tmp_path / "out")
        found = {path.name for path in (tmp_path / "out").iterdir()}
        assert found == {"adapter_config.json", "adapter_model.safetensors", "lineage.json", "phases.json"} | marked
        assert taint.of(tmp_path / "out") == mark
    assert lineage.read(tmp_path / "out") == {"base": "a", "params": "b"}
    assert json.loads((tmp_path / "out" / "phases.json").read_text()) == phases


@pytest.mark.parametrize(
    ("change", "another"),
    [
        ({}, False),
        ({"price_per_hour": 9.0}, False),
        ({"presets": {"nano": {}, "mine": {"rank": 3}}}, False),
        ({"rank": 3}, True),
        ({"epochs": 9}, True),
        ({"seed": 8}, True),
        ({"validation_share": 0.5}, True),
    ],
)
def test_checkpoints_are_found_again_by_what_changes_the_result_and_by_nothing_else(
    tmp_path: Path, change: dict[str, Any], another: bool
) -> None:
    def chain(**changes: Any) -> dict[str, str]:
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"model_adapter": {**SECTION, **changes}}))
        knobs = params.load(model_adapter.Params, "model_adapter", tmp_path / "params.yaml")
        tasks = model_adapter.planned(knobs, tmp_path / "trainset")
        return model_adapter._chain(tmp_path / "trainset", tmp_path / "base", tasks, knobs)

    for name in ("trainset", "base"):
        (tmp_path / name).mkdir()
    lineage.write(tmp_path / "base", {"params": "p"})
    assert (chain(**change) != chain()) == another
    assert chain().keys() == {"trainset", "base", "params"}


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
