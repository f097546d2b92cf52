"""What devices measured, in MLflow: one run for each report of `lampforge bench`, under the model that it measured.

Comes in: report files. Goes out: runs in the experiment `lamp-benchmark`, tagged with the lineage that the measured
file carries, below the run of `score_bench` for the same file where there is one.
Always holds: a report is one run, however often it is ingested; when one file is bad, nothing is logged.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import msgspec

from .. import files
from ..device.benchmark import bench_report
from ..device.benchmark.bench_report import Report
from ..device.benchmark.compare import Row
from ..errors import EXIT_USER_ERROR, UserError
from . import lineage, runs

EXPERIMENT, STAGE = "lamp-benchmark", "device_bench"
_MANIFEST = "manifest.json"


def ingest(paths: Iterable[Path]) -> None:
    """Log each report, or bring its run up to date, and say where it went.

    Bad files are named on stderr, a line each, and end the process with exit code 2 before anything is logged.
    """
    reports = _all_read(paths)
    for path, report in reports.items():
        above = _Above.of(report)
        tracker = _DeviceRun(report, above)
        run_id = tracker.log(_params(report), _metrics(report), [], Path(), {})
        tracker.log_artifact(run_id, path)
        click.echo(f"{path}: run {run_id}, {above.line()}" + (f"; void: {report.void}" if report.void else ""))


def _all_read(paths: Iterable[Path]) -> dict[Path, Report]:
    reports, bad = {}, []
    for path in paths:
        try:
            reports[path] = bench_report.read(path)
        except UserError as error:
            bad.append(str(error))
    for line in bad:
        click.echo(f"error: {line}", err=True)
    if bad:
        raise SystemExit(EXIT_USER_ERROR)
    return reports


class _Above(msgspec.Struct, frozen=True):
    """What is known here about the model that a device measured.

    benchmark: the run of score_bench for the same file. training: that of model_adapter. gguf: the hash of the folder
    of that file, as in dvc.lock. listed: whether models/gguf has this very file; None: there is no models/gguf.
    """

    benchmark: str | None
    training: str | None
    gguf: str | None
    listed: bool | None

    @classmethod
    def of(cls, report: Report) -> _Above:
        """Look for the runs, and in models/gguf."""
        model, folder = report.model, runs.repository() / "models" / "gguf"
        listed = _listed(folder, model.sha256)
        gguf = lineage.dvc_hash(folder) if listed else None
        same_file = f"params.`sha256/{model.quant}` = '{model.sha256}'"
        benchmark = _run(EXPERIMENT, "score_bench", same_file)
        if benchmark is None and gguf is not None:
            benchmark = _run(EXPERIMENT, "score_bench", f"tags.`dvc.gguf` = '{gguf}'")
        training = None
        if {"adapter", "base"} <= model.lineage.keys():
            made_of = " and ".join(f"tags.`dvc.{name}` = '{model.lineage[name]}'" for name in ("adapter", "base"))
            training = _run("lamp-training", "model_adapter", made_of)
        if benchmark is not None:
            gguf = benchmark.data.tags.get("dvc.gguf", gguf)
        return cls(benchmark and benchmark.info.run_id, training and training.info.run_id, gguf, listed)

    def tags(self) -> dict[str, str]:
        """As tags of a run; by the first one MLflow shows it below its parent."""
        known = {
            "mlflow.parentRunId": self.benchmark,
            "lampforge.trained_by": self.training,
            "dvc.gguf": self.gguf,
            "lampforge.in_models_gguf": None if self.listed is None else str(self.listed).lower(),
        }
        return {name: value for name, value in known.items() if value is not None}

    def line(self) -> str:
        """In words."""
        if self.benchmark or self.training:
            return f"below the run {self.benchmark or self.training} of the same model"
        return "of a model that no run here knows" + ("" if self.listed is None or self.listed else ", nor models/gguf")


def _listed(folder: Path, sha256: str) -> bool | None:
    if not (folder / _MANIFEST).is_file():
        return None
    entries = files.read_json(folder / _MANIFEST)["files"].values()
    return any(entry["sha256"] == sha256 for entry in entries)


def _run(experiment: str, stage: str, condition: str) -> Any:
    """The latest run of a stage that meets a condition of MLflow's search, None where there is none."""
    with runs._reported_database_errors():
        client, experiment_id = runs._client(experiment)
        wanted = f"tags.`lampforge.stage` = '{stage}' and {condition}"
        found = client.search_runs([experiment_id], wanted, max_results=1)
        return found[0] if found else None


class _DeviceRun(runs.Tracker):
    """The run of a report, found again by its content. It was not made by a stage, nor from a commit of ours."""

    def __init__(self, report: Report, above: _Above) -> None:
        content = lineage.params_hash(msgspec.to_builtins(report))
        super().__init__(EXPERIMENT, STAGE, {"report": content})
        void = {} if report.void is None else {"lampforge.void": report.void}
        hashes = {f"dvc.{name}": digest for name, digest in report.model.lineage.items()}
        self._told = {**hashes, **above.tags(), **void}
        self._trainset = report.model.lineage.get("trainset")

    def _log_tags(self, client: Any, run_id: str, models: dict[str, Path]) -> None:
        for key, value in self._told.items():
            client.set_tag(run_id, key, value)

    def _log_data(self, client: Any, run_id: str, data: Path) -> None:
        """The training set is known by its hash; it need not be here."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if self._trainset is None or client.get_run(run_id).inputs.dataset_inputs:
            return
        entity = Dataset("trainset", self._trainset, source_type="dvc", source=f'{{"dvc": "{self._trainset}"}}')
        client.log_inputs(run_id, [DatasetInput(entity, [InputTag("mlflow.data.context", "training")])])


def _params(report: Report) -> dict[str, Any]:
    machine, model, software = (msgspec.to_builtins(part) for part in (report.machine, report.model, report.software))
    said = {
        "device": report.machine.model or report.machine.cpu or "unknown",
        "measured_at": report.measured_at,
        "model": model["name"],
        **{name: model[name] for name in ("quant", "file", "sha256")},
        **{name: machine[name] for name in ("cpu", "cores", "memory_mb", "os", "kernel")},
        "governor": report.after.governor,
        **msgspec.to_builtins(report.settings),
        **software,
    }
    return {name: value for name, value in said.items() if value is not None}


def _metrics(report: Report) -> dict[str, float]:
    """Flat names such as `program_ms/p95` and `after/temperature_c`; what is unknown is left out."""
    found = {"file_mb": report.model.file_mb}
    parts = {"": report.figures, "before/": report.before, "during/": report.during, "after/": report.after}
    for prefix, part in parts.items():
        for name, value in (msgspec.to_builtins(part) or {}).items():
            each = {f"/{key}": one for key, one in value.items()} if isinstance(value, dict) else {"": value}
            found |= {f"{prefix}{name}{key}": one for key, one in each.items() if isinstance(one, int | float)}
    return found


def rows() -> list[Row]:
    """What was ingested, for `lampforge compare`."""
    with runs._reported_database_errors():
        client, experiment_id = runs._client(EXPERIMENT)
        found: list[Any] = []
        page = None
        while True:
            listed = client.search_runs([experiment_id], f"tags.`lampforge.stage` = '{STAGE}'", page_token=page)
            found += listed
            page = listed.token
            if not page:
                return [_row(run.data) for run in found if run.info.status == "FINISHED"]


def _row(data: Any) -> Row:
    params, metrics = data.params, data.metrics
    return Row(
        device=params["device"],
        model=params["model"],
        quant=params["quant"],
        threads=int(params["threads"]),
        valid=int(metrics["valid"]),
        n=int(metrics["n"]),
        first_token_ms=metrics["first_token_ms/p50"],
        program_p50_ms=metrics.get("program_ms/p50"),
        program_p95_ms=metrics.get("program_ms/p95"),
        decode_tps=metrics.get("decode_tps"),
        peak_mb=metrics["peak_rss_mb"],
        file_mb=metrics["file_mb"],
        temperature_c=metrics.get("during/temperature_c", metrics.get("after/temperature_c")),
        void=data.tags.get("lampforge.void"),
        measured_at=params["measured_at"],
        same=tuple(params[name] for name in ("device", "sha256", "threads", "requests_sha256")),
    )
