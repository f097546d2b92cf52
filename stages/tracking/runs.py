"""MLflow runs: sqlite under mlruns/, keyed so that logging twice updates and never duplicates."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import logging
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import files
from ..errors import UserError
from . import lineage

_LOCK_PATIENCE_S = 5.0
_METRIC_BATCH = 500
FINGERPRINT = "lampforge.fingerprint"
# What the dashboard says about an experiment.
_NOTES = {
    "lamp-training": "Trainings of the base model and the adapter; `dvc.*` are the hashes in dvc.lock",
    "lamp-benchmark": "The held-out requests, answered by llama.cpp on the CPU; `dvc.gguf` is the hash in dvc.lock",
}

History = list[dict[str, float]]


def repository() -> Path:
    """The repository root: where MLflow's database lives. Inside DVC's temporary experiments, the parent's."""
    # DVC sets DVC_ROOT for its stages; `dvc exp run --temp` keeps the parent repository's there.
    return Path(os.environ.get("DVC_ROOT") or Path.cwd()).resolve()


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI where it is set, else sqlite in the repository."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_database()}"


def _database() -> Path:
    return repository() / "mlruns" / "mlflow.db"


class Tracker:
    """One run of one experiment, found again by the fingerprint of what goes into it.

    Made before long work begins, so that a database that cannot be written to is reported before and not
    after. Raises UserError when the database is locked or broken.
    """

    def __init__(self, experiment: str, stage: str, chain: dict[str, str]) -> None:
        self._experiment = experiment
        self._name = stage
        self._tags = {"lampforge.stage": stage, "mlflow.source.name": stage}
        self._chain = chain
        self._fingerprint = lineage.params_hash(experiment, stage, chain)
        self._started_ms = time.time_ns() // 1_000_000
        _check_writable()

    def log(
        self,
        params: dict[str, Any],
        metrics: dict[str, Any],
        history: History,
        data: Path,
        models: dict[str, Path],
    ) -> str:
        """Write the run, or bring it up to date. Returns its id.

        history: rows with a `step`, logged as curves. data: the training data, logged as a data set whose
        digest is its DVC hash. models: folders or files whose DVC hashes become tags.
        """
        _check_writable()
        with _reported_database_errors():
            client, run_id = self._run()
            self._log_params(client, run_id, params)
            self._log_metrics(client, run_id, metrics, history)
            self._log_tags(client, run_id, models)
            self._log_data(client, run_id, data)
            # A run that is only brought up to date keeps its end, and so its duration.
            if client.get_run(run_id).info.status != "FINISHED":
                client.set_terminated(run_id)
            return run_id

    def nested(self, parent: str, phase: str) -> Tracker:
        """The tracker of a phase of the same work, whose run stands below the run `parent`."""
        own = copy.copy(self)
        own._name = f"{self._name}-{phase}"
        own._tags = {"mlflow.parentRunId": parent, "lampforge.phase": phase, "mlflow.source.name": self._name}
        own._fingerprint = lineage.params_hash(self._fingerprint, phase)
        return own

    def _run(self) -> tuple[Any, str]:
        client, experiment_id = _client(self._experiment)
        found = client.search_runs([experiment_id], f"tags.`{FINGERPRINT}` = '{self._fingerprint}'")
        if found:
            return client, found[0].info.run_id
        tags = {FINGERPRINT: self._fingerprint, **self._tags}
        name = f"{self._name}-{self._fingerprint[:8]}"
        run = client.create_run(experiment_id, start_time=self._started_ms, tags=tags, run_name=name)
        return client, run.info.run_id

    def _log_params(self, client: Any, run_id: str, params: dict[str, Any]) -> None:
        known = client.get_run(run_id).data.params
        for key, value in params.items():
            if key not in known:
                client.log_param(run_id, key, ", ".join(map(str, value)) if isinstance(value, tuple | list) else value)

    def _log_metrics(self, client: Any, run_id: str, metrics: dict[str, Any], history: History) -> None:
        from mlflow.entities import Metric

        # All of them every time: a run that was killed may have some. MLflow's database keeps a point of the same
        # name, time, step and value once, so the time is the step.
        points = []
        for row in history:
            step = int(row["step"])
            points += [Metric(key, value, step, step) for key, value in row.items() if key != "step"]
        for start in range(0, len(points), _METRIC_BATCH):
            client.log_batch(run_id, metrics=points[start : start + _METRIC_BATCH])
        latest = client.get_run(run_id).data.metrics
        for key, value in metrics.items():
            if isinstance(value, int | float) and latest.get(key) != value:
                client.log_metric(run_id, key, value)

    def _log_tags(self, client: Any, run_id: str, models: dict[str, Path]) -> None:
        tags = {f"dvc.{name}": digest for name, digest in self._chain.items()}
        tags |= {f"dvc.{name}": lineage.dvc_hash(path) for name, path in models.items()}
        for key, value in {**tags, **_git_tags()}.items():
            client.set_tag(run_id, key, value)

    def _log_data(self, client: Any, run_id: str, data: Path) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = lineage.dvc_hash(data)
        if any(entry.dataset.digest == digest for entry in client.get_run(run_id).inputs.dataset_inputs):
            return
        source = f'{{"path": "{data.as_posix()}", "dvc": "{digest}"}}'
        entity = Dataset(name=data.name, digest=digest, source_type="dvc", source=source)
        client.log_inputs(run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])

    def log_artifact(self, run_id: str, path: Path) -> None:
        """Keep a small file (a picture) beside the run."""
        with _reported_database_errors():
            client, _ = _client(self._experiment)
            client.log_artifact(run_id, str(path))


def _client(experiment: str) -> tuple[Any, str]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from mlflow.tracking import MlflowClient

    if tracking_uri().startswith("sqlite:///"):
        _make_database(Path(tracking_uri().removeprefix("sqlite:///")))
    client = MlflowClient(tracking_uri())
    found = client.get_experiment_by_name(experiment)
    if found is not None:
        return client, found.experiment_id
    artifacts = (_database().parent / "artifacts" / experiment).as_uri()
    note = {"mlflow.note.content": _NOTES[experiment]} if experiment in _NOTES else {}
    return client, client.create_experiment(experiment, artifact_location=artifacts, tags=note)


def _make_database(path: Path) -> None:
    """Make MLflow's tables under another name: it cannot use, nor mend, a database in which some are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs at once take turns; it ends with the process
        if path.exists():
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        with files.published_file(path) as temporary:
            temporary.unlink(missing_ok=True)  # what a killed run made of it
            SqlAlchemyStore(f"sqlite:///{temporary}", (path.parent / "artifacts").as_uri()).engine.dispose()


def _check_writable() -> None:
    """Fail early and clearly when the sqlite database cannot be written to."""
    if not tracking_uri().startswith("sqlite:///"):
        return
    path = Path(tracking_uri().removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_LOCK_PATIENCE_S)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.rollback()
    except sqlite3.DatabaseError as error:
        raise _database_error(path, str(error)) from None


@contextlib.contextmanager
def _reported_database_errors() -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise _database_error(tracking_uri(), " ".join(str(error).split())[:200]) from None


def _database_error(where: Any, why: str) -> UserError:
    return UserError(
        f"{where}: MLflow cannot write there ({why}); close what holds it (another run, a dashboard) and run the"
        " same command again: finished training is kept"
    )


def _git_tags() -> dict[str, str]:
    """Commit and whether tracked files differ from it; nothing outside a git repository."""
    try:
        commit = _git("rev-parse", "HEAD")
        dirty = bool(_git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"git.commit": commit, "git.dirty": str(dirty).lower(), "mlflow.source.git.commit": commit}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()
