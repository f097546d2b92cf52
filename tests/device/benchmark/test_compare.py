"""`lampforge compare`: reports side by side."""

from __future__ import annotations

import builtins
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from stages.cli import main
from stages.device.benchmark import compare
from stages.device.benchmark.bench_report import Spread
from tests.device.benchmark import reports

SLOW = {"program_ms": Spread(p50=2500.0, p95=4000.0), "device": "Raspberry Pi Zero 2 W Rev 1.0"}


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def rows(*changes: dict[str, Any]) -> list[compare.Row]:
    return [compare.row(reports.report(**each)) for each in changes]


# What is shown ----------------------------------------------------------------------------------------------


def test_the_table_shows_each_device_with_its_figures(tmp_path: Path) -> None:
    files = [reports.written(tmp_path / "a.json"), reports.written(tmp_path / "b.json", **SLOW)]
    shown = run(*files)
    assert shown.exit_code == 0, shown.output
    (pi,) = (line for line in shown.output.splitlines() if "Pi 5" in line)
    for said in ("lamp-nano", "Q4_K_M", "21/21", "4.0", "50.0", "120", "1,200", "70.5", "2.4", "52.1"):
        assert said in pi
    (zero,) = (line for line in shown.output.splitlines() if "Zero 2" in line)
    assert "2,500" in zero
    assert "void" not in shown.output


def test_a_folder_stands_for_the_reports_in_it(tmp_path: Path) -> None:
    reports.written(tmp_path / "a.json")
    (tmp_path / "package.json").write_text('{"name": "something else"}')
    (tmp_path / "broken.json").write_text("{")
    shown = run(tmp_path)
    assert shown.exit_code == 0, shown.output
    assert "Pi 5" in shown.output


def test_unknown_figures_are_shown_as_a_dash(tmp_path: Path) -> None:
    path = reports.written(tmp_path / "a.json", program_ms=None, decode_tps=None, valid=0)
    shown = run("--markdown", path)
    assert "| 0/21 | 4.0 | - | - | - | 70.5 |" in shown.output


def test_the_best_comes_first() -> None:
    fast = {"device": "fast"}
    found = compare.ranked(rows(SLOW | {"device": "slow"}, {"device": "wrong", "valid": 20}, fast))
    assert [row.device for row in found] == ["fast", "slow", "wrong"]


def test_what_was_measured_again_is_shown_once_as_it_was_last() -> None:
    early, late = "2026-11-01T00:00:00+00:00", "2026-11-02T00:00:00+00:00"
    found = compare.ranked(
        rows({"measured_at": late, "threads": 1}, {"measured_at": early, "threads": 1}, {"threads": 4})
    )
    assert sorted((row.threads, row.measured_at) for row in found)[0] == (1, late)
    assert len(found) == 2, "other threads are another measurement"
    assert len(compare.ranked(rows({}, {"sha256": "0" * 64}, {"requests_sha256": "1" * 64}))) == 3


def test_a_void_report_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    reports.written(tmp_path / "good.json", device="good")
    reports.written(tmp_path / "hot.json", device="hot", void="throttled", program_ms=Spread(p50=1.0, p95=1.0))
    assert "hot" not in run(tmp_path).output
    shown = run("--void", "--markdown", tmp_path).output.splitlines()
    assert shown[0].endswith("| void |")
    assert [line.split(" | ")[0] for line in shown[2:]] == ["| good", "| hot"]
    assert shown[3].endswith("| throttled |")


def test_a_void_report_does_not_hide_an_earlier_good_one() -> None:
    good = {"measured_at": "2026-11-01T00:00:00+00:00"}
    void = {"measured_at": "2026-11-02T00:00:00+00:00", "void": "throttled"}
    (found,) = compare.ranked(rows(good, void))
    assert found.void is None


def test_markdown_is_a_table_with_numbers_to_the_right(tmp_path: Path) -> None:
    shown = run("--markdown", reports.written(tmp_path / "a.json", device="Pi | 5"))
    head, rule, line = shown.output.splitlines()
    assert head.startswith("| device | model | quant | threads | valid | first token ms | program ms | p95 ms |")
    assert rule.startswith("| --- | --- | --- | ---: |")
    assert line.startswith(r"| Pi \| 5 | lamp-nano | Q4_K_M | 1 | 21/21 | 4.0 | 50.0 | 120 | 1,200 |")
    assert head.count("|") == rule.count("|") == line.count("|") - 1


def test_a_chart_is_drawn(tmp_path: Path) -> None:
    files = [reports.written(tmp_path / "a.json"), reports.written(tmp_path / "b.json", **SLOW)]
    done = run("--plot", tmp_path / "out" / "chart.png", *files)
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "out" / "chart.png") as chart:
        assert chart.format == "PNG"
        assert min(chart.size) > 100


# Mistakes ---------------------------------------------------------------------------------------------------


def refused(*arguments: object) -> str:
    done = run(*arguments)
    assert done.exit_code == 2
    (line,) = done.stderr.splitlines()
    return line


def without(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As in an environment in which a library is not installed."""
    real, find_spec = builtins.__import__, importlib.util.find_spec

    def imported(module: str, *rest: Any) -> Any:
        if module.partition(".")[0] == name:
            raise ModuleNotFoundError(f"No module named {module!r}")
        return real(module, *rest)

    monkeypatch.setattr(builtins, "__import__", imported)
    monkeypatch.setattr(compare, "find_spec", lambda module: None if module == name else find_spec(module))


def test_a_device_without_mlflow_is_asked_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "mlflow")
    assert "name files that `lampforge bench` wrote" in refused()


def test_without_matplotlib_there_is_a_table_and_no_chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "matplotlib")
    path = reports.written(tmp_path / "a.json")
    assert run(path).exit_code == 0
    assert "matplotlib is not installed" in refused("--markdown", "--plot", tmp_path / "c.png", path)
    assert not (tmp_path / "c.png").exists()


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    assert f"{tmp_path / 'x.json'}: no report" in refused(tmp_path / "x.json")
    assert f"{tmp_path}: no report" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "none.json")


def test_when_all_are_void_that_is_said(tmp_path: Path) -> None:
    path = reports.written(tmp_path / "a.json", void="throttled")
    assert "1 are void, --void shows them" in refused(path)
