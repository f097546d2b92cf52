"""Reports of devices in a real MLflow database: one run each, below the model that was measured."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stages.cli import main
from stages.device.benchmark.bench_report import Spread
from stages.tracking import lineage, runs
from stages.tracking.runs import Tracker
from tests.device.benchmark import reports


@pytest.fixture
def root(tmp_path: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an empty database and a training set, which is the working folder."""
    folder = tmp_path / "repository"
    (folder / "mlruns").mkdir(parents=True)
    (folder / "mlruns" / "mlflow.db").write_bytes(prepared.read_bytes())
    (folder / "trainset").write_text("rows")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(folder)
    return folder


def ingest(*paths: object) -> Result:
    return CliRunner().invoke(main, ["bench", "--ingest", *map(str, paths)])


def ingested(*paths: object) -> str:
    done = ingest(*paths)
    assert done.exit_code == 0, done.output
    return done.output


def ask(root: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as database:
        return database.execute(query).fetchall()


def tags(root: Path) -> dict[str, str]:
    """Of the runs of devices."""
    of_devices = "SELECT run_uuid FROM tags WHERE key = 'lampforge.stage' AND value = 'device_bench'"
    return dict(ask(root, f"SELECT key, value FROM tags WHERE run_uuid IN ({of_devices})"))


def models_gguf(root: Path, sha256: str = "e" * 64) -> str:
    """models/gguf with a file of that sum in its manifest. Returns the folder's hash."""
    folder = root / "models" / "gguf"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"lineage": {}, "files": {"a.gguf": {"sha256": sha256}}}))
    return lineage.dvc_hash(folder)


def benchmark_run(params: dict[str, Any], gguf: str = "9" * 32 + ".dir") -> str:
    """What score_bench logs."""
    return Tracker("lamp-benchmark", "score_bench", {"gguf": gguf}).log(params, {"n": 21}, [], Path("trainset"), {})


def training_run(root: Path) -> str:
    """What model_adapter logs, of the lineage that the report's file carries."""
    chain = {name: reports.LINEAGE[name] for name in ("base", "params", "trainset")}
    tracker = Tracker("lamp-training", "model_adapter", chain | {"adapter": reports.LINEAGE["adapter"]})
    return tracker.log({}, {}, [], Path("trainset"), {})


# One run ----------------------------------------------------------------------------------------------------


def test_a_report_becomes_a_run_with_its_figures_its_device_and_its_hashes(root: Path) -> None:
    said = ingested(reports.written(root / "r.json", during=None))
    ((run, status),) = ask(root, "SELECT run_uuid, status FROM runs")
    assert status == "FINISHED"
    assert run in said
    metrics = dict(ask(root, "SELECT key, value FROM latest_metrics"))
    wanted = {
        "n": 21,
        "valid": 21,
        "first_token_ms/p50": 4.0,
        "program_ms/p95": 120.0,
        "peak_rss_mb": 70.5,
        "file_mb": 2.4,
        "before/temperature_c": 52.1,
        "after/power_w": 4.2,
    }
    assert {name: metrics[name] for name in wanted} == wanted
    assert not {"n_hot", "during/clock_mhz", "after/governor"} & metrics.keys(), "unknown, or no number"
    params = dict(ask(root, "SELECT key, value FROM params"))
    wanted_params = {
        "device": reports.PI,
        "model": "lamp-nano",
        "quant": "Q4_K_M",
        "sha256": "e" * 64,
        "threads": "1",
        "governor": "ondemand",
        "kernel": "6.6.31+rpt",
        "llama_cpp": "0.25.3",
        "measured_at": "2026-11-29T12:00:00+00:00",
    }
    assert {name: params[name] for name in wanted_params} == wanted_params
    assert {f"dvc.{name}": digest for name, digest in reports.LINEAGE.items()}.items() <= tags(root).items()
    assert not [name for name in tags(root) if name.startswith(("git.", "lampforge.void"))]


def test_the_training_set_is_known_by_its_hash_without_being_here(root: Path) -> None:
    path = reports.written(root / "r.json")
    (root / "trainset").unlink()
    for _ in range(2):
        ingested(path)
    assert ask(root, "SELECT name, digest FROM datasets") == [("trainset", reports.LINEAGE["trainset"])]


def test_the_report_itself_is_kept_beside_the_run(root: Path) -> None:
    path = reports.written(root / "r.json")
    ingested(path)
    (kept,) = (root / "mlruns" / "artifacts").rglob("r.json")
    assert kept.read_bytes() == path.read_bytes()


def test_a_report_that_comes_again_under_another_name_or_with_other_spaces_stays_one_run(root: Path) -> None:
    path = reports.written(root / "r.json")
    ingested(path)
    everything = [ask(root, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("metrics", "params", "tags")]
    (root / "other.json").write_text(json.dumps(json.loads(path.read_text()), indent=7))
    ingested(path, root / "other.json")
    assert len(ask(root, "SELECT * FROM runs")) == 1
    assert [ask(root, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("metrics", "params", "tags")] == everything


def test_another_measurement_is_a_run_of_its_own(root: Path) -> None:
    again = reports.written(root / "again.json", measured_at="2026-11-30T12:00:00+00:00")
    ingested(reports.written(root / "r.json"), again)
    assert len(ask(root, "SELECT * FROM runs")) == 2


def test_a_run_that_was_cut_off_while_logging_is_completed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = reports.written(root / "r.json")

    def cut_off(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Tracker, "_log_metrics", cut_off)
        ingest(path)
    assert ask(root, "SELECT status FROM runs") == [("RUNNING",)]
    ingested(path)
    assert ask(root, "SELECT status FROM runs") == [("FINISHED",)]
    assert ask(root, "SELECT value FROM latest_metrics WHERE key = 'valid'") == [(21.0,)]


def test_a_void_report_is_tagged_with_the_reason(root: Path) -> None:
    said = ingested(reports.written(root / "r.json", void="under-voltage"))
    assert tags(root)["lampforge.void"] == "under-voltage"
    assert "void: under-voltage" in said


# Under the model's lineage ----------------------------------------------------------------------------------


def test_the_run_stands_below_the_benchmark_of_the_same_file(root: Path) -> None:
    other = benchmark_run({"sha256/Q4_K_M": "0" * 64}, "8" * 32 + ".dir")
    parent = benchmark_run({"sha256/Q4_K_M": "e" * 64, "sha256/F16": "0" * 64})
    said = ingested(reports.written(root / "r.json"))
    assert tags(root)["mlflow.parentRunId"] == parent != other
    assert tags(root)["dvc.gguf"] == "9" * 32 + ".dir", "the folder that the benchmark's files came from"
    assert parent in said


def test_the_sum_of_another_quant_does_not_make_it_the_same_file(root: Path) -> None:
    benchmark_run({"sha256/Q8_0": "e" * 64})
    ingested(reports.written(root / "r.json"))
    assert "mlflow.parentRunId" not in tags(root)


def test_a_benchmark_without_sums_is_found_by_the_hash_of_models_gguf_that_lists_the_file(root: Path) -> None:
    parent = benchmark_run({}, models_gguf(root))
    ingested(reports.written(root / "r.json"))
    assert tags(root)["mlflow.parentRunId"] == parent
    assert tags(root)["lampforge.in_models_gguf"] == "true"


def test_a_file_that_models_gguf_does_not_list_is_not_taken_for_its_own(root: Path) -> None:
    benchmark_run({}, models_gguf(root, "0" * 64))
    said = ingested(reports.written(root / "r.json"))
    assert tags(root)["lampforge.in_models_gguf"] == "false"
    assert not {"mlflow.parentRunId", "dvc.gguf"} & tags(root).keys()
    assert "no run here knows, nor models/gguf" in said


def test_the_training_is_named_by_the_adapter_and_the_base(root: Path) -> None:
    training = training_run(root)
    ingested(reports.written(root / "r.json"))
    assert tags(root)["lampforge.trained_by"] == training
    lone = {name: digest for name, digest in reports.LINEAGE.items() if name != "base"}
    ingested(reports.written(root / "lone.json", lineage=lone))
    trained_by = ask(root, "SELECT value FROM tags WHERE key = 'lampforge.trained_by'")
    assert trained_by == [(training,)], "and not the one whose base is unknown"


def test_a_parent_that_comes_later_is_found_when_the_report_is_ingested_again(root: Path) -> None:
    path = reports.written(root / "r.json")
    ingested(path)
    assert "mlflow.parentRunId" not in tags(root)
    parent = benchmark_run({"sha256/Q4_K_M": "e" * 64})
    ingested(path)
    assert tags(root)["mlflow.parentRunId"] == parent
    assert len(ask(root, "SELECT * FROM runs")) == 2


# Comparing --------------------------------------------------------------------------------------------------


def compared(*arguments: str) -> str:
    done = CliRunner().invoke(main, ["compare", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_was_ingested_is_compared_as_the_files_are(root: Path) -> None:
    fast = reports.written(root / "fast.json", device="fast", program_ms=Spread(p50=9.0, p95=11.0))
    slow = reports.written(root / "slow.json", device="slow", program_ms=None, decode_tps=None, valid=3)
    void = reports.written(root / "void.json", device="hot", void="throttled")
    ingested(fast, slow, void)
    benchmark_run({"sha256/Q4_K_M": "e" * 64})
    for options in (["--markdown"], ["--markdown", "--void"]):
        assert compared(*options) == compared(*options, str(fast), str(slow), str(void))
    assert "hot" not in compared("--markdown")


def test_where_nothing_was_ingested_that_is_said(root: Path) -> None:
    done = CliRunner().invoke(main, ["compare"])
    assert done.exit_code == 2
    assert "nothing to compare" in done.stderr


# Bad files --------------------------------------------------------------------------------------------------


def break_json(path: Path) -> None:
    path.write_text(path.read_text()[:100])


def take_figures(path: Path) -> None:
    whole = json.loads(path.read_text())
    del whole["figures"]["peak_rss_mb"]
    path.write_text(json.dumps(whole))


def be_something_else(path: Path) -> None:
    path.write_text('{"valid": 21}')


@pytest.mark.parametrize("spoil", [break_json, take_figures, be_something_else, Path.unlink])
def test_bad_files_are_named_a_line_each_and_nothing_is_logged(root: Path, spoil: Callable[[Path], None]) -> None:
    good = reports.written(root / "good.json")
    bad = [reports.written(root / name) for name in ("bad.json", "worse.json")]
    for path in bad:
        spoil(path)
    done = ingest(good, *bad)
    assert done.exit_code == 2
    lines = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [str(path) for path in bad]
    assert ask(root, "SELECT * FROM runs") == []


def test_a_locked_database_is_reported_in_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_LOCK_PATIENCE_S", 0.2)
    path = reports.written(root / "r.json")
    with closing(sqlite3.connect(root / "mlruns" / "mlflow.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = ingest(path)
    assert done.exit_code == 2
    assert "MLflow cannot write there" in done.stderr.splitlines()[-1]
