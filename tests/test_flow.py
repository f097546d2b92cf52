"""The whole pipeline at toy size, through the real DVC, in a copy of this repository."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.model import gguf

ROOT = Path(__file__).resolve().parents[1]
QUOTAS = {"pattern": 20, "render": 30, "multi_step": 20, "mixed": 10, "text": 10, "creative": 10, "edge_case": 10}
TOY: dict[str, dict[str, Any]] = {
    "lamp_prompts": {"quotas": QUOTAS},
    "lamp_responses": {"teacher": "rule_based", "import_file": "data/seed/imported_answers.jsonl"},
    "model_base": {
        "hidden_size": 256,
        "layers": 1,
        "intermediate_size": 256,
        "epochs": 2,
        "batch_size": 8,  # 26 steps
        "save_steps": 10,
        "threads": 1,
    },
    "model_adapter": {"rank": 4, "epochs": 1, "batch_size": 8, "save_steps": 100, "threads": 1},
    "model_gguf": {"quants": ["F16", "Q4_K_M"]},
    "score_bench": {"quants": ["F16", "Q4_K_M"], "threads": 1, "max_tokens": 200, "hot_seeds": 1},
}
START = "start"  # the commit before anything has run
FROM_THE_CHECKPOINT = {"step": 1, "epoch": 0.1, "loss": 99.0}


@dataclass(frozen=True)
class Repository:
    """A copy of this repository that nothing outside of can reach, and that reaches nothing outside."""

    root: Path
    home: Path

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "DVC_SITE_CACHE_DIR": str(self.home / "site"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def start(self, *command: str, output: Path) -> subprocess.Popen[bytes]:
        """A command in a process group of its own, which can be killed as a whole."""
        with output.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}"
        return done.stdout

    def commit(self, message: str) -> None:
        self.run("git", "add", "--all")
        self.run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", message)

    def clone(self, folder: Path, revision: str) -> Repository:
        """Another checkout, with a DVC cache of its own."""
        self.run("git", "clone", "--quiet", "--no-hardlinks", str(self.root), str(folder))
        other = Repository(folder, self.home)
        other.run("git", "checkout", "--quiet", revision)
        return other

    def lock(self) -> dict[str, dict[str, str]]:
        """dvc.lock, as the md5 of each output of each stage."""
        stages = yaml.safe_load((self.root / "dvc.lock").read_text())["stages"]
        return {name: {out["path"]: out["md5"] for out in entry.get("outs", ())} for name, entry in stages.items()}

    def files(self) -> dict[str, str]:
        """The md5 of everything in the working tree, but for DVC's own notes and compiled modules."""
        own = (".git/", ".dvc/")
        names = ((path, path.relative_to(self.root).as_posix()) for path in self.root.rglob("*") if path.is_file())
        return {
            name: hashlib.md5(path.read_bytes()).hexdigest()
            for path, name in names
            if not name.startswith(own) and "__pycache__" not in name
        }

    def runs(self) -> Counter[tuple[str, str]]:
        """How many MLflow runs there are, by experiment and stage."""
        query = (
            "SELECT experiments.name, tags.value FROM runs JOIN experiments USING (experiment_id)"
            " JOIN tags USING (run_uuid) WHERE tags.key = 'lampforge.stage'"
        )
        with closing(sqlite3.connect(self.root / "mlruns" / "mlflow.db")) as database:
            return Counter(database.execute(query).fetchall())


def outputs(pipeline: dict[str, Any]) -> list[str]:
    """What a dvc.yaml says that its stages write."""
    listed = [
        out
        for stage in pipeline["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for out in stage.get(kind, ())
    ]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


def copy_repository(target: Path) -> None:
    """What git tracks here, and what it would: the tree as it is, without what the pipeline made."""
    made = ("dvc.lock", *(f"{out}/" for out in outputs(yaml.safe_load((ROOT / "dvc.yaml").read_text()))))
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        if f"{name}/".startswith(made) or not (ROOT / name).is_file():
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)


def make_toy(params: Path) -> None:
    knobs = yaml.safe_load(params.read_text())
    for section, values in TOY.items():
        assert values.keys() <= knobs[section].keys()
        knobs[section].update(values)
    params.write_text(yaml.safe_dump(knobs, sort_keys=False))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The toy repository, reproduced once."""
    folder = tmp_path_factory.mktemp("flow")
    made = Repository(folder / "repository", folder / "home")
    made.root.mkdir()
    made.home.mkdir()
    copy_repository(made.root)
    make_toy(made.root / "params.yaml")
    made.run("git", "init", "--quiet", "--initial-branch", "main")
    made.commit("toy")
    made.run("git", "tag", START)
    made.run("dvc", "repro")
    return made


def test_everything_that_the_pipeline_declares_is_there(repository: Repository) -> None:
    pipeline = yaml.safe_load((repository.root / "dvc.yaml").read_text())
    missing = [out for out in outputs(pipeline) if not (repository.root / out).exists()]
    assert not missing
    assert repository.lock().keys() == pipeline["stages"].keys()
    assert {path.name for path in (repository.root / "models" / "gguf").iterdir()} == {
        "lamp-nano-F16.gguf",
        "lamp-nano-Q4_K_M.gguf",
        "manifest.json",
    }


def test_no_row_is_lost_between_the_stages(repository: Repository) -> None:
    data = repository.root / "data" / "lamp"
    count = {path.name: len(path.read_text().splitlines()) for path in data.rglob("*.jsonl")}
    assert count["prompts.jsonl"] == count["responses.jsonl"] == sum(QUOTAS.values())
    assert count["screened.jsonl"] + count["rejected.jsonl"] == count["responses.jsonl"]
    assert count["train.jsonl"] + count["val.jsonl"] == count["screened.jsonl"]


def test_running_it_again_changes_nothing_and_says_so(repository: Repository) -> None:
    before = repository.files()
    said = repository.run("dvc", "repro")
    assert said.splitlines()[-1] == "Data and pipelines are up to date."
    assert "Running stage" not in said
    assert repository.files() == before


def test_no_checkpoint_and_no_temporary_file_stays_behind(repository: Repository) -> None:
    assert not [name for name in repository.files() if name.endswith(".tmp") or "checkpoint-" in name]


def test_dvc_shows_the_metrics_and_draws_the_plots(repository: Repository, tmp_path: Path) -> None:
    shown = json.loads(repository.run("dvc", "metrics", "show", "--json"))[""]["data"]
    assert {Path(name).stem for name in shown} == {"lamp_screened", "model_base", "model_adapter", "score_bench"}
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
    wanted[("lamp-benchmark", "score_bench")] = 1
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
    made = tuple(outputs(yaml.safe_load((repository.root / "dvc.yaml").read_text())))
    wanted = {name: md5 for name, md5 in repository.files().items() if name.startswith(made)}
    assert {name: md5 for name, md5 in there.files().items() if name.startswith(made)} == wanted
    assert there.run("dvc", "status").strip() == "Data and pipelines are up to date."


def test_a_training_that_is_killed_goes_on_from_its_checkpoint_and_ends_in_the_same_bytes(
    repository: Repository, tmp_path: Path
) -> None:
    other = repository.clone(tmp_path / "killed", START)
    kill_at_the_first_checkpoint(other, tmp_path / "killed.log")
    assert not (other.root / "models" / "base").exists()
    mark(newest_checkpoint(other))
    other.run("dvc", "repro", "model_base")
    assert other.lock()["model_base"]["models/base"] == repository.lock()["model_base"]["models/base"]
    curve = (other.root / "metrics" / "plots" / "model_base" / "train.csv").read_text()
    marked = f"{FROM_THE_CHECKPOINT['step']},{FROM_THE_CHECKPOINT['loss']}\n"
    assert marked in curve, "the training began anew"
    undisturbed = repository.root / "metrics" / "plots" / "model_base" / "train.csv"
    assert curve.replace(marked, "") == undisturbed.read_text()
    measured = Path("metrics") / "model_base.json"
    assert (other.root / measured).read_text() == (repository.root / measured).read_text()


def kill_at_the_first_checkpoint(repository: Repository, log: Path) -> None:
    process = repository.start("dvc", "repro", "model_base", output=log)
    try:
        while not complete_checkpoints(repository):
            assert process.poll() is None, f"ended before its first checkpoint:\n{log.read_text()[-4000:]}"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def complete_checkpoints(repository: Repository) -> list[Path]:
    return [
        marker.parent for marker in (repository.root / ".lampforge" / "checkpoints" / "model_base").rglob("complete")
    ]


def newest_checkpoint(repository: Repository) -> Path:
    return max(complete_checkpoints(repository), key=lambda folder: int(folder.name.partition("-")[2]))


def mark(checkpoint: Path) -> None:
    """Put a measurement into the checkpoint that no training makes, to see it again in the curve."""
    path = checkpoint / "trainer_state.json"
    state = json.loads(path.read_text())
    state["log_history"].insert(0, FROM_THE_CHECKPOINT)
    path.write_text(json.dumps(state))


@pytest.mark.slow
def test_forcing_every_stage_gives_the_same_models_and_no_second_run(repository: Repository) -> None:
    measured = {"score_bench"}  # times differ
    before = {name: outs for name, outs in repository.lock().items() if name not in measured}
    runs = repository.runs()
    repository.run("dvc", "repro", "--force")
    assert {name: outs for name, outs in repository.lock().items() if name not in measured} == before
    assert repository.runs() == runs
