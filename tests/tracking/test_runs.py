"""MLflow runs in a real sqlite database: one per training, however often it is logged."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mlflow.tracking import MlflowClient

from stages.errors import UserError
from stages.tracking import lineage, runs
from stages.tracking.runs import Tracker

CHAIN = {"trainset": "a" * 32 + ".dir", "params": "b" * 64}
PARAMS = {"seed": 7, "quants": ("F16", "Q8_0"), "learning_rate": 1e-3}
METRICS = {"rows": 40, "val_loss": 2.0, "note": "no number"}
HISTORY = [
    {"step": 10.0, "epoch": 1.0, "loss": 3.5},
    {"step": 10.0, "epoch": 1.0, "eval_loss": 4.0},
    {"step": 20.0, "epoch": 2.0, "loss": 1.5},
    {"step": 20.0, "epoch": 2.0, "eval_loss": 2.0},
]


@pytest.fixture
def root(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an empty database, some data and a model."""
    folder = tmp_path / "repository"
    (folder / "mlruns").mkdir(parents=True)
    (folder / "mlruns" / "mlflow.db").write_bytes(prepared.read_bytes())
    for name in ("trainset", "base"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(name)
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(folder)
    return folder


def log(
    chain: dict[str, str] = CHAIN, stage: str = "model_base", history: list[dict[str, float]] = HISTORY, **other: Any
) -> str:
    tracker = Tracker("lamp-training", stage, chain)
    metrics = {**METRICS, **other}
    return tracker.log(PARAMS, metrics, history, Path("trainset"), {"base": Path("base")})


def ask(root: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as database:
        return database.execute(query).fetchall()


def tags(root: Path) -> dict[str, str]:
    return dict(ask(root, "SELECT key, value FROM tags"))


def test_logging_the_same_inputs_twice_leaves_one_run_with_as_many_points(root: Path) -> None:
    first = log()
    points = ask(root, "SELECT key, step, value FROM metrics ORDER BY key, step, value")
    assert log() == first
    assert ask(root, "SELECT run_uuid, status FROM runs") == [(first, "FINISHED")]
    assert ask(root, "SELECT key, step, value FROM metrics ORDER BY key, step, value") == points
    assert ("loss", 10, 3.5) in points
    assert ("loss", 20, 1.5) in points
    assert ("rows", 0, 40.0) in points
    assert [point for point in points if point[0] == "note"] == []
    assert len(ask(root, "SELECT * FROM inputs")) == 1


def test_the_params_are_there_once(root: Path) -> None:
    log()
    log()
    wanted = {"seed": "7", "quants": "F16, Q8_0", "learning_rate": "0.001"}
    assert dict(ask(root, "SELECT key, value FROM params")) == wanted


@pytest.mark.parametrize(
    ("chain", "stage"),
    [
        ({**CHAIN, "trainset": "c" * 32 + ".dir"}, "model_base"),
        ({**CHAIN, "params": "d"}, "model_base"),
        (CHAIN, "model_adapter"),
    ],
)
def test_other_inputs_or_another_stage_make_a_run_of_their_own(root: Path, chain: dict[str, str], stage: str) -> None:
    assert log() != log(chain, stage)
    assert len(ask(root, "SELECT * FROM runs")) == 2


def test_the_order_of_the_inputs_does_not_matter(root: Path) -> None:
    assert log() == log(dict(reversed(CHAIN.items())))


def test_a_measurement_that_differs_is_brought_up_to_date(root: Path) -> None:
    log(median_ms=50.0)
    log(median_ms=60.0)
    assert ask(root, "SELECT value FROM latest_metrics WHERE key = 'median_ms'") == [(60.0,)]


def test_a_run_that_was_cut_off_while_logging_is_completed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Tracker, "_log_metrics", cut_off)
        with pytest.raises(KeyboardInterrupt):
            log()
    log()
    assert len(ask(root, "SELECT * FROM runs")) == 1
    assert ask(root, "SELECT COUNT(*) FROM metrics WHERE key = 'loss'") == [(2,)]
    assert ask(root, "SELECT status FROM runs") == [("FINISHED",)]


def test_the_data_set_is_known_by_its_dvc_hash(root: Path) -> None:
    log()
    digest = lineage.dvc_hash(root / "trainset")
    assert len(digest) == 36
    assert ask(root, "SELECT name, digest, dataset_source_type FROM datasets") == [("trainset", digest, "dvc")]
    assert ask(root, "SELECT name, value FROM input_tags") == [("mlflow.data.context", "training")]


def test_the_tags_tie_the_run_to_its_stage_its_inputs_and_its_models(root: Path) -> None:
    log()
    found = tags(root)
    assert found["lampforge.stage"] == "model_base"
    assert found["dvc.trainset"] == CHAIN["trainset"]
    assert found["dvc.params"] == CHAIN["params"]
    assert found["dvc.base"] == lineage.dvc_hash(root / "base")
    assert found["mlflow.runName"] == f"model_base-{found[runs.FINGERPRINT][:8]}"


def test_outside_of_git_there_is_no_commit(root: Path) -> None:
    log()
    assert not [name for name in tags(root) if name.startswith("git.")]


def test_the_commit_is_tagged_and_whether_tracked_files_differ_from_it(root: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "trainset"], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True).stdout
    log()
    assert (tags(root)["git.commit"], tags(root)["git.dirty"]) == (commit.strip(), "false")
    (root / "trainset" / "file").write_text("changed")
    log()
    assert tags(root)["git.dirty"] == "true"


def test_a_picture_is_kept_beside_the_run_in_this_repository(root: Path) -> None:
    tracker = Tracker("lamp-training", "model_base", CHAIN)
    run = tracker.log(PARAMS, METRICS, HISTORY, Path("trainset"), {})
    (root / "sheet.png").write_bytes(b"png")
    tracker.log_artifact(run, root / "sheet.png")
    (kept,) = (root / "mlruns" / "artifacts").rglob("sheet.png")
    assert kept.read_bytes() == b"png"
    assert run in kept.parts


def test_a_phase_has_a_run_below_that_of_its_stage_however_often_it_is_logged(root: Path) -> None:
    tracker = Tracker("lamp-training", "model_adapter", CHAIN)
    for _ in range(2):
        parent = tracker.log(PARAMS, METRICS, HISTORY, Path("trainset"), {})
        for phase in ("first", "second"):
            tracker.nested(parent, phase).log({"data": phase}, METRICS, HISTORY, Path("trainset"), {})
    assert len(ask(root, "SELECT * FROM runs")) == 3
    below = "SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = "
    phases = ask(root, f"SELECT value FROM tags WHERE key = 'lampforge.phase' AND run_uuid IN ({below}'{parent}')")
    assert sorted(phases) == [("first",), ("second",)]
    # By this tag a stage's own run is found.
    assert ask(root, "SELECT run_uuid FROM tags WHERE key = 'lampforge.stage'") == [(parent,)]


def test_the_database_is_in_the_repository_that_dvc_names(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = root / "temporary"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert runs.tracking_uri() == f"sqlite:///{root.resolve()}/mlruns/mlflow.db"
    monkeypatch.delenv("DVC_ROOT")
    assert runs.repository() == elsewhere.resolve()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert runs.tracking_uri() == "http://127.0.0.1:5000"


# What is broken ---------------------------------------------------------------------------------------------


def refused(act: Any) -> str:
    with pytest.raises(UserError) as error:
        act()
    said = str(error.value)
    assert "\n" not in said
    assert "mlflow.db" in said
    return said


def test_a_locked_database_is_reported_in_one_line_before_the_training(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_LOCK_PATIENCE_S", 0.2)
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        said = refused(lambda: Tracker("lamp-training", "model_base", CHAIN))
    assert "database is locked" in said
    assert "run the same command again" in said


def test_a_database_locked_after_the_training_is_reported_in_one_line_and_logged_later(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_LOCK_PATIENCE_S", 0.2)
    tracker = Tracker("lamp-training", "model_base", CHAIN)
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        refused(lambda: tracker.log(PARAMS, METRICS, HISTORY, Path("trainset"), {}))
        other.rollback()
    log()
    assert len(ask(root, "SELECT * FROM runs")) == 1


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_broken_database_is_reported_in_one_line(root: Path, content: bytes) -> None:
    (root / "mlruns" / "mlflow.db").write_bytes(content)
    said = refused(lambda: Tracker("lamp-training", "model_base", CHAIN))
    assert "MLflow cannot write there" in said


DIES_AT_A_STATEMENT = """
import os, signal, sys
from sqlalchemy import event, engine
from stages.tracking import runs

left = int(sys.argv[1])

@event.listens_for(engine.Engine, "before_cursor_execute")
def die(*arguments):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

runs._client("unused")
"""


@pytest.mark.slow
@pytest.mark.parametrize("statement", [50, 400])
def test_a_process_that_is_killed_while_it_makes_the_tables_leaves_no_database_that_the_next_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    command = [sys.executable, "-c", DIES_AT_A_STATEMENT, str(statement)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    client, experiment = runs._client("unused")
    assert client.get_experiment(experiment).name == "unused"


def test_a_curve_of_which_a_killed_run_logged_a_part_is_whole_when_it_is_logged_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [{"step": float(step), "loss": 1 / step} for step in range(1, 8)]
    monkeypatch.setattr(runs, "_METRIC_BATCH", 3)
    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_batch", only_once(MlflowClient.log_batch))
        with pytest.raises(KeyboardInterrupt):
            log(history=history)
    log(history=history)
    assert loss_points(root) == [(int(row["step"]), row["loss"]) for row in history]


def only_once(log_batch: Callable[..., None]) -> Callable[..., None]:
    """`log_batch`, whose caller is killed at its second call."""
    calls: list[None] = []

    def first(*arguments: Any, **named: Any) -> None:
        calls.append(None)
        if len(calls) > 1:
            raise KeyboardInterrupt
        log_batch(*arguments, **named)

    return first


def loss_points(root: Path) -> list[tuple[int, float]]:
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as database:
        return database.execute("SELECT step, value FROM metrics WHERE key = 'loss' ORDER BY step").fetchall()


def test_a_run_lasts_from_the_start_of_the_work_and_no_longer_when_it_is_logged_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(1, 100))
    monkeypatch.setattr(runs.time, "time_ns", lambda: next(seconds) * 10**9)
    log()
    (started, ended) = ask(root, "SELECT start_time, end_time FROM runs")[0]
    assert started == 1000
    log()
    assert ask(root, "SELECT start_time, end_time FROM runs") == [(started, ended)]
