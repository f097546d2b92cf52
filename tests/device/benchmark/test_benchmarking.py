"""`lampforge bench` with a real model, on a machine whose sensors are made up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stages.cli import main
from stages.device import opening
from stages.device.benchmark import bench_report, benchmarking, sensors
from stages.device.releases.release import sha256
from tests.device.benchmark import reports

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def lamp(lamp_folder: Path) -> Path:
    """The taught model with its lineage."""
    return lamp_folder / "lamp-nano-Q4_K_M.gguf"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without a fetched model."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the measuring process is not started in the checkout
    monkeypatch.setenv("LAMPFORGE_HOME", str(tmp_path / "home"))
    return tmp_path / "work"


@pytest.fixture
def requests(place: Path) -> Path:
    """Three requests whose programs the model knows."""
    (place / "requests.txt").write_text("red\na green dot\ngreen for a minute, then off\n")
    return place / "requests.txt"


@pytest.fixture
def vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The firmware's flags, in a file that a vcgencmd on PATH reads."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "get_throttled").write_text("throttled=0x0\n")
    (folder / "measure_temp").write_text("temp=61.5'C\n")
    (folder / "vcgencmd").write_text(f'#!/bin/sh\ncat "{folder}/$1"\n')
    (folder / "vcgencmd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, arguments)])


def refused(*arguments: object) -> str:
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.splitlines()
    return line


# A measurement ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("vcgencmd")
def test_a_model_is_measured_and_the_report_says_on_what_and_with_what(
    lamp: Path, requests: Path, place: Path, taught_answers: dict[str, str]
) -> None:
    done = run(lamp, "--requests", requests, "--out", "out/r.json", "--rounds", 2, "--hot", "--max-tokens", 300)
    assert done.exit_code == 0, done.output
    found = bench_report.read(place / "out" / "r.json")
    assert (found.figures.n, found.figures.valid, found.figures.cut, found.figures.valid_free) == (3, 3, 0, 3)
    assert (found.figures.n_hot, found.figures.valid_hot) == (30, 30)
    assert [answer.text for answer in found.answers] == [taught_answers[answer.prompt] for answer in found.answers]
    assert (found.model.file, found.model.quant, found.model.sha256) == (lamp.name, "Q4_K_M", sha256(lamp))
    assert found.model.lineage["adapter"] == "3" * 32
    assert (found.settings.threads, found.settings.rounds, found.settings.hot_seeds) == (1, 2, 10)
    assert (found.settings.requests, found.settings.requests_sha256) == ("requests.txt", sha256(requests))
    assert (found.void, found.before.throttled, found.after.temperature_c) == (None, [], 61.5)
    assert found.machine == sensors.machine()
    figures = found.figures
    assert figures.program_ms is not None
    assert figures.program_ms.p50 >= figures.first_token_ms.p50 > 0
    assert figures.grammar_cost_percent is not None
    assert figures.decode_tps and figures.decode_free_tps and figures.prefill_tps


def test_the_table_for_people_shows_what_was_measured(lamp: Path, requests: Path) -> None:
    done = run(lamp, "--requests", requests, "--rounds", 1)
    assert done.exit_code == 0, done.output
    for said in ("valid programs", "3/3", "first token, warm, ms", "answer, tokens/s", "peak memory, MB"):
        assert said in done.stdout
    assert done.stdout.splitlines()[-1].startswith("bench-")


def test_without_a_name_the_report_is_named_by_device_model_and_quant() -> None:
    assert (
        benchmarking.file_name(reports.report(device="Raspberry Pi 5 Model B Rev 1.0"))
        == "bench-raspberry-pi-5-model-b-rev-1-0-lamp-nano-q4_k_m.json"
    )
    assert benchmarking.file_name(reports.report(device=None)).startswith("bench-cortex-a76-")


def test_the_benchmarks_own_requests_are_asked_where_none_are_given(lamp: Path, place: Path) -> None:
    done = run(lamp, "--rounds", 1, "--max-tokens", 20, "--out", "r.json")
    assert done.exit_code == 0, done.output
    found = bench_report.read(place / "r.json")
    assert (found.figures.n, found.settings.requests) == (21, "benchmark.yaml")
    assert found.figures.valid == 21, "closed at 20 tokens, and valid all the same"


@pytest.mark.parametrize("hot_bits", ["throttled=0x4", "throttled=0x50005"])
def test_the_report_of_a_throttled_machine_is_void_and_says_why(
    lamp: Path, requests: Path, place: Path, vcgencmd: Path, hot_bits: str
) -> None:
    (vcgencmd / "get_throttled").write_text(hot_bits)
    done = run(lamp, "--requests", requests, "--rounds", 1, "--out", "r.json")
    assert done.exit_code == 0, done.output
    found = bench_report.read(place / "r.json")
    assert found.void is not None
    assert "throttled" in found.void
    assert f"void: {found.void}" in done.stdout


def test_a_machine_that_is_throttled_in_between_is_seen_although_it_was_before_as_well(
    lamp: Path, requests: Path, place: Path, vcgencmd: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since its start it has been, so only a look in between tells."""
    monkeypatch.setattr(benchmarking, "_LOOK_EVERY_S", 0.0)
    flags = ["throttled=0x40000", "throttled=0x40004"]
    real = sensors.state

    def one_look_later(*arguments: Any) -> sensors.State:
        (vcgencmd / "get_throttled").write_text(flags.pop(0) if flags else "throttled=0x40000")
        return real(*arguments)

    monkeypatch.setattr(sensors, "state", one_look_later)
    assert run(lamp, "--requests", requests, "--rounds", 1, "--out", "r.json").exit_code == 0
    found = bench_report.read(place / "r.json")
    assert (found.before.throttled, found.after.throttled, found.void) == ([], [], "throttled")
    assert found.during is not None
    assert found.during.throttled == ["throttled"]


def test_without_a_model_that_of_the_checkout_is_measured(lamp: Path, requests: Path, place: Path) -> None:
    (place / opening.CHECKOUT / "gguf").mkdir(parents=True)
    (place / opening.CHECKOUT / "gguf" / lamp.name).symlink_to(lamp)
    done = run("--requests", requests, "--rounds", 1, "--max-tokens", 5, "--out", "r.json")
    assert done.exit_code == 0, done.output
    assert json.loads((place / "r.json").read_text())["model"]["file"] == lamp.name


# Mistakes ---------------------------------------------------------------------------------------------------


def test_without_any_model_that_is_said() -> None:
    assert "no model" in refused()


def test_a_mistake_leaves_no_report(requests: Path, place: Path) -> None:
    (place / "x.gguf").write_bytes(b"nothing of the kind")
    assert "x.gguf: no GGUF file" in refused("x.gguf", "--requests", requests, "--out", "r.json")
    assert not (place / "r.json").exists()


def test_one_model_is_measured_at_a_time(lamp: Path) -> None:
    assert "one model at a time" in refused(lamp, lamp)


def test_requests_that_are_none_are_named(lamp: Path, place: Path) -> None:
    (place / "empty.txt").touch()
    assert "empty.txt: no request in it" in refused(lamp, "--requests", "empty.txt")
    assert "none.txt: no such file" in refused(lamp, "--requests", "none.txt")


def test_nothing_to_ingest_is_said() -> None:
    assert "no report was given" in refused("--ingest")


def test_a_device_without_mlflow_cannot_ingest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmarking, "find_spec", lambda name: None)
    assert "MLflow is not installed here" in refused("--ingest", "r.json")
