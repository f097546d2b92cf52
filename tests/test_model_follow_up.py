"""The stage model_follow_up: what it learns from, that the labelled requests are held out, and its figures."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from stages import model_follow_up, params
from stages.device.follow_up import Decider
from stages.model import text_lines
from stages.model.text_lines import Line, spelling

ROOT = Path(__file__).parents[1]
SEED = ROOT / "data" / "seed"
LABELLED, TRAINING = (SEED / "follow_ups" / name for name in ("labelled.yaml", "training.yaml"))
KNOBS = params.load(model_follow_up.Params, "model_follow_up", ROOT / "params.yaml")
ROWS = [
    {"id": "a", "prompt": "show a purple heart", "template": "t1"},
    {"id": "b", "prompt": "pump up the light", "subcategory": "follow_up", "template": "t2"},
    {"id": "c", "prompt": "crank it all up", "subcategory": "vague", "template": "t3"},
    {"id": "d", "prompt": "and the other way", "running": "{}", "template": "t4"},
    {"id": "e", "prompt": "lower the brightness!", "subcategory": "follow_up"},  # labelled
    *({"id": f"n{number}", "prompt": f"timer for {number} minutes", "template": "t5"} for number in range(20)),
]


def screened(folder: Path) -> Path:
    path = folder / "screened.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def run(folder: Path, name: str = "out", rows: str | None = None) -> Result:
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["model_follow_up"] | {"rows": 10}
    (folder / "params.yaml").write_text(yaml.safe_dump({"model_follow_up": section}))
    path = screened(folder)
    if rows is not None:
        path.write_text(rows)
    options = {"screened": path, "seed-folder": SEED, "out": folder / name / "d.json"}
    options |= {"metrics": folder / name / "m.json", "params": folder / "params.yaml"}
    return CliRunner().invoke(
        model_follow_up.main, [part for key, at in options.items() for part in (f"--{key}", str(at))]
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the stage makes of ROWS and the seed data."""
    folder = tmp_path_factory.mktemp("stage")
    result = run(folder)
    assert result.exit_code == 0, result.output
    return folder


def test_there_are_150_labelled_requests_of_each_kind_and_no_two_alike() -> None:
    held = text_lines.read_lines(LABELLED, ("changes", "new"))
    assert {name: len(lines) for name, lines in held.items()} == {"changes": 150, "new": 150}
    assert len({spelling(line) for lines in held.values() for line in lines}) == 300


def test_no_labelled_request_is_among_the_hand_written_lines() -> None:
    labelled, written = (
        {spelling(line) for lines in text_lines.read_lines(path).values() for line in lines}
        for path in (LABELLED, TRAINING)
    )
    assert not labelled & written


def test_no_labelled_request_is_trained_on(tmp_path: Path) -> None:
    labelled = model_follow_up.lines_of(LABELLED, 1.0)
    written = [Line("w", "Lower the brightness?", True), Line("x", "another thing", False)]
    lines = model_follow_up.training_lines(written, model_follow_up.requests(screened(tmp_path), KNOBS), labelled)
    assert not {spelling(line.text) for line in lines} & {spelling(line.text) for line in labelled}
    assert {"another thing", "pump up the light"} <= {line.text for line in lines}


def test_requests_over_a_running_program_and_follow_ups_are_changes_and_vague_ones_are_left_out(tmp_path: Path) -> None:
    found = {line.text: line.answer for line in model_follow_up.requests(screened(tmp_path), KNOBS)}
    assert found["pump up the light"] and found["and the other way"]
    assert not found["show a purple heart"]
    assert "crank it all up" not in found


def test_further_rows_do_not_reshuffle_which_are_taken(tmp_path: Path) -> None:
    def taken(count: int) -> list[str]:
        knobs = model_follow_up.Params(**{**vars(KNOBS), "rows": count})
        return [line.text for line in model_follow_up.requests(screened(tmp_path), knobs) if not line.answer]

    assert taken(5) == taken(12)[:5]


def test_the_same_inputs_give_the_same_bytes(made: Path) -> None:
    assert run(made, "again").exit_code == 0
    for name in ("d.json", "m.json"):
        assert (made / "out" / name).read_bytes() == (made / "again" / name).read_bytes()


def test_the_figures_add_up_and_are_those_of_the_file(made: Path) -> None:
    figures: dict[str, Any] = json.loads((made / "out" / "m.json").read_text())
    decider, labelled = Decider(made / "out" / "d.json"), model_follow_up.lines_of(LABELLED, 1.0)
    right = sum(decider.changes(line.text, {}) == line.answer for line in labelled)
    assert figures["right"] == right == figures["changes_right"] + figures["new_right"]
    assert (figures["n"], figures["accuracy"]) == (300, round(right / 300, 4))


def test_the_published_figure_is_at_least_95_percent() -> None:
    figures = json.loads((ROOT / "metrics" / "model_follow_up.json").read_text())
    assert figures["n"] == 300 and figures["accuracy"] >= 0.95


def test_a_decision_takes_less_than_5_ms(made: Path) -> None:
    decider, labelled = Decider(made / "out" / "d.json"), model_follow_up.lines_of(LABELLED, 1.0)

    def seconds(text: str) -> float:
        start = time.perf_counter()
        decider.changes(text, {})
        return time.perf_counter() - start

    # The best of three for each: other work on the machine is not what is measured.
    assert max(min(seconds(line.text) for _ in range(3)) for line in labelled) < 0.005


def test_the_file_is_small(made: Path) -> None:
    assert (made / "out" / "d.json").stat().st_size < 2_000_000


def test_a_row_that_lacks_a_key_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    result = run(tmp_path, rows='{"id": "a"}\n')
    assert result.exit_code == 2 and "screened.jsonl:1: the row has no prompt" in result.stderr
    assert not (tmp_path / "out").exists()
