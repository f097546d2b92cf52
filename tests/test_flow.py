"""What holds when the whole pipeline has run: at toy size, through the real DVC."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from stages.model import gguf
from tests.toy import KNOBS, ROOT, Repository, outputs, pipeline

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())


def test_everything_that_the_pipeline_declares_is_there(repository: Repository) -> None:
    stages = pipeline(repository.root)
    assert not [out for out in outputs(*stages.values()) if not (repository.root / out).exists()]
    assert repository.lock().keys() == stages.keys()
    assert {path.name for path in (repository.root / "models" / "gguf").iterdir()} == {
        "Modelfile",
        "README.md",
        "adapter",
        "lamp-nano-F16.gguf",
        "lamp-nano-Q4_K_M.gguf",
        "manifest.json",
    }


def test_no_row_is_lost_between_the_stages(repository: Repository) -> None:
    data = repository.root / "data" / "lamp"
    rows = {path.name: [json.loads(line) for line in path.open(encoding="utf-8")] for path in data.rglob("*.jsonl")}
    count = {name: len(found) for name, found in rows.items()}
    over_running = sum("running" in row for row in rows["responses.jsonl"])
    assert count["prompts.jsonl"] == KNOBS["lamp_prompts"]["total"]
    assert count["responses.jsonl"] + count["unanswered.jsonl"] == count["prompts.jsonl"] + over_running
    assert count["screened.jsonl"] + count["rejected.jsonl"] == count["responses.jsonl"]
    trained = [row for row in rows["screened.jsonl"] if row["version"] in PARAMS["lamp_trainset"]["versions"]]
    assert count["train.jsonl"] + count["val.jsonl"] == len(trained)


def test_running_it_again_changes_nothing_and_says_so(repository: Repository) -> None:
    before = repository.files()
    said = repository.run("dvc", "repro")
    assert said.splitlines()[-1] == "Data and pipelines are up to date."
    assert "Running stage" not in said
    assert repository.files() == before


def test_what_has_run_once_is_remembered_and_not_run_again_when_the_same_inputs_come_back(
    repository: Repository, tmp_path: Path
) -> None:
    other = repository.clone_with_cache(tmp_path / "clone")
    said = other.run("dvc", "repro")
    # The data card is kept in git, and DVC remembers no stage with such an output; it takes seconds.
    assert re.findall(r"Running stage '([\w@]+)'", said) == ["score_dataset"]
    assert said.count("is cached - skipping run") == len(pipeline(repository.root)) - 1
    assert other.lock() == repository.lock()


def test_no_checkpoint_and_no_temporary_file_stays_behind(repository: Repository) -> None:
    assert not repository.leftovers()


def test_dvc_shows_the_metrics_and_draws_the_plots(repository: Repository, tmp_path: Path) -> None:
    shown = json.loads(repository.run("dvc", "metrics", "show", "--json"))[""]["data"]
    lamp = {"lamp_pairs", "lamp_primer", "lamp_screened", "model_follow_up", "model_safety"}
    lamp |= {"score_dataset", "score_bench", "score_quality"}
    corpus = {"corpus_audit", "corpus_mixes", "corpus_profiles", "corpus_preferences"}
    assert {Path(name).stem for name in shown} == {"model_base", "model_adapter", *lamp, *corpus}
    bench = shown["metrics/score_bench.json"]["data"]
    assert bench.keys() == {"F16", "Q4_K_M"}
    assert bench["F16"]["n"] == 21
    repository.run("dvc", "plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots" / "index.html").read_text()
    assert "Base model, loss" in page
    assert "Adapter, loss" in page
    assert "nearest request" in page
    assert list((tmp_path / "plots").rglob("*contact_sheet.png"))


def test_mlflow_has_one_run_for_each_training_and_one_for_the_benchmark_even_when_it_is_forced(
    repository: Repository,
) -> None:
    wanted = {("lamp-training", "model_base"): 1, ("lamp-training", "model_adapter"): 1}
    wanted |= {("lamp-benchmark", stage): 1 for stage in ("score_bench", "score_quality")}
    assert repository.runs() == wanted
    repository.run("dvc", "repro", "--force", "--single-item", "score_bench")
    assert repository.runs() == wanted


@pytest.mark.parametrize("quant", ["F16", "Q4_K_M"])
def test_a_gguf_file_names_the_very_data_and_models_that_are_in_dvc_lock(repository: Repository, quant: str) -> None:
    metadata = gguf.read_metadata(repository.root / "models" / "gguf" / f"lamp-nano-{quant}.gguf")
    lock = repository.lock()
    assert metadata["trainset"] == lock["lamp_trainset"]["data/lamp/trainset"]
    assert metadata["base"] == lock["model_base"]["models/base"]
    assert metadata["adapter"] == lock["model_adapter"]["models/adapters/lamp"]
    assert json.loads((repository.root / "models" / "gguf" / "manifest.json").read_text())["lineage"].items() <= (
        metadata.items()
    )


def test_the_manifest_has_the_sum_of_every_gguf_file(repository: Repository) -> None:
    folder = repository.root / "models" / "gguf"
    for name, entry in json.loads((folder / "manifest.json").read_text())["files"].items():
        content = (folder / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_what_is_pushed_can_be_pulled_elsewhere_and_is_the_same(repository: Repository, tmp_path: Path) -> None:
    repository.commit("reproduced")
    there = repository.clone(tmp_path / "elsewhere", "main")
    for one in (repository, there):
        one.run("dvc", "remote", "modify", "--local", "local", "url", str(tmp_path / "remote"))
    repository.run("dvc", "push")
    assert not (there.root / "models" / "base").exists()
    there.run("dvc", "pull")
    made = tuple(outputs(*pipeline(repository.root).values()))
    wanted = {name: md5 for name, md5 in repository.files().items() if name.startswith(made)}
    assert {name: md5 for name, md5 in there.files().items() if name.startswith(made)} == wanted
    assert there.run("dvc", "status").strip() == "Data and pipelines are up to date."


def test_the_table_of_experiments_leaves_out_no_knob() -> None:
    command = subprocess.run(["make", "--dry-run", "experiments"], cwd=ROOT, capture_output=True, text=True, check=True)
    dropped = re.search(r"--drop '(.*?)'", command.stdout)
    assert dropped
    knobs = [f"{stage}.{knob}" for stage, section in PARAMS.items() for knob in section]
    assert knobs
    assert not [knob for knob in knobs if re.match(dropped[1], knob)]
    assert re.match(dropped[1], "stages/files.py")


@pytest.mark.slow
def test_forcing_every_stage_gives_the_same_models_and_no_second_run(repository: Repository) -> None:
    measured = {"score_bench", "score_quality"}  # times differ
    before = {name: outs for name, outs in repository.lock().items() if name not in measured}
    runs = repository.runs()
    repository.run("dvc", "repro", "--force")
    assert {name: outs for name, outs in repository.lock().items() if name not in measured} == before
    assert repository.runs() == runs
