"""The stage score_dataset: figures, tables and data card of rows that are made up here."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from stages import params, score_dataset

ROOT = Path(__file__).parents[1]
SEED = ROOT / "data" / "seed"
KNOBS = {"near_duplicate": 0.9, "examples": 1, "licence": "CC0 1.0"}


def program(color: str) -> str:
    command = {"type": "pattern", "name": "solid", "params": {"color": color}}
    return json.dumps({"program": {"name": "n", "steps": [{"id": "s1", "command": command, "duration": None}]}})


def row(number: int, **more: Any) -> dict[str, Any]:
    color = f"#{number:06X}"
    return {"id": f"r{number}", "prompt": f"light {color}", "category": "toy", "response": program(color), **more}


def new(number: int, **more: Any) -> dict[str, Any]:
    meaning = {"intent": "pattern", "pattern": "solid", "colors": [f"#{number:06X}"]}
    return row(number, version="v2", subcategory="part", template="t", meaning=meaning, **more)


def run(folder: Path, *rows: dict[str, Any], **knobs: Any) -> Result:
    (folder / "params.yaml").write_text(yaml.safe_dump({"score_dataset": {**KNOBS, **knobs}}))
    (folder / "screened.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    names = {"screened": "screened.jsonl", "metrics": "out/metrics.json", "plots": "out/plots", "card": "out/card.md"}
    paths = [part for name, value in names.items() for part in (f"--{name}", str(folder / value))]
    paths += ["--seed-folder", str(SEED), "--params", str(folder / "params.yaml")]
    return CliRunner().invoke(score_dataset.main, paths)


def outputs(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in (folder / "out").rglob("*") if path.is_file())
    return {path.relative_to(folder / "out").as_posix(): path.read_bytes() for path in found}


def test_imported_rows_old_rows_and_new_rows_go_together(tmp_path: Path) -> None:
    rows = [row(1), row(2, meaning={"intent": "off"}), new(3), new(3, running=program("#000000"))]
    result = run(tmp_path, *rows)
    assert result.exit_code == 0, result.output
    known = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (known["rows"], known["requests_v1"], known["requests_v2"], known["rows_over_a_program"]) == (4, 2, 1, 1)
    assert result.output.startswith("4 rows, 2 + 1 requests (v1 + v2)")


def test_each_table_is_a_csv_that_the_pipelines_plots_name(tmp_path: Path) -> None:
    run(tmp_path, row(1), new(2))
    written = {path.name: path for path in (tmp_path / "out" / "plots").iterdir()}
    drawn = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    plots = [next(iter(plot.values())) for plot in drawn if isinstance(plot, dict) and "score_dataset" in str(plot)]
    wanted = [
        (Path(path).name, {plot["x"], field})
        for plot in plots
        for path, field in plot["y"].items()
        if "/score_dataset/" in path
    ]
    assert {name for name, _ in wanted} == written.keys()
    for name, fields in wanted:
        with written[name].open() as handle:
            assert fields <= set(csv.DictReader(handle).fieldnames or ())


def test_outputs_are_the_same_for_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [new(number) if number % 2 else row(number) for number in range(450)]
    written = []
    for count in ("1", "2"):
        monkeypatch.setenv("LAMPFORGE_WORKERS", count)
        assert run(tmp_path, *rows).exit_code == 0
        written.append(outputs(tmp_path))
    assert written[0] == written[1]


def test_examples_do_not_hang_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = [new(number) for number in range(20)]
    shown = []
    for order in (rows, rows[::-1]):
        assert run(tmp_path, *order, examples=3).exit_code == 0
        shown.append((tmp_path / "out" / "card.md").read_text().partition("## Examples")[2])
    assert shown[0] == shown[1] and shown[0].count("*v2 / toy / part*") == 3


def test_an_example_is_a_short_program_where_the_category_has_one(tmp_path: Path) -> None:
    long = [{**row(number), "response": program("#000000") + " " * 3000} for number in range(8)]
    run(tmp_path, *long, row(9))
    assert "> light #000009" in (tmp_path / "out" / "card.md").read_text()


def test_an_empty_set_has_figures_and_a_card_too(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 0
    assert "0 rows" in (tmp_path / "out" / "card.md").read_text()


def test_the_card_has_the_licence_of_the_parameters(tmp_path: Path) -> None:
    run(tmp_path, row(1))
    assert "\nCC0 1.0\n" in (tmp_path / "out" / "card.md").read_text()


def test_a_row_that_lacks_a_key_is_one_line_with_its_place(tmp_path: Path) -> None:
    result = run(tmp_path, row(1), {"id": "x", "prompt": "y", "category": "z"})
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert "screened.jsonl:2: the row has no response" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_repositorys_own_parameters_are_right() -> None:
    knobs = params.load(score_dataset.Params, "score_dataset", ROOT / "params.yaml")
    assert 0 < knobs.near_duplicate < 1 and knobs.examples > 0 and knobs.licence
