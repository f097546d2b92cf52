"""kill -9 in the middle of any stage: the next `dvc repro` finishes, as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
import yaml

from stages.tracking.lineage import dvc_hash
from tests.toy import CACHE, PATIENCE_S, Repository, outputs, pipeline

# The corpus stages are killed in tests/corpus/test_interruption.py, without DVC around each.
STAGES = {name: entry for name, entry in pipeline().items() if not name.startswith("corpus_")}
TRACKED = {
    **dict.fromkeys(("model_base", "model_adapter"), "lamp-training"),
    **dict.fromkeys(("score_bench", "score_quality"), "lamp-benchmark"),
}
MEASURED = ("score_bench", "score_quality")  # whose metrics hold times, which differ from run to run
FROM_THE_CHECKPOINT = {"step": 1, "epoch": 0.1, "loss": 99.0}
# The first kill comes within this time of the stage's start, every further one later by this factor.
FIRST_KILL_S = 0.4
LATER = 2.5
# Loaded by every Python below it: an interpreter that is about to give `KILL_BEFORE` its name takes its whole
# process group with it.
SUDDEN_DEATH = """\
import os, signal, sys
def die(event, arguments):
    if event == "os.rename" and os.fspath(arguments[1]) == os.environ.get("KILL_BEFORE"):
        os.killpg(0, signal.SIGKILL)
sys.addaudithook(die)
"""

Found = TypeVar("Found")


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_killed_ever_later_ends_in_the_bytes_of_an_undisturbed_run(
    repository: Repository, tmp_path: Path, stage: str
) -> None:
    other = at_the_stage(repository, tmp_path, stage)
    share = random.Random(stage)
    kills, patience = 0, FIRST_KILL_S
    while killed_within(other, stage, share.uniform(0.5, 1.0) * patience, tmp_path / "log"):
        kills, patience = kills + 1, LATER * patience
        assert patience < PATIENCE_S
        assert stage not in other.lock()
        assert what_is_there(other, stage).items() <= what_is_there(repository, stage).items()
    assert kills
    assert_as_undisturbed(other, repository, stage)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_killed_just_before_each_of_its_outputs_is_whole_ends_in_the_same_bytes(
    repository: Repository, tmp_path: Path, stage: str
) -> None:
    other = at_the_stage(repository, tmp_path, stage)
    for out in outputs(STAGES[stage]):
        kill_before(other, stage, out, tmp_path)
        assert stage not in other.lock()
        assert (other.root / out).with_name(f".{Path(out).name}.tmp").exists()
        assert not (other.root / out).exists()
        assert what_is_there(other, stage).items() <= what_is_there(repository, stage).items()
    assert_as_undisturbed(other, repository, stage)


@pytest.mark.parametrize("stage", ["model_base", pytest.param("model_adapter", marks=pytest.mark.slow)])
def test_a_training_that_is_killed_goes_on_from_its_checkpoint_and_ends_in_the_same_bytes(
    repository: Repository, tmp_path: Path, stage: str
) -> None:
    other = at_the_stage(repository, tmp_path, stage)
    kill_at_the_first_checkpoint(other, stage, tmp_path / "log")
    assert not what_is_there(other, stage)
    mark(newest_checkpoint(other, stage))
    other.run("dvc", "repro", stage)
    model = outputs(STAGES[stage])[0]
    assert other.lock()[stage][model] == repository.lock()[stage][model]
    curve = Path("metrics") / "plots" / stage / "train.csv"
    marked = f"{FROM_THE_CHECKPOINT['step']},{FROM_THE_CHECKPOINT['loss']}\n"
    assert marked in (other.root / curve).read_text(), "the training began anew"
    assert (other.root / curve).read_text().replace(marked, "") == (repository.root / curve).read_text()
    measured = Path("metrics") / f"{stage}.json"
    assert (other.root / measured).read_text() == (repository.root / measured).read_text()


@pytest.mark.slow
def test_a_lock_that_dvc_left_when_it_was_killed_is_no_obstacle_and_is_named_in_a_warning(
    repository: Repository, tmp_path: Path
) -> None:
    other = at_the_stage(repository, tmp_path, "lamp_prompts")
    kill_before(other, "lamp_prompts", "data/lamp/prompts.jsonl", tmp_path)
    assert "prompts.jsonl" in (other.root / ".dvc" / "tmp" / "rwlock").read_text()
    assert "had been killed" in other.run("dvc", "repro", "lamp_prompts")
    assert "prompts.jsonl" not in (other.root / ".dvc" / "tmp" / "rwlock").read_text()


def at_the_stage(repository: Repository, tmp_path: Path, stage: str) -> Repository:
    """A clone in which `dvc repro` has to run one stage; DVC remembers what every other one makes of the same."""
    other = repository.clone_with_cache(tmp_path / "clone")
    for entry in [path for path in (other.root / CACHE / "runs").rglob("*") if path.is_file()]:
        if f"stages.{stage} " in yaml.safe_load(entry.read_text())["cmd"]:
            shutil.rmtree(entry.parent)
    return other


def killed_within(repository: Repository, stage: str, patience: float, log: Path) -> bool:
    """Start the stage and kill everything that long after its Python has started; False when it was done before."""
    dvc = repository.start("dvc", "repro", stage, output=log)
    try:
        own = wait_for(lambda: python_of(dvc, stage), dvc, log)
        own.wait(patience)
    except psutil.TimeoutExpired:
        return True
    else:
        assert dvc.wait(PATIENCE_S) == 0, log.read_text()[-4000:]
        return False
    finally:
        kill(dvc)


def python_of(dvc: subprocess.Popen[bytes], stage: str) -> psutil.Process | None:
    """The process of the stage itself, as soon as there is one."""
    for process in psutil.Process(dvc.pid).children(recursive=True):
        try:
            if f"stages.{stage}" in process.cmdline():
                return process
        except psutil.NoSuchProcess:
            continue
    return None


def kill_before(repository: Repository, stage: str, out: str, tmp_path: Path) -> None:
    """Run the stage, which is killed when it is about to rename its temporary file or folder to `out`."""
    (tmp_path / "sudden_death").mkdir(exist_ok=True)
    (tmp_path / "sudden_death" / "sitecustomize.py").write_text(SUDDEN_DEATH)
    deadly = {"PYTHONPATH": str(tmp_path / "sudden_death"), "KILL_BEFORE": out}
    dvc = repository.start("dvc", "repro", stage, output=tmp_path / "log", **deadly)
    try:
        assert dvc.wait(PATIENCE_S) == -signal.SIGKILL, (tmp_path / "log").read_text()[-4000:]
    finally:
        kill(dvc)


def kill_at_the_first_checkpoint(repository: Repository, stage: str, log: Path) -> None:
    dvc = repository.start("dvc", "repro", stage, output=log)
    try:
        wait_for(lambda: complete_checkpoints(repository, stage), dvc, log)
    finally:
        kill(dvc)


def kill(group: subprocess.Popen[bytes]) -> None:
    """kill -9 for a process and all that it has started; nothing when all have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group.pid, signal.SIGKILL)
    group.wait(PATIENCE_S)


def wait_for(found: Callable[[], Found | None], process: subprocess.Popen[bytes], log: Path) -> Found:
    """Ask again and again, as long as the process runs."""
    end = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        assert process.poll() is None, f"ended too early:\n{log.read_text()[-4000:]}"
        assert time.monotonic() < end
        time.sleep(0.005)
    return answer


def what_is_there(repository: Repository, stage: str) -> dict[str, str]:
    """The hash of each output of the stage that has its name."""
    present = [
        out
        for out in outputs(STAGES[stage])
        if out not in {f"metrics/{name}.json" for name in MEASURED} and (repository.root / out).exists()
    ]
    return {out: dvc_hash(repository.root / out) for out in present}


def assert_as_undisturbed(other: Repository, repository: Repository, stage: str) -> None:
    """After `dvc repro`, of a stage that was killed: every hash, no leftovers, one run with all that belongs to it."""
    other.run("dvc", "repro")
    found, wanted = other.lock(), repository.lock()
    for lock in (found, wanted):
        for measured in MEASURED:
            lock[measured].pop(f"metrics/{measured}.json")
    assert found == wanted
    assert not other.leftovers()
    assert other.runs() == ({(TRACKED[stage], stage): 1} if stage in TRACKED else {})
    assert other.points(stage) == repository.points(stage)
    assert other.run("dvc", "status").strip() == "Data and pipelines are up to date."


def complete_checkpoints(repository: Repository, stage: str) -> list[Path]:
    return [marker.parent for marker in (repository.root / ".lampforge" / "checkpoints" / stage).rglob("complete")]


def newest_checkpoint(repository: Repository, stage: str) -> Path:
    return max(complete_checkpoints(repository, stage), key=lambda folder: int(folder.name.partition("-")[2]))


def mark(checkpoint: Path) -> None:
    """Put a measurement into the checkpoint that no training makes, to see it again in the curve."""
    path = checkpoint / "trainer_state.json"
    state = json.loads(path.read_text())
    state["log_history"].insert(0, FROM_THE_CHECKPOINT)
    path.write_text(json.dumps(state))
